import type { MatrixLimits, MatrixUnit } from '../../../kernels/emit/wgsl/matrix-unit'

/**
 * A matrix unit in plain WGSL: each thread of a subgroup computes its share of the sums from workgroup memory, so that only the builtins
 * are not what a GPU with such a unit runs. Subgroups are so many threads in a row; they need not be the adapter's.
 */
export const softwareUnit = (limits: MatrixLimits): MatrixUnit => {
  const { m, n, k, subgroupSize } = limits
  const share = (m * n) / subgroupSize
  const type = `array<f32, ${share}>`
  return {
    ...limits,
    directives: [],
    uses: ['f16Value'],
    declarations: [
      'var<private> member : i32;',
      // A matrix is read where it is multiplied: nothing may be written to tiles in between.
      'struct Halves { first : i32, byRow : i32, byColumn : i32 }',
      `fn half(at : i32) -> f32 {
  return f16Value((tiles[at / 4][(at / 2) % 2] >> (u32(at % 2) * 16u)) & 0xffffu);
}`,
      `fn multiplyAdd(left : Halves, right : Halves, before : ${type}) -> ${type} {
  var sums = before;
  for (var e = 0; e < ${share}; e++) {
    let at = e * ${subgroupSize} + member;
    let x = left.first + (at / ${n}) * left.byRow;
    let y = right.first + (at % ${n}) * right.byColumn;
    for (var step = 0; step < ${k}; step++) {
      sums[e] = fma(half(x + step * left.byColumn), half(y + step * right.byRow), sums[e]);
    }
  }
  return sums;
}`,
      `fn putSums(sums : ${type}, first : i32, stride : i32) {
  for (var e = 0; e < ${share}; e++) {
    let at = e * ${subgroupSize} + member;
    stage[first + (at / ${n}) * stride + at % ${n}] = sums[e];
  }
}`,
    ],
    begin: [`member = i32(lane) % ${subgroupSize};`, `let subgroup = i32(lane) / ${subgroupSize};`],
    quad: { type: 'vec2<u32>', of: (words) => words },
    zeros: `${type}()`,
    load: (_side, place, stride, layout) =>
      `Halves((${place}) * 4, ${layout === 'row_major' ? `${stride * 4}, 1` : `1, ${stride * 4}`})`,
    multiplyAdd: (left, right, sums) => `multiplyAdd(${left}, ${right}, ${sums})`,
    store: (sums, place, stride) => `putSums(${sums}, ${place}, ${stride});`,
  }
}
