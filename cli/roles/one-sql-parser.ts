type Parser = { readonly parse: (text: string) => unknown }
type MakeParser = () => Promise<Parser>

const of = new URL(import.meta.url).searchParams.get("of") ?? ""
const { default: makeParser } = (await import(of)) as { default: MakeParser }

const treesMax = 1_000
const trees = new Map<string, unknown>()
let unused: Promise<Parser> | undefined

/** The parser's own function of that name, which does the same without a parser for each call: what a text was parsed to is remembered. */
export default async function oneSqlParser(): Promise<Parser> {
  unused ??= makeParser()
  const mine = unused
  const retire = () => {
    if (unused === mine) unused = undefined
  }
  try {
    const parser = await mine
    return {
      parse(text) {
        if (trees.has(text)) return trees.get(text)
        // It gives nothing back of the stack that a text takes, and breaks when that is used up: nobody who asks later gets it.
        retire()
        const tree = parser.parse(text)
        if (trees.size >= treesMax) trees.clear()
        trees.set(text, tree)
        return tree
      },
    }
  } catch (error) {
    retire()
    throw error
  }
}
