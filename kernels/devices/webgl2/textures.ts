import type { GlContext, GlTexture } from './standard'

/** Elements in row-major order in the texels of an almost square texture; those after the last one are anything. */
export interface Texture {
  readonly handle: GlTexture
  readonly width: number
  readonly height: number
  readonly count: number
}

/** Width and height for some number of elements: the same wherever that number is met. */
export const sidesOf = (count: number): readonly [number, number] => {
  const width = Math.ceil(Math.sqrt(count))
  return [width, Math.ceil(count / width)]
}

const bytesOf = ({ width, height }: Texture): number => width * height * 4

/** Textures of one float a texel, written by upload or by drawing, read through a buffer so that the page is not held up. */
export class Textures {
  private readonly framebuffer: object
  private readonly live = new Set<Texture>()
  private bytes = 0
  private most = 0

  constructor(private readonly gl: GlContext) {
    this.framebuffer = gl.createFramebuffer()
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer)
  }

  /** Bytes of all textures. */
  get inUse(): number {
    return this.bytes
  }

  get peak(): number {
    return this.most
  }

  create(count: number): Texture {
    const { gl } = this
    const [width, height] = sidesOf(count)
    const handle = gl.createTexture()
    gl.activeTexture(gl.TEXTURE0)
    gl.bindTexture(gl.TEXTURE_2D, handle)
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST) // floats cannot be filtered
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST)
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.R32F, width, height)
    const texture = { handle, width, height, count }
    this.live.add(texture)
    this.bytes += bytesOf(texture)
    this.most = Math.max(this.most, this.bytes)
    return texture
  }

  upload(data: Float32Array): Texture {
    const { gl } = this
    const texture = this.create(data.length)
    const { width } = texture
    const [rows, rest] = [Math.floor(data.length / width), data.length % width]
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, rows, gl.RED, gl.FLOAT, data)
    if (rest > 0) gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, rows, rest, 1, gl.RED, gl.FLOAT, data.subarray(rows * width))
    return texture
  }

  /** Makes a texture what is drawn to. */
  target({ handle, width, height }: Texture): void {
    const { gl } = this
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, handle, 0)
    gl.viewport(0, 0, width, height)
  }

  async read(texture: Texture): Promise<Float32Array> {
    const { gl } = this
    const { width, height, count } = texture
    this.target(texture)
    // Four channels are always allowed, one where the implementation says so.
    const single =
      gl.getParameter(gl.IMPLEMENTATION_COLOR_READ_FORMAT) === gl.RED &&
      gl.getParameter(gl.IMPLEMENTATION_COLOR_READ_TYPE) === gl.FLOAT
    const channels = single ? 1 : 4
    const pixels = new Float32Array(width * height * channels)
    const staging = gl.createBuffer()
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, staging)
    gl.bufferData(gl.PIXEL_PACK_BUFFER, pixels.byteLength, gl.STREAM_READ)
    gl.readPixels(0, 0, width, height, single ? gl.RED : gl.RGBA, gl.FLOAT, 0)
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null)
    try {
      await this.done()
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, staging)
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, pixels)
    } finally {
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null)
      gl.deleteBuffer(staging)
    }
    return single ? pixels.slice(0, count) : Float32Array.from({ length: count }, (_, i) => pixels[i * 4]!)
  }

  /** Resolves when the GPU has done all that it was told so far. A lost context is told by the check that follows. */
  private async done(): Promise<void> {
    const { gl } = this
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0)
    gl.flush()
    try {
      while (!gl.isContextLost() && gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED)
        await new Promise((resolve) => setTimeout(resolve, 0))
    } finally {
      gl.deleteSync(fence)
    }
  }

  free(texture: Texture): void {
    if (!this.live.delete(texture)) return
    this.bytes -= bytesOf(texture)
    this.gl.deleteTexture(texture.handle)
  }

  close(): void {
    for (const texture of [...this.live]) this.free(texture)
    this.gl.deleteFramebuffer(this.framebuffer)
  }
}
