// A rank from its source, as a thread: TypeScript is not there by itself.
import { register } from 'tsx/esm/api'

register()
await import('./rank-thread.ts')
