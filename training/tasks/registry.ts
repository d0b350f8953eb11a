import { ax } from './glue/ax'
import { cola } from './glue/cola'
import { mnli, mnliMismatched } from './glue/mnli'
import { mrpc } from './glue/mrpc'
import { qnli } from './glue/qnli'
import { qqp } from './glue/qqp'
import { rte } from './glue/rte'
import { sst2 } from './glue/sst-2'
import { stsB } from './glue/sts-b'
import { wnli } from './glue/wnli'
import { axB } from './superglue/ax-b'
import { axG } from './superglue/ax-g'
import { boolq } from './superglue/boolq'
import { cb } from './superglue/cb'
import { copa } from './superglue/copa'
import { multirc } from './superglue/multirc'
import { record } from './superglue/record'
import { superglueRte } from './superglue/rte'
import { wic } from './superglue/wic'
import { wsc } from './superglue/wsc'
import type { Task } from './task'

const all: readonly Task[] = [
  cola,
  sst2,
  mrpc,
  stsB,
  qqp,
  mnli,
  mnliMismatched,
  qnli,
  rte,
  wnli,
  ax,
  boolq,
  cb,
  copa,
  multirc,
  record,
  superglueRte,
  wic,
  wsc,
  axB,
  axG,
]

/** The tasks by name, in the order of the leaderboards. */
export const tasks: { readonly [name: string]: Task } = Object.fromEntries(all.map((task) => [task.name, task]))

/** A task by its name; undefined where there is none. */
export const taskOf = (name: string): Task | undefined => (Object.hasOwn(tasks, name) ? tasks[name] : undefined)
