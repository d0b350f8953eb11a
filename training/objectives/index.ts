export {
  allTokensMlm,
  clmOnly,
  evalPassAux,
  frozenAux,
  randomReplace,
  replaceMlm,
  rtdOnly,
  trainPassAux,
} from './ablations'
export { cocoLm, cocoLmCopy, contrastWeight } from './coco-lm'
export { contrastLoss, cropped, cropShare, cropVectors, textVectors, type Crops } from './contrast'
export { corrupt, embedCorrupted, type Corrupted } from './corrupt'
export { electra } from './electra'
export { readMasked } from './masked-text'
export { mlm, mlmOnly } from './mlm'
export { objectives } from './named'
export { defineObjective } from './objective'
export type { LossFn, LossParts, Objective, ObjectiveTraits, PretrainInputs } from './objective'
export * from './reading'
export * from './replaced-text'
export { detectionWeight, tNlrV5 } from './t-nlrv5'
export * from './terms'
