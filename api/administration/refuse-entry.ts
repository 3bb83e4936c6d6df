import type { RefusedEntry } from "../../ledger/registry/change-entry.ts"
import { type Refusal, refuseAll } from "../refusal.ts"

/** @param prefix path before the document's fields in the body, such as `changes.` */
export function refuseEntry({ refused: [first, ...others] }: RefusedEntry, prefix = ""): Refusal {
  const atItsPlace = (problem: typeof first) => ({
    ...problem,
    field:
      problem.field === null || problem.field === "expected_version"
        ? problem.field
        : `${prefix}${problem.field}`,
  })
  return refuseAll([atItsPlace(first), ...others.slice(0, 49).map(atItsPlace)])
}
