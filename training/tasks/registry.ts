import { cola } from './glue/cola'
import { mnli, mnliMismatched } from './glue/mnli'
import { rte } from './glue/rte'
import { sst2 } from './glue/sst-2'
import type { Task } from './task'

/** The tasks by name, in the order of the leaderboards. */
export const tasks: { readonly [name: string]: Task } = Object.fromEntries(
  [cola, sst2, mnli, mnliMismatched, rte].map((task) => [task.name, task]),
)

/** A task by its name; undefined where there is none. */
export const taskOf = (name: string): Task | undefined => (Object.hasOwn(tasks, name) ? tasks[name] : undefined)
