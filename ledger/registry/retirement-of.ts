import type { Document } from "./read-versions.ts"

/** Whether an entry is retired, for another document of it to take over; nothing where its kind knows no such thing. */
export function retirementOf(document: Document): Document {
  return "is_retired" in document ? { is_retired: document["is_retired"] } : {}
}
