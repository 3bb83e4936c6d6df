import type { Problem } from "./find-difference.ts"

/** Details are gone exactly where a DetailsRedacted of the log says so. @param erased positions of events that had details and have none */
export function verifyErasures(erased: readonly number[], named: ReadonlySet<number>): Problem | null {
  const gone = new Set(erased)
  const unnamed = erased.find((position) => !named.has(position))
  if (unnamed !== undefined)
    return { position: BigInt(unnamed), problem: "its details are gone, and no DetailsRedacted names it" }
  for (const position of named) {
    if (!gone.has(position))
      return {
        position: BigInt(position),
        problem: "a DetailsRedacted names it, and its details are not gone",
      }
  }
  return null
}
