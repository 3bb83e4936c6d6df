/**
 * The members of a JSON object with their values' text as it stands there: hashes are over text, and parsing would lose it.
 * @throws Error for what is no object
 */
export function rawMembers(line: string): Map<string, string> {
  const members = new Map<string, string>()
  if (!line.startsWith("{") || !line.endsWith("}")) throw new Error("a line is no JSON object")
  for (let at = 1; at < line.length - 1; ) {
    const nameEnd = valueEnd(line, at)
    const name = JSON.parse(line.slice(at, nameEnd)) as string
    if (line[nameEnd] !== ":" || members.has(name)) throw new Error("a line is no JSON object")
    const end = valueEnd(line, nameEnd + 1)
    members.set(name, line.slice(nameEnd + 1, end))
    at = end + 1
  }
  return members
}

/** Behind the value that begins at `from`, at the comma, colon or bracket that follows it. */
function valueEnd(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const character = text[at]
    if (character === '"') at = stringEnd(text, at)
    else if (character === "{" || character === "[") depth++
    else if (depth > 0 && (character === "}" || character === "]")) depth--
    else if (depth === 0 && (character === "," || character === ":" || character === "}")) return at
  }
  throw new Error("a line ends within a value")
}

/** The closing quote. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++
    else if (text[at] === '"') return at
  }
  throw new Error("a line ends within a string")
}
