import { type Refusal, refuse } from "../refusal.ts"

/** Which list a cursor belongs to: one of another list is refused. */
export type CursorKind =
  | "history"
  | "transactions"
  | "holds"
  | "batches"
  | "batch-items"
  | "dead-letters"
  | "operation"
  | "checkpoints"
  | "gas-savings"
  | "keys"
  | "apps"
  | "people"
  | "actions"
  | "alarms"
  | "webhooks"
  | "deliveries"
  | "versions"

/** The next page begins beyond this position. */
function encodeCursor(kind: CursorKind, position: bigint): string {
  return Buffer.from(`${kind}:${position}`).toString("base64url")
}

export function decodeCursor(
  kind: CursorKind,
  cursor: string | undefined,
): { readonly position: bigint | null } | Refusal {
  if (cursor === undefined) return { position: null }
  const text = Buffer.from(cursor, "base64url").toString()
  const [, found, digits = ""] = /^([a-z-]+):(\d{1,18})$/.exec(text) ?? []
  if (found !== kind || encodeCursor(kind, BigInt(digits)) !== cursor) {
    return refuse(
      "INVALID_CURSOR",
      "cursor",
      "pass pagination.next_cursor of the previous page, unchanged, or leave the cursor out to start again",
    )
  }
  return { position: BigInt(digits) }
}

export type Pagination = {
  readonly limit: number
  readonly next_cursor: string | null
  readonly has_more: boolean
}

/**
 * Cuts a page that was read with one row more than the limit, and says whether there is another.
 * @param continueAt where a search goes on that was ended before it had found a page
 */
export function paginate<Row>(
  rows: readonly Row[],
  limit: number,
  kind: CursorKind,
  positionOf: (row: Row) => bigint,
  continueAt: bigint | null = null,
): { readonly page: readonly Row[]; readonly pagination: Pagination } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const next = rows.length > limit && last !== undefined ? positionOf(last) : continueAt
  return {
    page,
    pagination: {
      limit,
      next_cursor: next === null ? null : encodeCursor(kind, next),
      has_more: next !== null,
    },
  }
}
