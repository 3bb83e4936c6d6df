/** What is wrong with a parsed body before anybody looks at its meaning, and where. */
export type JsonFault = {
  readonly code: "MALFORMED_TEXT" | "BODY_TOO_DEEP" | "INVALID_FIELD" | "UNKNOWN_FIELD"
  readonly path: string
  readonly message: string
}

/**
 * Refuses what parses as JSON and still cannot be stored or hashed as it was sent: NUL and lone surrogates in any text, numbers that a double cannot hold, names that JSON writes with an escape, `__proto__` as
 * a name, and nesting beyond `depthMax`, which is also what keeps everything recursive after this safe.
 */
export function checkJson(value: unknown, depthMax: number): JsonFault | undefined {
  return check(value, depthMax, [])
}

function check(value: unknown, depthLeft: number, path: (string | number)[]): JsonFault | undefined {
  switch (typeof value) {
    case "string":
      if (isStorableText(value)) return undefined
      return fault("MALFORMED_TEXT", path, "take NUL characters and lone surrogates out of the text")
    case "number":
      if (isKept(value)) return undefined
      return fault("INVALID_FIELD", path, "send a number this large as a string, so that no digit is lost")
    case "object":
      break
    default:
      return undefined
  }
  if (value === null) return undefined
  if (depthLeft === 0) return fault("BODY_TOO_DEEP", path.slice(0, 4), "nest fewer objects and arrays")
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const found = descend(value[index], index, depthLeft, path)
      if (found !== undefined) return found
    }
    return undefined
  }
  for (const [name, child] of Object.entries(value)) {
    if (!isStorableName(name)) return fault("MALFORMED_TEXT", path, unstorableName(name))
    if (name === "__proto__")
      return fault("UNKNOWN_FIELD", [...path, name], "there is no field of this name; leave it out")
    const found = descend(child, name, depthLeft, path)
    if (found !== undefined) return found
  }
  return undefined
}

function descend(
  child: unknown,
  step: string | number,
  depthLeft: number,
  path: (string | number)[],
): JsonFault | undefined {
  path.push(step)
  const found = check(child, depthLeft - 1, path)
  path.pop()
  return found
}

function fault(code: JsonFault["code"], path: readonly (string | number)[], message: string): JsonFault {
  return { code, path: formatPath(path), message }
}

/** A number of which a double has lost nothing that can be seen. */
export function isKept(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
}

/** Text that PostgreSQL stores and UTF-8 encodes without a change. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\u0000")
}

/** A name that stands in JSON as it is: what is stored with it reads the same in every process, see `findUnstorableName`. */
export function isStorableName(name: string): boolean {
  return JSON.stringify(name) === `"${name}"`
}

export function unstorableName(name: string): string {
  return `take quotation marks, backslashes, control characters and lone surrogates out of the field's name ${JSON.stringify(name.slice(0, 100))}`
}

/** `adjustments[0].amount` */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = ""
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`
    else text += text === "" ? String(step) : `.${String(step)}`
  }
  return text
}
