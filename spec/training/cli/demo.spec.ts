import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, temporary } from './run-cli'

const folder = temporary()
const config = join(folder, 'demo.json')
writeFileSync(
  config,
  JSON.stringify({ steps: 3, vocab: 400, batch: 4, seq: 16, hidden: 16, mainLayers: 1, auxLayers: 1, evalBatches: 2 }),
)

describe('training/cli: demo', (test) => {
  test('the whole story on the addresses, with sizes from a config file', async () => {
    const out = join(folder, 'run')
    const { code, stdout, stderr } = await emend(['demo', '--config', config, '--out', out])
    assert.is(code, 0, stderr)
    for (const part of [
      /Corpus +233 documents, \d+ of them held out/,
      /Tokenizer +byte-level BPE, 400 entries/,
      /Model +tiny: auxiliary of 1 and main of 1 layers, 16 wide/,
      /auxiliary's masked LM, nats a token +\d+\.\d{3} +\d+\.\d{3} +unigram entropy \d+\.\d{3}/,
      /detection, ROC AUC +0\.\d{3} +0\.\d{3} +frequency alone 0\.\d{3}/,
      /Corrections of held-out sentences/,
      /accuracy on \d+ passages of addresses that were not tuned to/,
      /the most frequent party +0\.\d{3}/,
      /a linear model of the words +0\.\d{3}/,
      /this model, untrained, tuned +0\.\d{3}/,
      /this model, pretrained, tuned +0\.\d{3}/,
      /report +.*report\.html/,
    ])
      assert.match(stdout, part)
    const [, told] = /this model, pretrained, tuned +(0\.\d{3})/.exec(stdout)!
    const evaluated = await emend([
      ...['evaluate', '--task', 'party', '--data', join(out, 'party'), '--json'],
      ...['--from', join(out, 'party', 'pretrained')],
    ])
    assert.is(evaluated.code, 0, evaluated.stderr)
    const { metrics } = JSON.parse(evaluated.stdout) as { readonly metrics: { readonly accuracy: number } }
    assert.is(metrics.accuracy.toFixed(3), told)
    const page = readFileSync(join(out, 'report.html'), 'utf8')
    assert.ok(page.includes('Tuned to a task: parties') && page.includes(`>${told}</td>`))
    assert.ok(existsSync(join(out, 'report.html')))
  })

  test('a corpus of its own takes the place of the addresses', async () => {
    const missing = join(folder, 'missing.txt')
    const { code, stderr } = await emend(['demo', '--config', config, '--corpus', missing, '--out', join(folder, 'x')])
    assert.is(code, 2)
    assert.match(stderr, /missing\.txt/)
  })
})
