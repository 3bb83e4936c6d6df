import { isStorableName } from "./check-json.ts"

const colon = 0x3a
const backslash = 0x5c
const spaces: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])

/**
 * The first name of an object's member that cannot be kept. Has to be asked before the text is parsed: a V8 that has once read a name with a backslash takes other names that are written with an escape for that one
 * (https://github.com/nodejs/node/issues/63785), whoever sends them.
 * @param text JSON, or what claims to be
 */
export function findUnstorableName(text: string): string | undefined {
  if (!text.includes("\\")) return undefined
  let start = text.indexOf('"')
  while (start !== -1) {
    const end = endOfString(text, start)
    if (end === -1) return undefined
    const string = text.slice(start, end + 1)
    if (string.includes("\\") && isFollowedByColon(text, end)) {
      const name = read(string)
      if (name !== undefined && !isStorableName(name)) return name
    }
    start = text.indexOf('"', end + 1)
  }
  return undefined
}

/** @param start index of the opening quote @returns that of the closing one; -1 where there is none */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, index: number): boolean {
  let first = index
  while (text.charCodeAt(first - 1) === backslash) first -= 1
  return (index - first) % 2 === 1
}

function isFollowedByColon(text: string, end: number): boolean {
  let index = end + 1
  while (spaces.has(text.charCodeAt(index))) index += 1
  return text.charCodeAt(index) === colon
}

/** Of a string alone V8 reads every escape as it should. */
function read(string: string): string | undefined {
  try {
    return JSON.parse(string) as string
  } catch {
    // Whoever parses all of it says where.
    return undefined
  }
}
