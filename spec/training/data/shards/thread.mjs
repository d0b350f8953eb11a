// An encoding thread from the sources: a loader is not inherited by threads in every Node.
import { register } from 'tsx/esm/api'

register()
await import('../../../../training/data/shards/encode-worker.ts')
