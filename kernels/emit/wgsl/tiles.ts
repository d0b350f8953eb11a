import type { Kernel } from '../../kernel'
import type { Contraction } from '../contraction'
import { emitMatmul, tileFor, tileShapes, type TileShape } from './matmul'
import type { Sharing, WgslLimits, WgslProgram } from './program'
import { emitSubgroupMatmul, matrixTiles, takesTile, type MatrixTile } from './subgroup-matmul'

/** A tile of a product: computed by threads one by one, or by the GPU's matrix unit. */
export type ProductTile = TileShape | MatrixTile

export const isMatrixTile = (tile: ProductTile): tile is MatrixTile => 'subgroups' in tile

/** Rows, columns and steps from which the matrix unit is worth its tiles. */
const least = 32
/** Workgroups that a GPU should have to do at least. */
const enough = 128

/** Whether the matrix unit can compute a product by such tiles. */
export const mayTake = (tile: MatrixTile, { a, b }: Contraction, { matrix }: WgslLimits): boolean =>
  matrix !== undefined && a.dtype === 'f16' && b.dtype === 'f16' && takesTile(matrix, tile)

/**
 * The tiles that compute a product to the same bits. Whether they are the matrix unit's, which rounds sums in a way of its own, is decided
 * by dtypes and sizes, never by a measurement: then a product has one result on one GPU.
 */
export const tilesOf = (product: Contraction, limits: WgslLimits): readonly ProductTile[] => {
  const isLarge = Math.min(product.m, product.n, product.k) >= least
  const ofUnit = isLarge ? matrixTiles.filter((tile) => mayTake(tile, product, limits)) : []
  return ofUnit.length > 0 ? ofUnit : tileShapes
}

/** The tile of a product that was not measured: the largest that leaves work for all of a GPU. */
export const likelyTile = (product: Contraction, limits: WgslLimits): ProductTile => {
  const { m, n, batch } = product
  const tiles = tilesOf(product, limits).filter(isMatrixTile)
  return tiles.length === 0
    ? tileFor(product)
    : (tiles.find((t) => Math.ceil(m / t.rows) * Math.ceil(n / t.columns) * batch >= enough) ?? tiles.at(-1)!)
}

export const emitProduct = (
  kernel: Kernel,
  product: Contraction,
  limits: WgslLimits,
  sharing: Sharing,
  tile: ProductTile,
): WgslProgram => {
  if (!isMatrixTile(tile)) return emitMatmul(kernel, product, limits, sharing, tile)
  if (limits.matrix === undefined) throw new Error(`internal: ${kernel.name}: no matrix unit`)
  return emitSubgroupMatmul(kernel, product, limits, sharing, tile, limits.matrix)
}
