export { leaderboardScore, type ScoresByTask } from './leaderboard'
export { locate } from './locate'
export { askedTask, OwnTask, ownTask, type AskedTask } from './own-task'
export { taskOf, tasks } from './registry'
export { toldOf } from './told'
export {
  splits,
  type Answer,
  type Example,
  type HeadForm,
  type LeftOut,
  type Reading,
  type Scores,
  type Span,
  type Split,
  type Task,
  type TaskRows,
} from './task'
