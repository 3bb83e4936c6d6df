/** In any dialect of regular expressions, unlike the Unicode property. */
const controlCharacters = "\\x00-\\x1f\\x7f-\\x9f"

/** A JSON Schema's pattern has no flags and is Unicode anyway; the generator writes those of ours behind it. */
export function withPortablePatterns<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(withPortablePatterns) as Value
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, child]: [string, unknown]) => [
      name,
      name === "pattern" && typeof child === "string" ? portable(child) : withPortablePatterns(child),
    ]),
  ) as Value
}

function portable(pattern: string): string {
  return pattern.replace(/\/[a-z]+$/, "").replaceAll("\\p{Cc}", controlCharacters)
}
