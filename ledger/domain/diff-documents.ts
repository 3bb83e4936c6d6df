import { isDeepStrictEqual } from "node:util"

export type FieldChange = {
  /** Dotted, where documents are nested. */
  readonly field: string
  /** undefined: there was none. */
  readonly before: unknown
  readonly after: unknown
}

type Document = Readonly<Record<string, unknown>>

/** What differs, field by field, in the order of their names. A list is one value. @param before null: there was nothing */
export function diffDocuments(before: Document | null, after: Document | null): FieldChange[] {
  const [old, current] = [before ?? {}, after ?? {}]
  const names = [...new Set([...Object.keys(old), ...Object.keys(current)])].sort()
  return names.flatMap((name): FieldChange[] => {
    const [was, is] = [old[name], current[name]]
    if (isDeepStrictEqual(was, is)) return []
    if (isMap(was) && isMap(is))
      return diffDocuments(was, is).map((change) => ({ ...change, field: `${name}.${change.field}` }))
    return [{ field: name, before: was, after: is }]
  })
}

function isMap(value: unknown): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
