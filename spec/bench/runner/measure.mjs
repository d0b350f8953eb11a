import { availableParallelism, cpus, totalmem } from 'node:os'

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Half the distance between the quartiles, as a share of the median. */
export const spread = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))]
  return (at(0.75) - at(0.25)) / 2 / median(values)
}

/** Milliseconds of every one of `times` calls. */
export const timeCalls = async (times, call) => {
  const ms = []
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    await call()
    ms.push(performance.now() - began)
  }
  return ms
}

/** Calls until `seconds` have passed, and `least` times: engines compile hot code late. */
export const warmUp = async (call, seconds = 1, least = 3) => {
  const began = performance.now()
  for (let i = 0; i < least || performance.now() - began < seconds * 1000; i++) await call()
}

export const gflopsOf = (n, ms) => (2 * n ** 3) / ms / 1e6
export const peakRssMb = () => process.resourceUsage().maxRSS / 1024
export const rssMb = () => process.memoryUsage.rss() / 2 ** 20
export const cores = () => availableParallelism()
export const machine = () =>
  `${cpus()[0].model.trim()}, ${cores()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.versions.node}`
