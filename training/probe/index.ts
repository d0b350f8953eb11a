export { fitLinear, type Classify, type Labelled } from './fit'
export { probe, type ProbeResult, type ProbeSpec } from './probe'
export { readExamples, type Example } from './read-task'
