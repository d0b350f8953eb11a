export { renderReport } from './render'
export type { HeldOut, ReportedCorrection, RunReport } from './run-report'
