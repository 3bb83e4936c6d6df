import { hash } from "node:crypto"

/** Ages up to this, in whatever unit, are all alike. */
const freshUpTo = 16

const patterns = new Map<string, RegExp>()

/**
 * A weak ETag over what an answer says. Ages move by themselves: they count by their order of magnitude, so that whoever keeps an answer for as long as its tag holds never believes something to be fresh
 * that has become old, and asks in vain no more than a few times.
 * @param content JSON
 * @param ages names of fields that are ages
 */
export function entityTag(content: string, ages: readonly string[] | undefined): string {
  const tagged =
    ages === undefined || ages.length === 0
      ? content
      : content.replace(patternOf(ages), (_all, name: string, age: string) => `"${name}":${magnitude(age)}`)
  return `W/"${hash("sha256", tagged, "base64url").slice(0, 27)}"`
}

/** Within a JSON text a quote stands for itself only outside of strings: there a backslash is before it. */
function patternOf(ages: readonly string[]): RegExp {
  const names = ages.join("|")
  let pattern = patterns.get(names)
  if (pattern === undefined) {
    pattern = new RegExp(`(?<!\\\\)"(${names})":(\\d+(?:\\.\\d+)?|"(?:cache|database)")`, "g")
    patterns.set(names, pattern)
  }
  return pattern
}

function magnitude(age: string): string {
  // Where the same answer comes from.
  if (age.startsWith('"')) return "anywhere"
  const value = Number(age)
  return value <= freshUpTo ? "fresh" : `2^${Math.ceil(Math.log2(value))}`
}
