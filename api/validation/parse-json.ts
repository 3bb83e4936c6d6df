import { unstorableName } from "./check-json.ts"
import { findUnstorableName } from "./json-text.ts"

export type TextFault = { readonly code: "MALFORMED_TEXT" | "MALFORMED_JSON"; readonly message: string }

/**
 * Parses what somebody sent. Nothing else may: see `findUnstorableName`.
 * @param malformed what to tell where it is no JSON, given the place as ` at position 5`, or nothing where that is not known
 */
export function parseJson(
  text: string,
  malformed: (place: string) => string,
): { readonly value: unknown } | TextFault {
  const unstorable = findUnstorableName(text)
  if (unstorable !== undefined) return { code: "MALFORMED_TEXT", message: unstorableName(unstorable) }
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    return {
      code: "MALFORMED_JSON",
      message: malformed(error instanceof SyntaxError ? positionOf(error) : ""),
    }
  }
}

/** The parser's own message quotes the text, which may hold personal data; only the place is passed on. */
function positionOf(error: SyntaxError): string {
  return /at position \d+/.exec(error.message)?.[0].replace(/^/, " ") ?? ""
}
