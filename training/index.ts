export * from './checkpoint/checkpoint'
export { decodeSafetensors, encodeSafetensors, type SafetensorsFile, type StoredTensor } from './checkpoint/safetensors'
export * from './correct/corrector'
export { openPair, type SavedPair } from './correct/open'
export { correctProgram, detectProgram, isDetecting, type Detecting } from './correct/program'
export * from './data/batch'
export * from './data/blocks'
export { cocoLmText } from './data/coco-lm-text'
export { encodeFiles, type EncodedSoFar, type IdLayout } from './data/encode-files'
export { fromJson } from './data/tokenizer/file/from-json'
export { openTokenizer } from './data/tokenizer/file/open'
export { fromSentencePiece } from './data/tokenizer/file/sentencepiece'
export { fromVocabTxt } from './data/tokenizer/file/vocab-txt'
export type { TokenizerSpec } from './data/tokenizer/spec'
export { requireSpecials } from './data/tokenizer/specials'
export { tokenizer, tokenizerOf, type Tokenizer } from './data/tokenizer/tokenizer'
export { trainBpe, trainTokenizer, type CountedWords, type TrainerConfig } from './data/tokenizer/train/train-bpe'
export { trainOnFiles, type TrainedOnFiles, type TrainListener } from './data/tokenizer/train/train-on-files'
export { WordCounts } from './data/tokenizer/train/word-counts'
export * from './data/corrupt-fixed'
export { maskSlots, type Masking } from './data/mask'
export { wordEdges, type WordEdges } from './data/word-edges'
export * from './data/order'
export * from './data/pack'
export { packings, type Packing } from './data/packing'
export { prefetched, type StepBlocks } from './data/prefetch'
export { readDocuments, streamDocuments, type Document } from './data/read-text'
export { buildCorpus, type BuildConfig, type BuildListener, type Built } from './data/shards/build'
export { localEncoder, threadEncoder, type Encoder } from './data/shards/encoder'
export { corpusFingerprint, type BuildPlan, type Manifest, type Shard, type ShardSet } from './data/shards/manifest'
export { mixture } from './data/shards/mixture'
export { openCorpus, type OpenCorpus } from './data/shards/open'
export { splitDocuments, type Split } from './data/split'
export * from './fault'
export * from './finetune'
export * from './loop'
export * from './metrics'
export * from './objectives'
export * from './optim'
export * from './pretrain/config'
export * from './pretrain/corpus'
export { loadObjective } from './pretrain/objective-file'
export { chooseFit, settle, type FitSettings, type Fitted, type SettledConfig } from './pretrain/fit-memory'
export * from './ablate'
export * from './cloze'
export {
  exportHuggingFace,
  importHuggingFace,
  toHuggingFace,
  type HfModel,
  type Imported,
  type ParameterOf,
} from './exchange'
export { forecaster, forecastStep, pairStep, type Fit, type StepForecast } from './pretrain/plan-run'
export type { OpenRun } from './pretrain/open-run'
export { recipeOf, type RecipeSettings } from './pretrain/recipe'
export { pretrain, type RunListener, type RunResult } from './pretrain/run'
export { batchAvals } from './pretrain/shapes'
export type { CorrectedSpecimen, Snapshot } from './pretrain/snapshot'
export { writeReport } from './pretrain/write-report'
export * from './probe'
export { solo, type Communicator } from './ranks/communicator'
export { meeting } from './ranks/meeting'
export { sharedCommunicator, sharedRanks, tellGone, type SharedRanks } from './ranks/shared'
export * from './robust'
export * from './runner'
export * from './scaling'
export * as scores from './scores'
export * from './step'
export {
  askedTask,
  leaderboardScore,
  locate,
  taskOf,
  tasks,
  toldOf,
  type Answer,
  type Example as TaskExample,
  type HeadForm,
  type LeftOut,
  type Reading as TaskReading,
  type Scores,
  type ScoresByTask,
  type Span,
  type Split as TaskSplit,
  type Task,
  type TaskRows,
} from './tasks'
export { stepCost, type PlannedProgram, type StepCost } from './step-cost'
export { batchArrays, seedArrays } from './step-runner'
