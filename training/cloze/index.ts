export { openCloze, type Candidate, type Choice, type Cloze, type ClozeSpec } from './cloze'
export { gapped, gapText, type Gapped } from './gaps'
export { clozeProgram, type ClozeModel } from './program'
