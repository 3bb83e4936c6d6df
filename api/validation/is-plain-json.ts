import { isKept } from "./check-json.ts"
import { endOfString } from "./json-text.ts"

const quote = 0x22
const colon = 0x3a

/**
 * Whether a body has nothing of what `checkJson` and `findDuplicateKey` look for. Only those can say what it is and where, and they take six times as long; hardly a body needs them. A name that stands twice is
 * one member less than the text has colons.
 * @param text valid Unicode
 * @param value what the text has parsed to
 * @returns false where they have to look, which need not find anything
 */
export function isPlainJson(text: string, value: unknown, depthMax: number): boolean {
  // What no text or no name may have gets into JSON as an escape alone.
  if (text.includes("\\")) return false
  return countMembers(value, depthMax) === countColons(text)
}

/** Of all objects in it; NaN where it has something that may not be. */
function countMembers(value: unknown, depthLeft: number): number {
  if (typeof value === "number") return isKept(value) ? 0 : Number.NaN
  if (typeof value !== "object" || value === null) return 0
  if (depthLeft === 0) return Number.NaN
  let count = 0
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) count += countMembers(value[index], depthLeft - 1)
    return count
  }
  for (const name in value) {
    if (name === "__proto__") return Number.NaN
    count += 1 + countMembers((value as Record<string, unknown>)[name], depthLeft - 1)
  }
  return count
}

/** Outside of strings. */
function countColons(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === quote) index = endOfString(text, index)
    else if (code === colon) count += 1
  }
  return count
}
