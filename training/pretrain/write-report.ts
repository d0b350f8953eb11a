import { basename, join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { countParameters } from '../../models'
import type { Fault } from '../fault'
import { renderReport } from '../report/render'
import type { RunReport, TunedFigures } from '../report/run-report'
import type { SettledConfig } from './fit-memory'
import { runFiles, writeText } from './folder'
import type { RunResult } from './run'

/** The run as a page: loss curves, held-out figures, corrections; and what it is worth for a task, where that was tried. Gives its path. */
export const writeReport =
  (result: RunResult, tuned?: TunedFigures): TE.TaskEither<Fault, string> =>
  async () => {
    const { out } = result.run.config
    const written = await writeText(
      out,
      runFiles.report,
      renderReport({ ...reportOf(result), ...(tuned === undefined ? {} : { tuned }) }),
    )()
    return E.isLeft(written) ? written : E.right(join(out, runFiles.report))
  }

const reportOf = ({ run, records, snapshots, step }: RunResult): RunReport => {
  const { config, model, corpus, device } = run
  const { main, total } = countParameters(model, run.traits.heads)
  const [first, last] = [snapshots[0], snapshots.at(-1)]
  return {
    title: `emend: ${config.preset}, ${config.objective}, ${step} of ${config.steps} steps`,
    backend: device.backend,
    settings: [
      ['preset', `${config.preset}: ${model.mainLayers} + ${model.auxLayers} layers, ${model.hidden} wide`],
      ['parameters', `${total.toLocaleString('en')} (main model ${main.toLocaleString('en')})`],
      ['corpus', describeCorpus(config.corpus)],
      ['documents', `${corpus.documents.train} to train on, ${corpus.documents.heldOut} held out`],
      ['training tokens', corpus.train.packedTokens.toLocaleString('en')],
      ['vocabulary', String(corpus.tokenizer.vocabSize)],
      ['batch', `${config.batch} rows of ${config.seq} tokens${describeFit(config)}`],
      ['learning rate', `${config.lr}, ${config.warmup} steps of warm-up, linear decay`],
      ['seed', String(config.seed)],
    ],
    records,
    heldOut: snapshots.map(({ step: at, evaluation }) => ({ step: at, evaluation })),
    ...(run.snapshots === undefined ? {} : { baselines: run.snapshots.baselines }),
    corrections:
      first === undefined || last === undefined
        ? []
        : first.corrections.map(({ original, replaced, correction }, i) => ({
            original,
            replaced,
            before: correction,
            after: last.corrections[i]!.correction,
          })),
  }
}

/** `, 2 at once, layers recomputed`, where a step was cut. */
const describeFit = ({ batch, microBatch, remat }: SettledConfig): string =>
  [microBatch === batch ? [] : `, ${microBatch} at once`, remat === 'none' ? [] : `, ${remat} recomputed`]
    .flat()
    .join('')

const describeCorpus = (files: readonly string[]): string => {
  const names = files.map((file) => basename(file))
  return names.length <= 4
    ? names.join(', ')
    : `${names.slice(0, 2).join(', ')} ... ${names.at(-1)!} (${names.length} files)`
}
