/** A unit that multiplies m x k by k x n halves and adds in f32, for the threads of one subgroup together. */
export interface MatrixLimits {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly subgroupSize: number
  /** Threads of a workgroup, at most, and bytes of its memory. */
  readonly threads: number
  readonly bytes: number
}

/**
 * How a subgroup multiplies matrices: all of a shader that depends on the builtins of `subgroup_matrix`. Halves lie in workgroup memory as
 * `tiles`, four to an element, sums as `stage`, one to an element; places and strides count elements of these arrays.
 */
export interface MatrixUnit extends MatrixLimits {
  readonly directives: readonly string[]
  /** Functions of ours that it calls. */
  readonly uses: readonly string[]
  /** Declared once `tiles` and `stage` are. */
  readonly declarations: readonly string[]
  /** Lines of `main` before all others: `subgroup`, an i32, is the number of the subgroup. */
  readonly begin: readonly string[]
  /** An element of `tiles`: its type, and how it is made of two words. */
  readonly quad: { readonly type: string; readonly of: (words: string) => string }
  /** m x n zeros. */
  readonly zeros: string
  /** The m x k (left) or k x n (right) halves from a place in `tiles` on; lines are `stride` apart. */
  readonly load: (side: 'left' | 'right', place: string, stride: number, layout: Majorness) => string
  /** left * right + sums. */
  readonly multiplyAdd: (left: string, right: string, sums: string) => string
  /** The statement that writes sums row by row from a place in `stage` on. */
  readonly store: (sums: string, place: string, stride: number) => string
}

/** Whether rows of a matrix lie side by side in a line of memory, or columns. */
export type Majorness = 'row_major' | 'col_major'

/**
 * The GPU's own, by Dawn's experimental builtins. No builtin of `subgroups` beside them: drivers of NVIDIA have crashed on shaders with
 * both (kvark/blade, issue 333), and subgroups of one fixed size are counted without.
 * source  gpuweb, proposals/subgroup-matrix.md
 */
export const gpuMatrixUnit = (limits: MatrixLimits): MatrixUnit => {
  const { m, n, k, subgroupSize } = limits
  const types = {
    left: `subgroup_matrix_left<f16, ${k}, ${m}>`, // columns, then rows
    right: `subgroup_matrix_right<f16, ${n}, ${k}>`,
  }
  return {
    ...limits,
    directives: [
      'enable f16;',
      'enable chromium_experimental_subgroup_matrix;',
      // Which matrix is a subgroup's is uniform in it, not in the workgroup: more than the analysis can tell.
      'diagnostic(off, chromium.subgroup_matrix_uniformity);',
    ],
    uses: [],
    declarations: [],
    begin: [`let subgroup = i32(lane) / ${subgroupSize};`],
    quad: { type: 'vec4<f16>', of: (words) => `bitcast<vec4<f16>>(${words})` },
    zeros: `subgroup_matrix_result<f32, ${n}, ${m}>()`,
    load: (side, place, stride, layout) =>
      `subgroupMatrixLoad<${types[side]}, ${layout}>(&tiles, u32(${place}), ${stride}u)`,
    multiplyAdd: (left, right, sums) => `subgroupMatrixMultiplyAccumulate(${left}, ${right}, ${sums})`,
    store: (sums, place, stride) => `subgroupMatrixStore<row_major>(&stage, u32(${place}), ${sums}, ${stride}u);`,
  }
}
