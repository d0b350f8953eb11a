import type { MatrixLimits } from '../../emit/wgsl/matrix-unit'
import type { GpuAdapter, GpuDevice } from './standard'

/** What shaders for the matrix unit need, all of it. */
const needed = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as const

/** The shape that is taken if it is there; others follow by size. */
const favoured = 16

interface Config {
  readonly componentType: string
  readonly resultComponentType: string
  readonly M: number
  readonly N: number
  readonly K: number
}

/** The features to ask for: none, where the adapter has no unit that suits. */
export const matrixFeatures = (adapter: GpuAdapter): readonly string[] => (shapeOf(adapter) === undefined ? [] : needed)

/** The unit of a device, f16 times f16 into f32. */
export const matrixOf = (adapter: GpuAdapter, device: GpuDevice): MatrixLimits | undefined => {
  const shape = shapeOf(adapter)
  if (shape === undefined || !needed.every((feature) => device.features.has(feature))) return undefined
  const { limits } = device
  return {
    ...shape,
    threads: Math.min(limits['maxComputeInvocationsPerWorkgroup'] ?? 256, limits['maxComputeWorkgroupSizeX'] ?? 256),
    bytes: limits['maxComputeWorkgroupStorageSize'] ?? 16384,
  }
}

const shapeOf = ({ features, info }: GpuAdapter): Pick<MatrixLimits, 'm' | 'n' | 'k' | 'subgroupSize'> | undefined => {
  const [least, most] = [info?.['subgroupMinSize'], info?.['subgroupMaxSize']]
  // Subgroups are told apart by counting threads: those of one size only.
  if (typeof most !== 'number' || least !== most || !needed.every((feature) => features.has(feature))) return undefined
  const isPart = (size: number): boolean => size === 8 || size === 16 || size === 32
  const rank = ({ M, N, K }: Config): number =>
    M === favoured && N === favoured && K === favoured ? Infinity : M * N * K
  const [best] = configsOf(info)
    .filter((c) => c.componentType === 'f16' && c.resultComponentType === 'f32' && [c.M, c.N, c.K].every(isPart))
    .sort((a, b) => rank(b) - rank(a))
  return best === undefined ? undefined : { m: best.M, n: best.N, k: best.K, subgroupSize: most }
}

const configsOf = (info: GpuAdapter['info']): readonly Config[] => {
  const configs = info?.['subgroupMatrixConfigs']
  return Array.isArray(configs) ? (configs as readonly Config[]) : []
}
