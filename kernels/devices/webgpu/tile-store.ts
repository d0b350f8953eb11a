import { isNode } from '../host-kind'

/** Where the tiles that were measured are kept: by product, for one adapter. */
export interface TileStore {
  readonly read: () => Map<string, string>
  readonly write: (tiles: ReadonlyMap<string, string>) => void
}

/** Kept as long as the page. */
export const noStore: TileStore = { read: () => new Map(), write: () => undefined }

/**
 * A file in the user's cache (XDG_CACHE_HOME, else ~/.cache), emend/tiles.json, for all adapters. It only saves time: one that cannot be
 * read is measured anew, one that cannot be written is measured again next time.
 */
export const fileStore = async (adapter: string, at?: string): Promise<TileStore> => {
  if (!isNode()) return noStore
  const fs = await import('node:fs')
  const path = await import('node:path')
  const { homedir } = await import('node:os')
  const folder = at ?? path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'emend')
  const file = path.join(folder, 'tiles.json')
  const all = (): Record<string, Record<string, string>> => {
    try {
      const parsed: unknown = JSON.parse(fs.readFileSync(file, 'utf8'))
      return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, Record<string, string>>) : {}
    } catch {
      return {}
    }
  }
  return {
    read: () => new Map(Object.entries(all()[adapter] ?? {}).filter(([, tile]) => typeof tile === 'string')),
    write: (tiles) => {
      try {
        fs.mkdirSync(folder, { recursive: true })
        const own = `${file}.${process.pid}`
        fs.writeFileSync(own, JSON.stringify({ ...all(), [adapter]: Object.fromEntries(tiles) }, null, 2))
        fs.renameSync(own, file)
      } catch {
        // see above
      }
    },
  }
}
