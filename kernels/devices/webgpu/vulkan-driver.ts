/** The parts of Node that are looked at; absent in a browser. */
interface NodeProcess {
  readonly platform: string
  readonly env: Readonly<Record<string, string | undefined>>
}
interface NodeFs {
  readonly readdirSync: (path: string) => readonly string[]
}

/** Variables that name driver manifests in the place of the standard folders. */
const named = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'] as const

/**
 * Whether Dawn can find a GPU at all: on Linux it needs a Vulkan driver, whose manifest lies in a folder the Vulkan loader
 * searches. Asked first because Dawn, when there is none, prints warnings that are not ours to hold back.
 * source  Vulkan-Loader, docs/LoaderDriverInterface.md, "Linux Driver Discovery"
 */
export const mayHaveDriver = async (): Promise<boolean> => {
  const node = (globalThis as unknown as { readonly process?: NodeProcess }).process
  if (node?.platform !== 'linux') return true
  const { env } = node
  if (named.some((name) => (env[name] ?? '') !== '')) return true
  // Not a literal: bundlers for browsers must not follow it.
  const module = 'node:fs'
  const { readdirSync } = (await import(module)) as NodeFs
  return manifestFolders(env).some((folder) => {
    try {
      return readdirSync(folder).some((name) => name.endsWith('.json'))
    } catch {
      return false // no such folder
    }
  })
}

export const manifestFolders = (env: NodeProcess['env']): readonly string[] => {
  const home = env['HOME'] ?? ''
  const list = (name: string, otherwise: string): readonly string[] => {
    const value = env[name] ?? ''
    return (value === '' ? otherwise : value).split(':').filter((part) => part !== '')
  }
  const roots = [
    ...list('XDG_CONFIG_HOME', `${home}/.config`),
    ...list('XDG_CONFIG_DIRS', '/etc/xdg'),
    '/etc',
    ...list('XDG_DATA_HOME', `${home}/.local/share`),
    ...list('XDG_DATA_DIRS', '/usr/local/share:/usr/share'),
  ]
  return roots.map((root) => `${root}/vulkan/icd.d`)
}
