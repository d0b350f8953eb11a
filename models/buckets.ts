/** Buckets of a signed distance d = key - query, ids from 0 on. */
export interface Buckets {
  /** Rows of the table: a few ids may never occur. */
  readonly rows: number
  readonly of: (d: number) => number
  /** How far from the query a bucket is, in buckets, behind it below 0; undefined for an id that no distance has. */
  readonly signed: (id: number) => number | undefined
}

/**
 * COCO-LM's form (Meng et al. 2021, arXiv:2102.08473; recipe 1.7), shifted so that ids start at 0: exact up to m = buckets / 4, then
 * logarithmic up to maxDistance. Ids lie in [0, buckets - 1).
 */
export const relativeBucket = (d: number, buckets: number, maxDistance: number): number => {
  const half = buckets / 2
  const m = Math.floor(half / 2)
  const n = Math.abs(d)
  const far = m + Math.ceil((Math.log(n / m) / Math.log((maxDistance - 1) / m)) * (half - 1 - m))
  const b = n < m ? n : Math.min(far, half - 1)
  return Math.sign(d) * b + half - 1
}

/** T5's form for both directions (Raffel et al. 2020, arXiv:1910.10683, §2.1): keys behind the query, then, from buckets / 2 on, those ahead. */
export const t5Bucket = (d: number, buckets: number, maxDistance: number): number => {
  const half = buckets / 2
  const m = Math.floor(half / 2)
  const n = Math.abs(d)
  // A logarithm that is a whole number may come out just below it.
  const far = m + Math.floor((Math.log(n / m) / Math.log(maxDistance / m)) * (half - m) + 1e-9)
  return (d > 0 ? half : 0) + (n < m ? n : Math.min(far, half - 1))
}

export const cocoBuckets = (buckets: number, maxDistance: number): Buckets => ({
  rows: buckets,
  of: (d) => relativeBucket(d, buckets, maxDistance),
  signed: (id) => id - (buckets / 2 - 1),
})

export const t5Buckets = (buckets: number, maxDistance: number): Buckets => ({
  rows: buckets,
  of: (d) => t5Bucket(d, buckets, maxDistance),
  signed: (id) => (id < buckets / 2 ? -id : id > buckets / 2 && id < buckets ? id - buckets / 2 : undefined),
})

/**
 * Where the relative bias starts, f32[rows, H]: head by head it favours the token at -1, 1, -2, 2, ... and falls off from there by
 * `locality` a bucket, eight times at most. 0 is the recipe's even start. ours, after ALiBi's slopes (Press et al. 2022,
 * arXiv:2108.12409, §3), which here are only where training begins.
 */
export const localBias = ({ rows, signed }: Buckets, heads: number, locality: number): Float32Array => {
  const exact = Math.floor(rows / 4)
  const favoured = (h: number): number => (1 + (Math.floor(h / 2) % exact)) * (h % 2 === 0 ? -1 : 1)
  return Float32Array.from({ length: rows * heads }, (_, i) => {
    const place = signed(Math.floor(i / heads))
    return place === undefined ? 0 : -locality * Math.min(Math.abs(place - favoured(i % heads)), 8)
  })
}
