import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { showDataFault } from '../../../training/data/fault'
import { locate, type Split } from '../../../training/tasks'
import { describe } from '../../harness'
import { temporary } from '../cli/run-cli'
import { known } from './files'

const folder = temporary()
for (const path of [
  'all/glue/RTE/train.tsv.gz',
  'all/glue/RTE/dev.tsv',
  'all/glue/MNLI/dev_mismatched.tsv.br',
  'all/glue/diagnostic/diagnostic.tsv',
  'all/superglue/RTE/train.jsonl',
  'all/superglue/AX-b/AX-b.jsonl',
]) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), '')
}

const found = async (name: string, split: Split, where: string): Promise<string> => {
  const file = await locate(known(name), split, join(folder, where))()
  return (E.isRight(file) ? file.right : showDataFault(file.left)).replaceAll(`${folder}/`, '')
}

describe('training/tasks/locate', (test) => {
  test("in the task's own folder, in that of its suite, in the one above; packed or not", async () => {
    for (const where of ['all', 'all/glue', 'all/glue/RTE']) {
      assert.is(await found('rte', 'train', where), 'all/glue/RTE/train.tsv.gz')
      assert.is(await found('rte', 'dev', where), 'all/glue/RTE/dev.tsv')
    }
    assert.is(await found('mnli-mm', 'dev', 'all'), 'all/glue/MNLI/dev_mismatched.tsv.br')
    assert.is(await found('ax', 'test', 'all'), 'all/glue/diagnostic/diagnostic.tsv')
    assert.is(await found('superglue-rte', 'train', 'all'), 'all/superglue/RTE/train.jsonl')
    assert.is(await found('ax-b', 'test', 'all/superglue'), 'all/superglue/AX-b/AX-b.jsonl')
  })

  test('what is not there is told with what was looked for; a split that a task does not have, with those that it has', async () => {
    assert.is(
      await found('rte', 'test', 'all'),
      'test rows of rte: expected test.tsv or test.jsonl, also .gz or .br, in it or in RTE or glue/RTE, got none\n  at all',
    )
    assert.match(await found('rte', 'test', 'nowhere'), /got no such folder\n {2}at nowhere$/)
    assert.match(await found('superglue-rte', 'dev', 'all'), /expected val\.jsonl, .* superglue\/RTE, got none/)
    assert.is(
      await found('mnli-mm', 'train', 'all'),
      'task mnli-mm: expected dev or test, got train\n  help: it is answered by a model of mnli',
    )
    assert.match(await found('ax', 'dev', 'all'), /^task ax: expected test, got dev/)
  })
})
