type Parse = (text: string) => unknown
type MakeParser = () => Promise<{ readonly parse: Parse }>

const of = new URL(import.meta.url).searchParams.get("of") ?? ""
const { default: makeParser } = (await import(of)) as { default: MakeParser }

/** What one parser takes in: what it allocates while it reads a text it may keep. */
const textsMax = 1_000
let parser: ReturnType<MakeParser> | undefined
const trees = new Map<string, unknown>()

/** The parser's own function of that name, which does the same without a memory of its own for each call. */
export default async function oneSqlParser(): Promise<{ readonly parse: Parse }> {
  parser ??= makeParser()
  const { parse } = await parser
  return {
    parse(text) {
      if (!trees.has(text)) {
        if (trees.size >= textsMax) {
          trees.clear()
          parser = undefined
        }
        trees.set(text, parse(text))
      }
      return trees.get(text)
    },
  }
}
