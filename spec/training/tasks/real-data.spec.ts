import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { locate, splits, tasks } from '../../../training/tasks'
import { describe } from '../../harness'
import { known, read, realData, realSplits } from './files'

const data = realData()

describe('training/tasks: the real files', (test) => {
  test('each split has an official count, or no file', () => {
    for (const task of Object.values(tasks))
      for (const split of splits)
        assert.is(task.counts[split] > 0, task.files[split].length > 0, `${task.name} ${split}`)
  })
  if (data === null) return

  for (const [name, split] of realSplits)
    test(`${name}, ${split}: as many rows as there are officially, none left out, targets unless it is a test split`, async () => {
      const file = await locate(known(name), split, data)()
      if (E.isLeft(file)) throw new Error(file.left.expected)
      const { examples, leftOut } = await read(name, file.right, split)
      assert.is(examples.length, known(name).counts[split])
      assert.equal(leftOut, [])
      const hidden = examples.filter(({ target }) => target === undefined).length
      assert.is(hidden, split === 'test' && name !== 'ax-b' ? examples.length : 0)
      for (const { readings } of examples)
        for (const { first, second, spans } of readings)
          for (const [i, { from, to }] of (spans ?? []).entries())
            assert.ok(from >= 0 && from < to && to <= (i === 1 && second !== undefined ? second : first).length)
    })

  test('files with public labels are dev files by their path', async () => {
    for (const [name, path, count] of [
      ['sst-2', 'glue/SST-2/test-labeled.tsv', 1821],
      ['mrpc', 'glue/MRPC/msr_paraphrase_test.txt.gz', 1725],
      ['sts-b', 'glue/STS-B/original__sts-test.tsv', 1379],
      ['sts-b', 'glue/STS-B/original__sts-train.tsv.gz', 5749],
      ['boolq', 'superglue/BoolQ/fewglue_dev32.jsonl', 32],
    ] as const)
      assert.is((await read(name, join(data, path))).examples.length, count, path)
    const [labelled, hidden] = [
      await read('sst-2', join(data, 'glue/SST-2/test-labeled.tsv')),
      await read('sst-2', join(data, 'glue/SST-2/test.tsv'), 'test'),
    ].map(({ examples }) => examples.map(({ readings }) => readings[0]!.first.trim()))
    assert.equal(labelled, hidden)
  })

  test('LingNLI is training rows of MNLI, on its premises; BoolQ has some training rows', async () => {
    let rows = 0
    for (const name of ['baseline', 'LitL', 'LotS']) {
      const { examples, leftOut } = await read('mnli', join(data, `lingnli/train_${name}_rounds1-5.jsonl.gz`), 'train')
      assert.equal(leftOut, [])
      rows += examples.length
    }
    assert.is(rows, 44983)
    assert.is((await read('boolq', join(data, 'superglue/BoolQ/fewglue_train.jsonl'), 'train')).examples.length, 32)
  })

  test('the spans of WSC: as jiant counts them, but for four that are told', async () => {
    const told: number[] = []
    for (const split of splits) {
      const file = await locate(known('wsc'), split, data)()
      if (E.isLeft(file)) throw new Error(file.left.expected)
      told.push((await read('wsc', file.right, split)).mended.reduce((n, { rows }) => n + rows, 0))
    }
    assert.equal(told, [0, 1, 3])
  })
})
