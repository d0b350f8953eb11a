export { ablationSvg } from './chart'
export { decideAblation, readAblation, type AblationPlan, type ProbeTask, type Variant } from './plan'
export { ablate, type Ablation, type AblationListener } from './run'
export { showSpread, spreadOf, summarize, tableOf, type RunFigures, type Spread, type VariantSummary } from './summary'
