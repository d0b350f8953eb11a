import { posix } from 'node:path'
import {
  drawsUnseeded,
  houseFolders,
  importsOf,
  writesAny,
  type HouseFolder,
  type Import,
  type SourceFile,
} from './source-file'

/** A broken rule of the house: the file, and what is wrong with it. */
export interface Fault {
  readonly rule: 'direction' | 'target' | 'package' | 'cycle' | 'name' | 'length' | 'leak'
  readonly path: string
  readonly what: string
}

/** Who may import whom (design.md, section 2). A folder may always import itself. */
const mayImport: Readonly<Record<HouseFolder, readonly HouseFolder[]>> = {
  core: [],
  autodiff: ['core'],
  kernels: ['core'],
  models: ['core'],
  training: ['core', 'autodiff', 'kernels', 'models'],
  spec: houseFolders,
}

/** A package of its own that uses ours from outside, as its users do. */
const isExample = (path: string): boolean => path.startsWith('spec/example/')

const folderOf = (path: string): HouseFolder | undefined => houseFolders.find((f) => path.startsWith(`${f}/`))

/** The file that a relative specifier means, of those there are. */
const targetOf = (from: string, specifier: string, known: ReadonlySet<string>): string | undefined => {
  const base = posix.join(posix.dirname(from), specifier)
  return [base, `${base}.ts`, `${base}/index.ts`].find((path) => known.has(path))
}

/** An import of one of our files by another. */
interface Edge extends Import {
  readonly from: string
  readonly to: string
}

interface Imports {
  readonly edges: readonly Edge[]
  /** Imports of packages and of Node's own modules. */
  readonly packages: readonly { readonly from: string; readonly specifier: string }[]
  /** Relative imports that end in no file. */
  readonly lost: readonly Fault[]
}

const readImports = (files: readonly SourceFile[]): Imports => {
  const known = new Set(files.map((f) => f.path))
  const edges: Edge[] = []
  const packages: { from: string; specifier: string }[] = []
  const lost: Fault[] = []
  for (const file of files) {
    if (isExample(file.path)) continue
    for (const found of importsOf(file)) {
      const { specifier } = found
      if (!specifier.startsWith('.')) packages.push({ from: file.path, specifier })
      else {
        const to = targetOf(file.path, specifier, known)
        if (to !== undefined) edges.push({ ...found, from: file.path, to })
        else if (!specifier.endsWith('.json'))
          lost.push({ rule: 'target', path: file.path, what: `imports ${specifier}, which is no file of the house` })
      }
    }
  }
  return { edges, packages, lost }
}

const wrongDirections = (edges: readonly Edge[]): readonly Fault[] =>
  edges.flatMap(({ from, to }): readonly Fault[] => {
    const [a, b] = [folderOf(from), folderOf(to)]
    if (a === undefined || b === undefined || a === b || mayImport[a].includes(b)) return []
    const allowed = mayImport[a].length === 0 ? 'nothing of ours' : mayImport[a].join(', ')
    return [{ rule: 'direction', path: from, what: `imports ${to}; ${a} may import ${allowed}` }]
  })

/** Packages by name that some files alone may import. */
const keptTo: Readonly<Record<string, RegExp>> = {
  'gpu.js': /^kernels\/devices\/gpujs\//,
  'io-ts': /^(core\/codec\.ts|models\/config\.ts|training\/.*)$/,
}

const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

/** What is published may need only what is installed with it; `shipped` are the names of those packages. */
const wrongPackages = (packages: Imports['packages'], shipped: ReadonlySet<string>): readonly Fault[] =>
  packages.flatMap(({ from, specifier }): readonly Fault[] => {
    if (from.startsWith('spec/') || specifier.startsWith('node:')) return []
    const name = packageName(specifier)
    const place = keptTo[name]
    if (place !== undefined && !place.test(from))
      return [{ rule: 'package', path: from, what: `imports ${name}, which only ${place.source} may` }]
    return shipped.has(name)
      ? []
      : [{ rule: 'package', path: from, what: `imports ${name}, which is not installed with emend` }]
  })

/** Cycles of imports that run: each is reported once, at its first file. Files are walked with an explicit stack. */
const cycles = (edges: readonly Edge[]): readonly Fault[] => {
  const next = new Map<string, string[]>()
  for (const { from, to, isTypeOnly } of edges) if (!isTypeOnly) next.set(from, [...(next.get(from) ?? []), to])
  const faults: Fault[] = []
  const state = new Map<string, 'open' | 'done'>()
  for (const start of [...next.keys()].sort()) {
    if (state.has(start)) continue
    state.set(start, 'open')
    const path = [{ file: start, at: 0 }]
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const to = next.get(top.file)?.[top.at]
      top.at += 1
      if (to === undefined) {
        state.set(top.file, 'done')
        path.pop()
      } else if (state.get(to) === undefined) {
        state.set(to, 'open')
        path.push({ file: to, at: 0 })
      } else if (state.get(to) === 'open') {
        const loop = [...path.slice(path.findIndex((p) => p.file === to)).map((p) => p.file), to]
        faults.push({ rule: 'cycle', path: to, what: loop.join(' -> ') })
      }
    }
  }
  return faults
}

const wrongNames = (files: readonly SourceFile[]): readonly Fault[] =>
  files.flatMap(({ path }): readonly Fault[] => {
    const vague = path.split('/').find((part) => /^(utils?|helpers?|commons?|misc)(\.|$)/i.test(part))
    return vague === undefined ? [] : [{ rule: 'name', path, what: `"${vague}" names no thing` }]
  })

export const mostLines = 400

const tooLong = (files: readonly SourceFile[]): readonly Fault[] =>
  files.flatMap(({ path, text }): readonly Fault[] => {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
    return lines <= mostLines ? [] : [{ rule: 'length', path, what: `${lines} lines; split it at ${mostLines}` }]
  })

/** Rules of the linter that no comment may put out of force: those on `any`, on casts and on randomness. */
const firmRules =
  'no-restricted-|@typescript-eslint/no-(?:explicit-any|unsafe-(?:argument|assignment|call|member-access|return)\\b)'

/** A comment that silences the linter must be for one line, name one other rule and say why: `-- because ...`. */
const silencesLinter = new RegExp(`\\beslint-disable(?!-next-line (?!${firmRules})[@\\w/-]+ -- \\S)`)
const silencesTypes = /@ts-(?:ignore|nocheck|expect-error)\b/

/** What the linter does not see: itself silenced, and the texts and files that it does not read. */
const leaking = (files: readonly SourceFile[]): readonly Fault[] =>
  files.flatMap((file) =>
    [
      ...(drawsUnseeded(file) ? ['draws without a key'] : []),
      ...(writesAny(file) ? ['any is a type here'] : []),
      ...(silencesLinter.test(file.text) ? ['silences the linter, or does not say which rule and why'] : []),
      ...(silencesTypes.test(file.text) ? ['silences the type-checker'] : []),
    ].map((what): Fault => ({ rule: 'leak', path: file.path, what })),
  )

/** Every rule over every file; `shipped` are the packages that are installed with ours. */
export const houseFaults = (files: readonly SourceFile[], shipped: ReadonlySet<string>): readonly Fault[] => {
  const { edges, packages, lost } = readImports(files)
  return [
    ...lost,
    ...wrongDirections(edges),
    ...wrongPackages(packages, shipped),
    ...cycles(edges),
    ...wrongNames(files),
    ...tooLong(files),
    ...leaking(files),
  ]
}

export const showFaults = (faults: readonly Fault[]): string =>
  faults.map(({ rule, path, what }) => `${rule}: ${path}: ${what}`).join('\n')
