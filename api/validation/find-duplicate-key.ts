const quote = 0x22
const backslash = 0x5c

/**
 * The first name that stands twice in one object of a JSON text: which of the two counts is nowhere agreed, so that neither may. JSON.parse keeps the last and cannot tell.
 * One pass without recursion, whatever the nesting.
 * @param text JSON that has parsed
 * @returns the name as it reads without its escapes, or undefined where every name stands once
 */
export function findDuplicateKey(text: string): string | undefined {
  // The names of every object that is open; null for an array.
  const open: (Set<string> | null)[] = []
  let names: Set<string> | null = null
  let isName = false
  let index = 0
  while (index < text.length) {
    switch (text.charCodeAt(index)) {
      case quote: {
        const end = endOfString(text, index)
        if (isName && names !== null) {
          const name = readName(text, index, end)
          if (names.has(name)) return name
          names.add(name)
          isName = false
        }
        index = end
        continue
      }
      case 0x7b: // {
        names = new Set()
        open.push(names)
        isName = true
        break
      case 0x5b: // [
        names = null
        open.push(null)
        isName = false
        break
      case 0x7d: // }
      case 0x5d: // ]
        open.pop()
        names = open.at(-1) ?? null
        isName = false
        break
      case 0x2c: // ,
        isName = names !== null
        break
      default:
    }
    index += 1
  }
  return undefined
}

/** @returns the index after the closing quote */
function endOfString(text: string, start: number): number {
  let index = start + 1
  while (index < text.length) {
    const code = text.charCodeAt(index)
    if (code === quote) return index + 1
    index += code === backslash ? 2 : 1
  }
  return index
}

function readName(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  return raw.includes("\\") ? (JSON.parse(text.slice(start, end)) as string) : raw
}
