import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** The peers are installed in a folder of their own, so that none of them is a dependency of emend. */
const require = createRequire(new URL('../peers/package.json', import.meta.url))

export const resolvePeer = (name) => require.resolve(name)
export const importPeer = (name) => import(pathToFileURL(require.resolve(name)).href)
export const requirePeer = (name) => require(name)
export const versionOf = (name) => require('./package.json').dependencies[name]
