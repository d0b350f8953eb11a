const light = `--paper: #f6f6f4; --card: #fff; --ink: #1d2129; --muted: #565f6d; --line: #dfe1e5; --grid: #e9ebee; --accent: #0b62b0;
  --series-0: #0b62b0; --series-1: #c2500a; --series-2: #17795a; --series-3: #7a3fa0; --series-4: #8a6a00; --level: #565f6d;
  --heat: 236 120 24; --heat-step: .085; --fix: #d9efe4; color-scheme: light;`
const dark = `--paper: #111418; --card: #191d23; --ink: #e6e8eb; --muted: #a0a9b6; --line: #2f353e; --grid: #272d35; --accent: #7cbcf8;
  --series-0: #6cb2f5; --series-1: #f59a52; --series-2: #5ecf9f; --series-3: #c79bf0; --series-4: #e0c04a; --level: #a0a9b6;
  --heat: 255 132 32; --heat-step: .052; --fix: #1d4a38; color-scheme: dark;`

/** One hue, so that only its depth speaks: it reads alike with any colour vision, and in grey on paper. */
const heat = Array.from(
  { length: 11 },
  (_, p) => `.p${p} { background: rgb(var(--heat) / calc(var(--heat-step) * ${p})); }`,
).join('\n')

/** The page's own style; uPlot's comes before it. `data-scheme=light` is set while printing. */
export const pageStyle = `
:root { ${light} }
@media (prefers-color-scheme: dark) { :root:not([data-scheme=light]) { ${dark} } }
@media print { :root { ${light} } }
* { box-sizing: border-box; }
html { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif;
  background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.015em; overflow-wrap: anywhere; text-wrap: balance; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .75rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
h4 { font-size: .875rem; margin: 0 0 .25rem; }
small, .note { font-size: .8125rem; color: var(--muted); font-weight: 400; }
.note { margin: .5rem 0; max-width: 62rem; }
.note b { color: var(--ink); font-weight: 600; }
.lead { font-size: 1.0625rem; max-width: 52rem; margin: 0; }
.backend { color: var(--muted); margin: .35rem 0 0; font-size: .9375rem; overflow-wrap: anywhere; }

.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .1rem 1.5rem; margin: 1.25rem 0 0;
  padding: .9rem 0 0; border-top: 1px solid var(--line); }
.settings div { padding: .25rem 0; min-width: 0; }
.settings dt { font-size: .75rem; color: var(--muted); }
.settings dd { margin: 0; font-size: .9375rem; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }

.figures { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
.figures th, .figures td { padding: .55rem .9rem; text-align: right; border-top: 1px solid var(--line); vertical-align: baseline; }
.figures thead th { font-size: .8125rem; font-weight: 600; color: var(--muted); border-top: 0; }
.figures th:first-child { text-align: left; font-weight: 500; overflow-wrap: anywhere; }
.figures .main { font-weight: 700; }
.figures small { white-space: nowrap; }

.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
figure { margin: 0; padding: 1rem 1rem .75rem; background: var(--card); border: 1px solid var(--line); min-width: 0; break-inside: avoid; }
figure.wide { grid-column: 1 / -1; }
figcaption { margin-bottom: .5rem; }
figcaption .note { margin: .15rem 0 0; }
.uplot { font-family: inherit; }
.plot .u-legend { margin: .35rem 0 0; text-align: left; font-size: .8125rem; font-variant-numeric: tabular-nums; width: 100%; }
.plot .u-inline tr { margin-right: 1.1rem; }
.plot .u-legend th { font-weight: 400; color: var(--muted); }
.plot .u-legend .u-marker { width: .8em; height: .8em; }
.plot .u-legend .is-raw .u-marker { opacity: .4; }
.plot .u-legend .is-line .u-marker, .plot .u-legend .is-level .u-marker { height: 0; width: 1.3em; border-width: 2px 0 0 !important; }
.plot .u-legend .is-points .u-marker, .plot .u-legend .is-dotted .u-marker { border-radius: 50%; }
.plot .u-series:first-child .u-marker { display: none; }
.plot .u-series > * { padding: 1px 2px; }
.plot .u-series:first-child th { cursor: auto; padding-left: 0; }
.plot .u-select { background: rgb(128 140 160 / .2); }
.plot .u-cursor-pt:is(.is-raw, .is-points, .is-dotted, .is-level) { display: none; }
.plot .u-cursor-x { border-color: var(--muted); }

.legend { list-style: none; padding: 0; margin: .75rem 0 1rem; display: flex; flex-wrap: wrap; gap: .4rem 1.75rem; font-size: .8125rem; color: var(--muted); }
.scale .t { color: var(--ink); padding: 0 .35rem; }
.legend .t, .legend ins { color: var(--ink); }
.sentence { background: var(--card); border: 1px solid var(--line); padding: 1rem 1.25rem; margin: 0 0 1rem; }
.sentence h3 { font-size: .8125rem; color: var(--muted); font-weight: 600; }
.original, .corrected { margin: .25rem 0 0; overflow-wrap: anywhere; }
.corrected { font-size: .9375rem; }
.judged { margin-top: 1rem; padding-top: .8rem; border-top: 1px solid var(--line); }
.tag { font-size: .75rem; color: var(--muted); margin-right: .35rem; }
.tokens { margin: 0; line-height: 1.75; overflow-wrap: anywhere; }
.t { border-radius: 3px; padding: .05em .12em; unicode-bidi: isolate; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.suspect { text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: 3px; }
.real { outline: 2px solid var(--accent); outline-offset: 0; }
.noted { display: inline-flex; flex-direction: column; align-items: center; vertical-align: top; line-height: 1.25; padding: .18rem .15rem .3rem; }
.noted small { font-size: .75rem; line-height: 1.25; margin-top: .15rem; unicode-bidi: isolate; }
.noted small + small { margin-top: 0; font-variant-numeric: tabular-nums; }
ins { text-decoration: none; background: var(--fix); border-radius: 3px; padding: .05em .15em; font-weight: 600; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
footer { margin-top: 3rem; font-size: .8125rem; color: var(--muted); }
${heat}

@media screen and (max-width: 46rem) {
  body { padding: 1.5rem .9rem 3rem; }
  h1 { font-size: 1.5rem; }
  .charts { grid-template-columns: minmax(0, 1fr); }
  figure { padding: .8rem .6rem .6rem; }
  .sentence { padding: .8rem .9rem; }
  .figures thead { display: none; }
  .figures tr { display: grid; grid-template-columns: 1fr 1fr; padding: .6rem .9rem; border-top: 1px solid var(--line); }
  .figures tr:first-child { border-top: 0; }
  .figures th, .figures td { border: 0; padding: .1rem 0; text-align: left; }
  .figures th { grid-column: 1 / -1; }
  .figures td::before { content: attr(data-label); display: block; font-size: .75rem; color: var(--muted); font-weight: 400; }
}
@media print {
  html { font-size: 12px; background: #fff; }
  body { max-width: none; padding: 0; }
  .charts { display: block; }
  figure { margin: 0 0 1rem; }
  .sentence, .figures tr { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
}
`
