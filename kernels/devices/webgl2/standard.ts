/** The parts of the WebGL 2 standard that are used; TypeScript's own declarations come with all of the DOM. */

/** Objects that are only handed on. */
export type GlTexture = object
export type GlShader = object
export type GlProgram = object

type Enums<Name extends string> = Readonly<Record<Name, number>>

export interface GlContext extends Enums<
  | 'VERTEX_SHADER'
  | 'FRAGMENT_SHADER'
  | 'LINK_STATUS'
  | 'TEXTURE_2D'
  | 'TEXTURE0'
  | 'TEXTURE_MIN_FILTER'
  | 'TEXTURE_MAG_FILTER'
  | 'NEAREST'
  | 'R32F'
  | 'RED'
  | 'RGBA'
  | 'FLOAT'
  | 'TRIANGLES'
  | 'FRAMEBUFFER'
  | 'COLOR_ATTACHMENT0'
  | 'PIXEL_PACK_BUFFER'
  | 'STREAM_READ'
  | 'SYNC_GPU_COMMANDS_COMPLETE'
  | 'TIMEOUT_EXPIRED'
  | 'NO_ERROR'
  | 'OUT_OF_MEMORY'
  | 'MAX_TEXTURE_SIZE'
  | 'MAX_VIEWPORT_DIMS'
  | 'MAX_TEXTURE_IMAGE_UNITS'
  | 'IMPLEMENTATION_COLOR_READ_FORMAT'
  | 'IMPLEMENTATION_COLOR_READ_TYPE'
  | 'RENDERER'
> {
  getParameter(name: number): unknown
  getExtension(name: string): Readonly<Record<string, unknown>> | null
  getError(): number
  isContextLost(): boolean

  createShader(kind: number): GlShader
  shaderSource(shader: GlShader, source: string): void
  compileShader(shader: GlShader): void
  getShaderInfoLog(shader: GlShader): string | null
  deleteShader(shader: GlShader): void
  createProgram(): GlProgram
  attachShader(program: GlProgram, shader: GlShader): void
  linkProgram(program: GlProgram): void
  getProgramParameter(program: GlProgram, name: number): unknown
  getProgramInfoLog(program: GlProgram): string | null
  useProgram(program: GlProgram): void
  deleteProgram(program: GlProgram): void
  getUniformLocation(program: GlProgram, name: string): object | null
  uniform1i(location: object | null, value: number): void

  createTexture(): GlTexture
  deleteTexture(texture: GlTexture): void
  activeTexture(unit: number): void
  bindTexture(target: number, texture: GlTexture | null): void
  texParameteri(target: number, name: number, value: number): void
  texStorage2D(target: number, levels: number, format: number, width: number, height: number): void
  texSubImage2D(
    target: number,
    level: number,
    x: number,
    y: number,
    width: number,
    height: number,
    format: number,
    type: number,
    data: Float32Array,
  ): void

  createFramebuffer(): object
  deleteFramebuffer(framebuffer: object): void
  bindFramebuffer(target: number, framebuffer: object): void
  framebufferTexture2D(target: number, attachment: number, kind: number, texture: GlTexture, level: number): void
  viewport(x: number, y: number, width: number, height: number): void
  drawArrays(mode: number, first: number, count: number): void

  createBuffer(): object
  deleteBuffer(buffer: object): void
  bindBuffer(target: number, buffer: object | null): void
  bufferData(target: number, bytes: number, usage: number): void
  getBufferSubData(target: number, offset: number, into: Float32Array): void
  readPixels(x: number, y: number, width: number, height: number, format: number, type: number, offset: number): void
  fenceSync(condition: number, flags: number): object
  clientWaitSync(sync: object, flags: number, timeout: number): number
  deleteSync(sync: object): void
  flush(): void
}

interface Canvas {
  getContext(kind: 'webgl2', settings: Readonly<Record<string, unknown>>): GlContext | null
}
/** What of a page or a worker makes a canvas. */
export interface CanvasScope {
  readonly OffscreenCanvas?: new (width: number, height: number) => Canvas
  readonly document?: { createElement(name: 'canvas'): Canvas }
}
