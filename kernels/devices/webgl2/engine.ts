import { faultOf } from '../../device'
import type { GpujsProgram } from '../../emit/gpujs'
import { Faulted, loadGpujs, type Built, type Engine } from '../gpujs/engine'
import { openContext, type OpenWebgl2 } from './context'
import type { GlContext, GlProgram, GlShader } from './standard'
import { Textures, type Texture } from './textures'
import { translatorOf } from './translator'

/** One triangle over all of the target: no buffers, no interpolation. */
const vertexShader = `#version 300 es
void main(void) {
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}
`

/**
 * gpu.js on WebGL 2: its translation of kernels, drawn into textures of ours. (A kernel of gpu.js keeps its last result for as long as it
 * lives, widens a canvas to its largest one, and shares vertex attributes that go with whichever kernel was built last.)
 */
export const webgl2Engine = async (device: string): Promise<Engine<Texture>> => {
  const open = openContext(device)
  const { gl } = open
  const gpujs = await loadGpujs()
  const translate = translatorOf(gpujs, gl)
  const textures = new Textures(gl)
  const vertex = shaderOf(gl, gl.VERTEX_SHADER, vertexShader)
  const fit = (what: string, count: number): void => {
    if (count > open.side ** 2)
      throw new Faulted(
        faultOf(device, what, `at most ${open.side ** 2} elements (${open.side} x ${open.side} texels)`, `${count}`),
      )
  }
  return {
    backend: { name: device, detail: open.detail, isSoftware: open.software },
    maxInputs: open.units,
    upload: (data) => {
      fit('upload', data.length)
      return textures.upload(data)
    },
    read: (value) => textures.read(value),
    build: (program) => {
      for (const count of [...program.sizes, program.output[0]!]) fit('compile', count)
      return buildProgram(gl, textures, vertex, program, translate(program))
    },
    free: (value) => textures.free(value),
    check: () => check(device, open),
    memory: () => ({ inUse: textures.inUse, peak: textures.peak, work: 0 }),
    close: () => {
      textures.close()
      gl.deleteShader(vertex)
      // Browsers allow few contexts and collect them late.
      const lose = gl.getExtension('WEBGL_lose_context') as { readonly loseContext: () => void } | null
      lose?.loseContext()
      return Promise.resolve()
    },
  }
}

const shaderOf = (gl: GlContext, kind: number, source: string): GlShader => {
  const shader = gl.createShader(kind)
  gl.shaderSource(shader, source)
  gl.compileShader(shader)
  return shader
}

/** Compiling goes on beside us until the first run asks how it went. */
const buildProgram = (
  gl: GlContext,
  textures: Textures,
  vertex: GlShader,
  { slots, sizes, output }: GpujsProgram,
  source: string,
): Built<Texture> => {
  const program = gl.createProgram()
  const fragment = shaderOf(gl, gl.FRAGMENT_SHADER, source)
  gl.attachShader(program, vertex)
  gl.attachShader(program, fragment)
  gl.linkProgram(program)
  let proved = false
  return {
    run: (args) => {
      if (!proved) prove(gl, program, fragment, source, slots)
      proved = true
      const made = textures.create(output[0]!)
      gl.useProgram(program)
      args.forEach((texture, unit) => {
        if (texture.count !== sizes[unit])
          throw new Error(`internal: a texture of ${texture.count} elements where ${sizes[unit]} are read`)
        gl.activeTexture(gl.TEXTURE0 + unit)
        gl.bindTexture(gl.TEXTURE_2D, texture.handle)
      })
      textures.target(made)
      gl.drawArrays(gl.TRIANGLES, 0, 3)
      return made
    },
    destroy: () => {
      gl.deleteProgram(program)
      gl.deleteShader(fragment)
    },
  }
}

const prove = (
  gl: GlContext,
  program: GlProgram,
  fragment: GlShader,
  source: string,
  slots: readonly number[],
): void => {
  if (gl.getProgramParameter(program, gl.LINK_STATUS) !== true && !gl.isContextLost())
    throw new Error(
      `internal: a shader was refused: ${gl.getShaderInfoLog(fragment) ?? ''} ${gl.getProgramInfoLog(program) ?? ''}\n${source}`,
    )
  gl.useProgram(program)
  slots.forEach((slot, unit) => gl.uniform1i(gl.getUniformLocation(program, `user_a${slot}`), unit))
}

/** What the GL reported since the last check. */
const check = (device: string, { gl }: OpenWebgl2): void => {
  if (gl.isContextLost()) throw new Faulted(faultOf(device, 'compute', 'the GPU to stay', 'its context was lost'))
  const error = gl.getError()
  if (error === gl.OUT_OF_MEMORY)
    throw new Faulted(
      faultOf(device, 'compute', 'room on the GPU', 'none left', 'take a smaller model or fewer sequences at once'),
    )
  if (error !== gl.NO_ERROR)
    throw new Faulted(faultOf(device, 'compute', 'no errors of the GL', `error 0x${error.toString(16)}`))
}
