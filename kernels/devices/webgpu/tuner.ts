import { bytesOf, sizeOf } from '../../../core'
import { contractionOf, type Contraction, type Operand } from '../../emit/contraction'
import { sumsOf } from '../../emit/places'
import type { WgslLimits } from '../../emit/wgsl/program'
import { emitProduct, isMatrixTile, likelyTile, tilesOf, type ProductTile } from '../../emit/wgsl/tiles'
import type { Kernel } from '../../kernel'
import type { Machine } from './loaded'
import { allocatedBytes } from './memory'
import type { Range } from './shader'
import type { TileStore } from './tile-store'

/** A product of a plan: a kernel that leaves its sums in f32, and how it is seen as one. */
export interface Product {
  readonly kernel: Kernel
  readonly contraction: Contraction
}

/** FLOPs below which any tile does. */
const worthwhile = 2e8
/** Dispatches that are measured together, and how often. */
const [together, rounds] = [4, 3]

/**
 * Finds the fastest tile of each product by running it on this GPU, once: what was found is remembered by adapter. All tiles that are
 * tried for one product add in the same order, so that the choice changes no bit: fused multiply-adds in the order of k, or where the GPU
 * has a matrix unit that is used and the product suits it, that unit's matrices in the order of k (see tilesOf).
 */
export class Tuner {
  private readonly found: Map<string, string>

  constructor(
    private readonly machine: Machine,
    private readonly limits: WgslLimits,
    private readonly store: TileStore,
  ) {
    this.found = store.read()
  }

  tileOf(contraction: Contraction): ProductTile {
    const name = this.found.get(this.signatureOf(contraction))
    return tilesOf(contraction, this.limits).find((t) => nameOf(t) === name) ?? likelyTile(contraction, this.limits)
  }

  /** Measures the products that are not known yet. */
  async learn(products: readonly Product[]): Promise<void> {
    const fresh = new Map<string, Product>()
    for (const product of products) {
      const { batch, m, n, k } = product.contraction
      const key = this.signatureOf(product.contraction)
      if (2 * batch * m * n * k >= worthwhile && !this.found.has(key)) fresh.set(key, product)
    }
    for (const [key, product] of fresh) this.found.set(key, nameOf(await this.fastest(product)))
    if (fresh.size > 0) this.store.write(this.found)
  }

  /** What the unit computes is measured apart. */
  private signatureOf(contraction: Contraction): string {
    const { matrix } = this.limits
    const isByUnit = tilesOf(contraction, this.limits).some(isMatrixTile)
    const how = matrix !== undefined && isByUnit ? ` by matrices ${matrix.m}x${matrix.n}x${matrix.k}` : ''
    return `${signatureOf(contraction)}${how}`
  }

  private async fastest({ kernel, contraction }: Product): Promise<ProductTile> {
    const { memory } = this.machine
    const sizes = [
      sizeOf(kernel.output.shape) * bytesOf('f32'),
      ...kernel.inputs.map((i) => Math.ceil((i.size * bytesOf(i.dtype)) / 4) * 4),
    ]
    const ranges: Range[] = []
    try {
      for (const size of sizes) ranges.push({ ...(await memory.allocate(size)), size })
      let best: { readonly tile: ProductTile; readonly ms: number } | undefined
      for (const tile of tilesOf(contraction, this.limits)) {
        const key = `${kernel.key}|tune|${nameOf(tile)}`
        const dispatch = { key, emit: () => emitProduct(kernel, contraction, this.limits, {}, tile) }
        const shader = await this.machine.shaders.take(dispatch)
        const group = shader.bind(shader.program.bindings.map((b) => ranges[b === 'output' ? 0 : b + 1]!))
        const run = async (): Promise<number> => {
          const encoder = this.machine.device.createCommandEncoder()
          const pass = encoder.beginComputePass()
          pass.setPipeline(shader.compiled)
          pass.setBindGroup(0, group)
          for (let i = 0; i < together; i++) pass.dispatchWorkgroups(...shader.program.groups)
          pass.end()
          const began = performance.now()
          this.machine.device.queue.submit([encoder.finish()])
          await this.machine.device.queue.onSubmittedWorkDone()
          return performance.now() - began
        }
        await run()
        let ms = Infinity
        for (let i = 0; i < rounds; i++) ms = Math.min(ms, await run())
        this.machine.shaders.give(dispatch)
        if (best === undefined || ms < best.ms) best = { tile, ms }
      }
      return best!.tile
    } finally {
      for (const [i, range] of ranges.entries()) memory.release({ ...range, size: allocatedBytes(sizes[i]!) })
    }
  }
}

const nameOf = (tile: ProductTile): string =>
  `${tile.rows}x${tile.columns}x${tile.depth}${isMatrixTile(tile) ? ` by ${tile.subgroups.join('x')}` : ''}`

/** What decides how fast a product is: sizes, dtypes, and which way each operand lies. */
const signatureOf = ({ a, b, batch, m, n, k, axes }: Contraction): string => {
  const lies = ({ index, dtype }: Operand): string => {
    const along = axes.k.at(-1)?.name
    const isAlong = index.terms.some((t) => t.coef === 1 && t.atom.tag === 'axis' && t.atom.name === along)
    return `${dtype}${isAlong ? ' along k' : ''}`
  }
  return `${batch}x${m}x${n}x${k} ${lies(a)}, ${lies(b)}`
}

/** The products of kernels, their sums left in f32: what follows them is not measured. */
export const productsOf = (kernels: readonly Kernel[]): readonly Product[] =>
  kernels.flatMap((kernel) => {
    const product = contractionOf(kernel)
    return product === undefined ? [] : [{ kernel: sumsOf(kernel), contraction: { ...product, epilogue: undefined } }]
  })
