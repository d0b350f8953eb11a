import {
  concat,
  leavesOf,
  pad,
  reshape,
  sizeOf,
  sliceAxis,
  treeOf,
  type Aval,
  type DType,
  type Expr,
  type ExprTree,
  type Tree,
} from '../../core'

/** A leaf in its bucket. */
interface Place {
  readonly path: string
  readonly shape: readonly number[]
  readonly from: number
  readonly size: number
}

/** Leaves of one dtype, one after another, and zeros up to `size`. */
export interface Bucket {
  readonly name: string
  readonly dtype: DType
  readonly places: readonly Place[]
  readonly size: number
}

export interface FlatConfig {
  /** Sizes of buckets are multiples of it. */
  readonly multiple: number
  /** Elements of a bucket, at most; a larger leaf has one of its own. Default 2^27: 512 MB of f32. */
  readonly most?: number
}

/** Where every leaf of a tree lies in as few vectors as may be: in the order of paths, dtype by dtype. */
export const bucketsFor = (avals: Tree<Aval>, { multiple, most = 2 ** 27 }: FlatConfig): readonly Bucket[] => {
  const leaves = leavesOf(avals)
  const buckets: Bucket[] = []
  for (const dtype of [...new Set(leaves.map(([, a]) => a.dtype))].sort()) {
    let places: Place[] = []
    let size = 0
    const close = (): void => {
      if (places.length === 0) return
      const name = `${dtype}-${String(buckets.length).padStart(3, '0')}`
      buckets.push({ name, dtype, places, size: multiple * Math.ceil(size / multiple) })
      places = []
      size = 0
    }
    for (const [path, aval] of leaves) {
      if (aval.dtype !== dtype) continue
      const own = sizeOf(aval.shape)
      if (size + own > most) close()
      places.push({ path, shape: aval.shape, from: size, size: own })
      size += own
    }
    close()
  }
  return buckets
}

/** The buckets of a tree, by name. */
export const flatten = (buckets: readonly Bucket[], tree: ExprTree): { readonly [bucket: string]: Expr } => {
  const leaves = new Map(leavesOf<Expr>(tree))
  return Object.fromEntries(
    buckets.map(({ name, places, size }) => {
      const whole = concat(places.map(({ path, size: own }) => reshape(leaves.get(path)!, [own])))
      return [name, pad(whole, [0], [size - whole.aval.shape[0]!])]
    }),
  )
}

/** The tree whose buckets these are. */
export const unflatten = (buckets: readonly Bucket[], flat: { readonly [bucket: string]: Expr }): ExprTree =>
  treeOf<Expr>(
    buckets.flatMap(({ name, places }) =>
      places.map(
        ({ path, shape, from, size }) => [path, reshape(sliceAxis(flat[name]!, 0, from, size), shape)] as const,
      ),
    ),
  )
