/** What the charts' script uses of a browser: no more, so that the rest of the project is checked without the DOM's types. */
export interface BrowserElement {
  readonly clientWidth: number
  readonly dataset: Record<string, string | undefined>
  replaceChildren(): void
}

export interface BrowserMedia {
  readonly matches: boolean
  addEventListener(type: 'change', listener: () => void): void
}

export interface BrowserWindow {
  readonly document: {
    readonly documentElement: BrowserElement
    getElementById(id: string): BrowserElement | null
  }
  getComputedStyle(element: BrowserElement): { getPropertyValue(name: string): string; readonly fontFamily: string }
  matchMedia(query: string): BrowserMedia
  addEventListener(type: 'beforeprint' | 'afterprint' | 'resize', listener: () => void): void
  requestAnimationFrame(callback: () => void): number
}
