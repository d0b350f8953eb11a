import type { GpujsProgram } from '../../emit/gpujs'
import { glslFunctions } from '../../emit/glsl-functions'
import { settingsOf } from '../gpujs/engine'
import type { GpujsModule, TextureShape } from '../gpujs/types'
import type { GlContext } from './standard'
import { sidesOf } from './textures'

/**
 * The frame of gpu.js's shaders, ours: theirs finds its element by interpolated floats and reads at float coordinates, which the GPU may
 * round; integers do both here. `index` is all there is of a thread: the output has one axis.
 */
const frame = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
const int LOOP_MAX = __LOOP_MAX__;
__CONSTANTS__;
ivec3 threadId;
float getFloatFromSampler2D(sampler2D tex, ivec2 size, ivec3 dim, int z, int y, int x) {
  return texelFetch(tex, ivec2(x % size.x, x / size.x), 0).r;
}
__MAIN_ARGUMENTS__;
__KERNEL__;
void main(void) {
  threadId = ivec3(int(gl_FragCoord.x) + int(gl_FragCoord.y) * uTexSize.x, 0, 0);
  kernel();
  data0 = vec4(kernelResult, 0.0, 0.0, 0.0);
}
`

/** Fragment shaders by gpu.js's translation of kernel source. */
export const translatorOf = (gpujs: GpujsModule, gl: GlContext): ((program: GpujsProgram) => string) => {
  // Asking is what makes gpu.js look at the features of this WebGL 2.
  if (!gpujs.WebGL2Kernel.isSupported) throw new Error('gpu.js finds no WebGL 2')
  class Translator extends gpujs.WebGL2Kernel {
    static get fragmentShader(): string {
      return frame
    }
  }
  return (program) => {
    const kernel = new Translator(program.source, {
      ...settingsOf(program, true),
      argumentTypes: program.slots.map(() => 'ArrayTexture(1)'),
      nativeFunctions: glslFunctions,
      context: gl,
      canvas: {}, // only drawn on by gpu.js, which draws nothing here
      precision: 'single',
      tactic: 'precision', // highp, for integers as well
      fixIntegerDivisionAccuracy: false,
    })
    const args = program.sizes.map((n): TextureShape => ({ size: sidesOf(n), dimensions: [n, 1, 1] }))
    kernel.validateSettings(args)
    kernel.setupConstants(args)
    kernel.setupArguments(args)
    kernel.threadDim = [...program.output, 1, 1]
    kernel.texSize = sidesOf(program.output[0]!)
    kernel.translateSource()
    return kernel.getFragmentShader(args)
  }
}
