import type * as TE from 'fp-ts/TaskEither'
import type { DataFault } from '../data/fault'

/** SuperGLUE's `val` is `dev`. MNLI's mismatched half is a task of its own, `mnli-mm`. */
export const splits = ['train', 'dev', 'test'] as const
export type Split = (typeof splits)[number]

/** Characters (UTF-16) of a text, the end not included. */
export interface Span {
  readonly from: number
  readonly to: number
}

/**
 * What a model reads at once: a text or a pair of texts. `spans`: what a span pair head looks at; the first lies in `first`, the second in `second`, or
 * in `first` as well where that is the only text.
 */
export interface Reading {
  readonly first: string
  readonly second?: string
  readonly spans?: readonly [Span, Span]
}

/** A row of a task, or the part of one that is answered by itself. */
export interface Example {
  /** As submission files name it. */
  readonly id: string
  /** One; or one a choice, where choices are held against each other. */
  readonly readings: readonly Reading[]
  /** A class or a choice by number, or a value; undefined where it is hidden. Of several right choices, the first. */
  readonly target: number | undefined
  /** All right choices of a ranking, ascending. */
  readonly rights?: readonly number[]
  /** What is scored together: a question of MultiRC, a pair of AX-g. */
  readonly group?: string
  /** Texts of the choices, where the answer is a text (ReCoRD). */
  readonly choices?: readonly string[]
}

/** What a model's last hidden states are turned into, and by it the loss (recipe 8, 4.3). */
export type HeadForm =
  | { readonly kind: 'classification'; readonly labels: readonly string[] }
  /** Trained on value / scale (STS-B: 5). */
  | { readonly kind: 'regression'; readonly scale: number; readonly range: readonly [number, number] }
  /** A fixed number of readings, one right. */
  | { readonly kind: 'choice'; readonly choices: number }
  /** Any number of readings, one or more right. */
  | { readonly kind: 'ranking' }
  | { readonly kind: 'span-pair'; readonly labels: readonly string[] }

/** What a model says to an example. */
export interface Answer {
  /** The class or choice by number, or the value. */
  readonly value: number
  /** Of the classes or choices: logits. Of a value: itself. */
  readonly scores: readonly number[]
}

/** Rows of a file that were not used as they stand, and why. */
export interface LeftOut {
  readonly why: string
  readonly rows: number
  /** Where the first of them is: file and line. */
  readonly first: string
}

/** What a file of a task holds. */
export interface TaskRows {
  readonly examples: readonly Example[]
  /** To be told: silence would be a wrong count. */
  readonly leftOut: readonly LeftOut[]
  /** Rows that contradict themselves and are used all the same: to be told as well. */
  readonly mended: readonly LeftOut[]
}

/** Figures by name, in the order in which the leaderboard gives them; accuracy and F1 as shares, not percent. */
export type Scores = { readonly [metric: string]: number }

/** A task as data: where its rows lie, what is made of them, how answers are scored and handed in. */
export interface Task {
  /** As `--task` takes it: `sst-2`. */
  readonly name: string
  /** As the leaderboard writes it: `SST-2`. */
  readonly title: string
  /** Names of the folder of its files, in the order in which they are looked for. */
  readonly folders: readonly string[]
  /** own: of the user's making */
  readonly suite: 'glue' | 'superglue' | 'own'
  readonly head: HeadForm
  /** The task whose trained head answers this one, which has no training rows (AX: mnli). Default: itself. */
  readonly answeredBy?: string
  /** Names of a split's file, in the order in which they are looked for, each also with .gz or .br. None: the split does not exist. */
  readonly files: { readonly [S in Split]: readonly string[] }
  /** Official numbers of examples; 0 where the split does not exist. */
  readonly counts: { readonly [S in Split]: number }
  /**
   * A file of any name, also .gz or .br: .jsonl by that ending, else tab-separated. `train` and `dev` must have labels, `test` may.
   * left  a row that is not of the task's form: file, line, column
   */
  readonly read: (file: string, split: Split) => TE.TaskEither<DataFault, TaskRows>
  /** throws  RangeError where an example has no target, or answers are not as many: the caller's faults. */
  readonly score: (examples: readonly Example[], answers: readonly Answer[]) => Scores
  /** The figures whose mean counts on the leaderboard; none for diagnostics, which do not count. */
  readonly counted: readonly string[]
  readonly submission: {
    /** `SST-2.tsv` */
    readonly file: string
    readonly write: (examples: readonly Example[], answers: readonly Answer[]) => string
    /**
     * Answers out of a file of that form, in the order of `examples`; their scores are 1 for what is answered, else 0.
     * left  a line that is not of it; an example without a line, a line without an example
     */
    readonly read: (file: string, examples: readonly Example[]) => TE.TaskEither<DataFault, readonly Answer[]>
  }
}
