import { faultOf } from '../../device'
import { Faulted } from '../gpujs/engine'
import type { CanvasScope, GlContext } from './standard'

const help = 'outside of a browser take gpujs:webgpu or wasm'

export interface OpenWebgl2 {
  readonly gl: GlContext
  readonly detail: string
  /** The GL computes on the CPU. */
  readonly software: boolean
  /** Texels of the longest side of a texture that can also be drawn to. */
  readonly side: number
  /** Textures that one shader may read. */
  readonly units: number
}

/** A WebGL 2 context that can draw floats, on a canvas of its own that nobody sees. */
export const openContext = (device: string): OpenWebgl2 => {
  const missing = (got: string): Faulted =>
    new Faulted(faultOf(device, `open ${device}`, 'a browser: WebGL 2 with EXT_color_buffer_float', got, help))
  const { OffscreenCanvas, document } = globalThis as unknown as CanvasScope
  const canvas = OffscreenCanvas === undefined ? document?.createElement('canvas') : new OffscreenCanvas(1, 1)
  if (canvas === undefined) throw missing('no canvas here')
  const gl = canvas.getContext('webgl2', {
    antialias: false,
    depth: false,
    powerPreference: 'high-performance',
    preserveDrawingBuffer: false,
  })
  if (gl === null) throw missing('a canvas without webgl2')
  if (gl.getExtension('EXT_color_buffer_float') === null) throw missing('webgl2 that draws no floats')
  const renderer = rendererOf(gl)
  const software = /swiftshader|llvmpipe|softpipe|basic render/i.test(renderer)
  const views = gl.getParameter(gl.MAX_VIEWPORT_DIMS) as ArrayLike<number>
  return {
    gl,
    detail: `WebGL 2: ${renderer}${software ? ' (software)' : ''}`,
    software,
    side: Math.min(gl.getParameter(gl.MAX_TEXTURE_SIZE) as number, views[0]!, views[1]!),
    units: gl.getParameter(gl.MAX_TEXTURE_IMAGE_UNITS) as number,
  }
}

/** The GPU's name, which browsers may keep to themselves. */
const rendererOf = (gl: GlContext): string => {
  const named = gl.getExtension('WEBGL_debug_renderer_info')?.['UNMASKED_RENDERER_WEBGL']
  return String(gl.getParameter(typeof named === 'number' ? named : gl.RENDERER))
}
