/** Node, as against a browser: what is imported from it is imported where it is used. */
export const isNode = (): boolean => typeof process !== 'undefined' && process.versions?.node !== undefined
