/** What the tests must know of a page's HTML: elements that need no end, and those whose content is not HTML. */
const empty = new Set(['meta', 'wbr', 'link', 'img', 'br', 'hr', 'input'])
const rawText = ['style', 'script']

export interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
}

/**
 * The elements of a page in order of their start tags. throws if a tag does not close, closes twice, or if a `<` or `&`
 * stands as text: nothing that a browser would have to guess about.
 */
export const elementsOf = (html: string): readonly Element[] => {
  const found: Element[] = []
  const open: string[] = []
  let at = 0
  while (at < html.length) {
    const next = html.indexOf('<', at)
    const text = html.slice(at, next < 0 ? html.length : next)
    const stray = /&(?!(?:amp|lt|gt|quot|#39);)/.exec(text)
    if (stray !== null) throw new Error(`a bare & in ${JSON.stringify(text.slice(stray.index, stray.index + 40))}`)
    if (next < 0) break
    const tag = /^<(?:!doctype html|(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"<]*")?)*)\s*)>/.exec(html.slice(next))
    if (tag === null) throw new Error(`a bare < in ${JSON.stringify(html.slice(next, next + 60))}`)
    at = next + tag[0].length
    const [, slash, name, rest = ''] = tag
    if (name === undefined) continue
    if (slash === '/') {
      const last = open.pop()
      if (last !== name) throw new Error(`</${name}> where </${last ?? 'nothing'}> is due`)
      continue
    }
    found.push({
      name,
      attributes: new Map([...rest.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map((m) => [m[1]!, m[2] ?? ''])),
    })
    if (empty.has(name)) continue
    if (rawText.includes(name)) {
      at = html.indexOf(`</${name}`, at)
      if (at < 0) throw new Error(`<${name}> does not end`)
    }
    open.push(name)
  }
  if (open.length > 0) throw new Error(`<${open.join('><')}> left open`)
  return found
}

/** The text between the tags of a page, of one element's content; entities read, scripts and styles left out. */
export const textOf = (html: string): string =>
  html
    .replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, '')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
