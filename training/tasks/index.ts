export { locate } from './locate'
export { taskOf, tasks } from './registry'
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
