import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** A file of ours: its path from the root, with `/`, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** What a file reads of another module. */
export interface Import {
  /** As written: `../core`, `node:fs`, `fp-ts/Either`. */
  readonly specifier: string
  /** Vanishes when compiled: it does not run the other file. */
  readonly isTypeOnly: boolean
}

/** The folders of design.md, section 2. */
export const houseFolders = ['core', 'autodiff', 'kernels', 'models', 'training', 'spec'] as const
export type HouseFolder = (typeof houseFolders)[number]

const isSource = (name: string): boolean => /\.(ts|mts|cts|js|mjs|cjs)$/.test(name)

const filesUnder = (root: string, folder: string): readonly SourceFile[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) return ['node_modules', 'dist'].includes(entry.name) ? [] : filesUnder(root, path)
      return isSource(entry.name) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : []
    })

/** Every source file of the six folders. */
export const houseFiles = (root: string): readonly SourceFile[] => houseFolders.flatMap((f) => filesUnder(root, f))

const parsed = new WeakMap<SourceFile, readonly ts.Node[]>()

/** Every node of a file, parsed once. */
const nodesOf = (file: SourceFile): readonly ts.Node[] => {
  const known = parsed.get(file)
  if (known !== undefined) return known
  const nodes: ts.Node[] = [ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, false)]
  for (let i = 0; i < nodes.length; i++) ts.forEachChild(nodes[i]!, (child) => void nodes.push(child))
  parsed.set(file, nodes)
  return nodes
}

/**
 * Static imports and re-exports, `import()` of a literal, and types by `import('...')`. With verbatimModuleSyntax `import { type A }`
 * still runs the other file; only `import type` and `export type` do not.
 */
export const importsOf = (file: SourceFile): readonly Import[] => {
  const found: Import[] = []
  const note = (literal: ts.Node | undefined, isTypeOnly: boolean): void => {
    if (literal !== undefined && ts.isStringLiteralLike(literal)) found.push({ specifier: literal.text, isTypeOnly })
  }
  for (const node of nodesOf(file))
    if (ts.isImportDeclaration(node))
      note(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    else if (ts.isExportDeclaration(node)) note(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference))
      note(node.moduleReference.expression, node.isTypeOnly)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      note(node.arguments[0], false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) note(node.argument.literal, true)
  return found
}

/** Whether the type `any` is written anywhere: not the word in a text, a comment or a name. */
export const writesAny = (file: SourceFile): boolean =>
  nodesOf(file).some((node) => node.kind === ts.SyntaxKind.AnyKeyword)

const unseeded = /\bMath\s*(?:\.|\[\s*['"`])\s*random\b/

/** Whether `Math.random` is called for: in the program itself or in the text of another, such as a kernel's. Comments do not count. */
export const drawsUnseeded = (file: SourceFile): boolean =>
  nodesOf(file).some((node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
      return unseeded.test(node.text)
    if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node)) return false
    const name = ts.isPropertyAccessExpression(node) ? node.name : node.argumentExpression
    const isRandom = (ts.isIdentifier(name) || ts.isStringLiteralLike(name)) && name.text === 'random'
    return isRandom && ts.isIdentifier(node.expression) && node.expression.text === 'Math'
  })
