import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { DataFault } from '../../fault'
import { streamDocuments } from '../../read-text'
import type { Tokenizer } from '../tokenizer'
import { normalizerFor, tooManyWords, trainBpe, vocabularyFault, type TrainerConfig } from './train-bpe'
import { WordCounts } from './word-counts'

/** What training on files tells while it goes on. */
export interface TrainListener {
  readonly read?: (so: { readonly source: string; readonly documents: number; readonly words: number }) => void
}

export interface TrainedOnFiles {
  readonly tokenizer: Tokenizer
  readonly documents: number
  readonly characters: number // UTF-16 units
  readonly words: number // distinct ones
}

/**
 * As `trainTokenizer`, on corpus files (see `streamDocuments`): one document at a time, so that memory holds distinct words and the
 * largest document, however long the corpus is. `prepare` is done to each text first.
 * left  a file or row that cannot be read; what `trainBpe` refuses, its size before anything is read
 */
export const trainOnFiles =
  (
    files: readonly string[],
    config: TrainerConfig & { readonly prepare?: (text: string) => string },
    listener: TrainListener = {},
  ): TE.TaskEither<DataFault, TrainedOnFiles> =>
  async () => {
    const tooSmall = vocabularyFault(config.vocabSize)
    if (tooSmall !== undefined) return E.left(tooSmall)
    const normalize = normalizerFor(config.normalizers ?? [])
    const { prepare = (text: string) => text } = config
    const counts = new WordCounts()
    let [documents, characters] = [0, 0]
    for await (const next of streamDocuments(files)) {
      if (E.isLeft(next)) return next
      const { text, source } = next.right
      counts.addWords(normalize(prepare(text)))
      if (counts.isFull) return E.left(tooManyWords(counts))
      documents += 1
      characters += text.length
      listener.read?.({ source, documents, words: counts.size })
    }
    const trained = trainBpe(counts, config)
    return E.isLeft(trained) ? trained : E.right({ tokenizer: trained.right, documents, characters, words: counts.size }) // prettier-ignore
  }
