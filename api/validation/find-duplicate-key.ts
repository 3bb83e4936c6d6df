import { endOfString } from "./json-text.ts"

const quote = 0x22

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
        const end = endOfString(text, index) + 1
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

function readName(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  return raw.includes("\\") ? (JSON.parse(text.slice(start, end)) as string) : raw
}
