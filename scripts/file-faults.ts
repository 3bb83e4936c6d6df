const LINES_MAX = 400

// Written by a program, or by somebody else word for word.
const notOurs =
  /^(abis\/|client\/src\/api-types\.ts$|api\/openapi\/examples\.json$|client\/LICENSE$|package-lock\.json$|LICENSE$|contracts\/gas-snapshot\.json$)/
const isText = /\.(ts|js|mjs|css|html|json|jsonc|md|sh|sol|sql|yaml|yml)$|(^|\/)[^.]+$/

/** What is wrong with a file of the repository, a sentence each; nothing for a file that is fine. */
export function findFileFaults(path: string, text: string): string[] {
  const faults: string[] = []
  if (path === "package-lock.json" && /"resolved": "http/.test(text)) {
    faults.push(`${path} names where it was downloaded from: renew it with npm run lock`)
  }
  if (notOurs.test(path) || !isText.test(path)) return faults
  const lines = text.replace(/\n$/, "").split("\n")
  if (lines.length > LINES_MAX) faults.push(`${path} has ${lines.length} lines, ${LINES_MAX} are allowed`)
  for (const [index, line] of lines.entries()) {
    if (/\b(T[O]DO|F[I]XME)\b/.test(line)) faults.push(`${path}:${index + 1} puts work off: ${line.trim()}`)
  }
  return faults
}
