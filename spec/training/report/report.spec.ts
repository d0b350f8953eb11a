import * as assert from 'uvu/assert'
import { renderReport, type RunReport } from '../../../training/report'
import type { Chart } from '../../../training/report/chart'
import { describe } from '../../harness'
import { elementsOf, textOf } from './html'
import { correction, record, sampleReport, verdict } from './sample'

const chartsIn = (html: string): readonly Chart[] =>
  JSON.parse(/<script type="application\/json" id="charts">([\s\S]*?)<\/script>/.exec(html)![1]!) as readonly Chart[]
const titles = (html: string): readonly string[] => chartsIn(html).map((chart) => chart.title)
const curve = (chart: Chart, label: string) =>
  chart.groups.flatMap((g) => g.series).find((series) => series.label === label)!
const rowsIn = (html: string): readonly (readonly string[])[] =>
  [...html.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map((row) =>
    [...row[1]!.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map((cell) => textOf(cell[1]!)),
  )

const bare: RunReport = {
  title: 'nothing yet',
  backend: { name: 'reference', detail: 'float64' },
  settings: [],
  records: [],
  heldOut: [],
  corrections: [],
}

describe('training/report', (test) => {
  const html = renderReport(sampleReport(600))

  test('well formed, and nothing in it can ask for a file', () => {
    const elements = elementsOf(html)
    for (const { name, attributes } of elements) {
      assert.not(['link', 'img', 'iframe', 'object', 'embed', 'base', 'form'].includes(name), name)
      for (const attribute of ['src', 'srcset', 'href', 'action', 'background', 'poster', 'style'])
        assert.not(attributes.has(attribute), `<${name} ${attribute}>`)
    }
    const styles = [...html.matchAll(/<style>([\s\S]*?)<\/style>/g)].map((m) => m[1]!).join('')
    assert.not.match(styles, /url\(|@import|@font-face/)
    const [code] = /<script>[\s\S]*<\/script>/.exec(html)!
    assert.not.match(code, /fetch\(|XMLHttpRequest|import\(|\.src\s*=|sendBeacon|WebSocket/)
    const ids = elements.flatMap((e) => e.attributes.get('id') ?? [])
    assert.is(new Set(ids).size, ids.length)
  })

  test('the page’s own policy forbids requests, and scripts that are not its own', () => {
    const meta = elementsOf(html).find((e) => e.attributes.get('http-equiv') === 'Content-Security-Policy')!
    // The element list keeps entities as they are written.
    assert.match(
      textOf(meta.attributes.get('content')!),
      /^default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[\w+/]{43}='$/,
    )
  })

  test('uPlot is in it with its licence', () => {
    assert.match(html, 'var uPlot=function()')
    assert.match(html, '.u-legend')
    assert.match(html, 'Permission is hereby granted, free of charge')
  })

  test('the table: untrained, trained, change, and what needs no model', () => {
    const { heldOut } = sampleReport(600)
    const [first, last] = [heldOut[0]!.evaluation, heldOut.at(-1)!.evaluation]
    const rows = rowsIn(html)
    const row = (name: string) => rows.find((cells) => cells[0]!.startsWith(name))!.slice(1)
    const minus = (x: number) => x.toFixed(3).replace('-', '−')
    assert.equal(row('MLM loss'), [first.metrics['mlm']!.toFixed(3), last.metrics['mlm']!.toFixed(3), minus(last.metrics['mlm']! - first.metrics['mlm']!), '6.421 unigram entropy']) // prettier-ignore
    assert.equal(row('CLM loss').at(-1), '6.421 unigram entropy')
    assert.equal(row('Detection, fixed'), ['0.498', '0.529', '+0.031', '0.514 token frequency alone'])
    assert.equal(row('Detection, own').slice(0, 1), ['0.500'])
    assert.match(textOf(html), 'It proves nothing')
    assert.match(textOf(html), '2\u202f457 of 16\u202f384 held-out tokens')
  })

  test('held-out figures in any order give the same page; a run resumed at a later step claims no untrained figures', () => {
    const report = sampleReport(600)
    assert.is(renderReport({ ...report, heldOut: [...report.heldOut].reverse() }), html)
    const resumed = renderReport({ ...report, heldOut: report.heldOut.slice(2) })
    const mlm = rowsIn(resumed).find((cells) => cells[0]!.startsWith('MLM loss'))!
    assert.equal([mlm[1], mlm[3]], ['–', '–'])
    assert.not.match(JSON.stringify(chartsIn(resumed)), 'untrained')
  })

  test('the charts, and the figures that they draw', () => {
    assert.equal(titles(html), ['Language losses', 'Detection loss', 'Detection on held-out text', 'Training objective', 'Gradient norm and learning rate', 'Speed']) // prettier-ignore
    const report = sampleReport(600)
    const [language] = chartsIn(html)
    const near = (got: number | null, want: number) =>
      assert.ok(Math.abs(got! - want) < 1e-4, `expected ${want}, got ${got}`)
    curve(language!, 'MLM, each step').values.forEach((v, i) => near(v, report.records[i]!.metrics['mlm']!))
    curve(language!, 'CLM, held-out').values.forEach((v, i) => near(v, report.heldOut[i]!.evaluation.metrics['clm']!))
    curve(language!, 'unigram entropy').values.forEach((v) => near(v, 6.4213))
    curve(language!, 'MLM, untrained').values.forEach((v) => near(v, report.heldOut[0]!.evaluation.metrics['mlm']!))
  })

  test('an objective of one’s own: each of its terms has a chart, whatever its name', () => {
    const page = renderReport(sampleReport(20, { '</script><b>': 2, margin: 0.25 }))
    elementsOf(page)
    assert.ok(titles(page).includes('margin'))
    assert.ok(titles(page).includes('</script><b>'))
    const alone = { ...sampleReport(20), heldOut: [], records: [1, 2].map((step) => ({ ...record(step, 20), metrics: { energy: step } })) } // prettier-ignore
    assert.equal(titles(renderReport(alone)), ['energy', 'Training objective', 'Gradient norm and learning rate', 'Speed']) // prettier-ignore
  })

  test('hostile text everywhere is shown as text', () => {
    const pageOf = (text: string, [first, second, third]: readonly [string, string, string]) => {
      const tokens = [verdict(first, 0.9, second), verdict(` ${third}`, 0.2, first), verdict(third, NaN, second), verdict(' ', 0.7, '')] // prettier-ignore
      return renderReport({
        ...sampleReport(5, { [text]: 1 }),
        title: text,
        backend: { name: text, detail: text },
        settings: [[text, text]],
        corrections: [{ original: text, before: correction(tokens), after: correction(tokens), replaced: [true, false, true, true] }], // prettier-ignore
      })
    }
    const nasty = `<script>alert(1)</script><!-- "'&amp; </title></style>`
    const page = pageOf(nasty, ['<script>', '</script>', '"\ufffd'])
    const names = (html: string) => elementsOf(html).map((e) => e.name)
    assert.equal(names(page), names(pageOf('plain', ['a', 'b', 'c'])))
    assert.is(textOf(page).split(nasty).length - 1 >= 6, true)
    assert.match(page, 'P(replaced) not finite')
  })

  test('tokens: depth of colour, underline above one half, marks of the really replaced, the model’s word', () => {
    const tokens = [verdict(' cat', 0.04, ' cat'), verdict(' sat', 0.97, ' ran'), verdict(' on', 0.5, ' in')]
    const page = renderReport({ ...bare, corrections: [{ original: 'cat ran on', before: correction(tokens), after: correction(tokens), replaced: [false, true, false] }] }) // prettier-ignore
    const spans = elementsOf(page).filter((e) => e.name === 'span' && e.attributes.has('title'))
    assert.equal(spans.map((e) => e.attributes.get('class')), ['t p0', 't p10 suspect real', 't p5', 't p0', 't p10 suspect real', 't p5']) // prettier-ignore
    assert.is(spans[1]!.attributes.get('title'), 'P(replaced) 0.970; the model would put “ran”; really replaced')
    assert.match(page, '<small>ran</small><small>97%</small>')
    assert.match(page, 'cat <ins>ran</ins> on')
    assert.match(textOf(page), '1 of 1 replaced tokens above 0.5, and 0 of the 2 others')
    assert.throws(
      () => renderReport({ ...bare, corrections: [{ original: '', before: correction(tokens), after: correction(tokens), replaced: [true] }] }), // prettier-ignore
      'report: expected a label for each of 3 tokens, got 1',
    )
  })

  test('nothing at all, one record, figures that are not numbers', () => {
    const empty = renderReport(bare)
    elementsOf(empty)
    assert.equal(chartsIn(empty), [])
    assert.not.match(textOf(empty), /undefined|NaN|null/)

    const one = renderReport({ ...sampleReport(1), heldOut: [], corrections: [] })
    elementsOf(one)
    assert.is(titles(one).length, 5)
    assert.not.match(textOf(one), 'Corrections')

    const report = sampleReport(40)
    const broken = report.records.map((r) => (r.step === 7 ? { ...r, loss: NaN, gradNorm: Infinity, metrics: { ...r.metrics, mlm: NaN } } : r)) // prettier-ignore
    const none = { metrics: { mlm: NaN, clm: Infinity }, detection: undefined, ownDetection: undefined }
    const page = renderReport({ ...report, records: broken, heldOut: [{ step: 0, evaluation: none }, { step: 40, evaluation: none }] }) // prettier-ignore
    elementsOf(page)
    const [language] = chartsIn(page)
    assert.is(curve(language!, 'MLM, each step').values[6], null)
    assert.match(language!.note, 'Not finite, and not drawn, at 1 of 40 steps.')
    assert.equal(rowsIn(page).find((cells) => cells[0]!.startsWith('MLM loss'))!.slice(1, 3), ['not finite', 'not finite']) // prettier-ignore
    assert.not(titles(page).includes('Detection on held-out text'))
  })

  test('10 000 steps: a page under 2 MB that has lost no spike and says how it was drawn', () => {
    const report = sampleReport(10_000)
    const spike = report.records.map((r) => (r.step === 7123 ? { ...r, gradNorm: 999 } : r))
    const page = renderReport({ ...report, records: spike })
    assert.ok(page.length < 1_000_000, `${page.length} characters`)
    const optimizer = chartsIn(page).find((chart) => chart.title.startsWith('Gradient norm'))!
    assert.ok(curve(optimizer, 'norm, each step').values.includes(999))
    assert.match(optimizer.note, /lowest and the highest of every 17 steps/)
  })
})
