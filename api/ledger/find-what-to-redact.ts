import type { Kysely } from "kysely"
import { redactedPositionsMax } from "../../ledger/domain/events.ts"
import { erasedUpTo, findErasable } from "../../ledger/redactions/find-erasable.ts"
import type { Database } from "../../ledger/store/database.ts"
import { hasUser } from "../../ledger/store/has-user.ts"
import { decodeHoldId } from "../presenters/hold-id.ts"
import { decodeTxId } from "../presenters/tx-id.ts"
import { readHead } from "../queries/audit-events.ts"
import { type FieldError, type Refusal, refuse, refuseAll } from "../refusal.ts"

type ToRedact = {
  /** Perhaps none. */
  readonly positions: readonly bigint[]
  /** Whether nothing is left after these. */
  readonly isComplete: boolean
}

/** The events of the first step: all of them, or as many as one event may name. */
export async function findWhatToRedact(
  db: Kysely<Database>,
  ledgerId: string,
  said: { readonly user_id?: string | undefined; readonly tx_ids?: readonly string[] | undefined },
): Promise<ToRedact | Refusal> {
  const { user_id: userId, tx_ids: txIds } = said
  if ((userId === undefined) === (txIds === undefined))
    return refuse("INVALID_FIELD", "user_id", "name either user_id or tx_ids")
  const { position: head } = await readHead(db, ledgerId)
  if (userId !== undefined) return findOfUser(db, ledgerId, userId, head + 1n)
  const positions = new Set<bigint>()
  const errors: FieldError[] = []
  for (const [index, id] of (txIds ?? []).entries()) {
    const position = decodeTxId(ledgerId, id) ?? decodeHoldId(ledgerId, id)
    if (position !== undefined && position > 0n && position <= head) positions.add(position)
    else if (errors.length < 50)
      errors.push({
        field: `tx_ids[${index}]`,
        code: "UNKNOWN_TRANSACTION",
        message: "pass a tx_id or a hold_id of an answer to this app's keys, unchanged",
      })
  }
  const [first, ...others] = errors
  return first === undefined ? { positions: [...positions], isComplete: true } : refuseAll([first, ...others])
}

async function findOfUser(
  db: Kysely<Database>,
  ledgerId: string,
  userId: string,
  before: bigint,
): Promise<ToRedact | Refusal> {
  if (!(await hasUser(db, ledgerId, userId)))
    return refuse("UNKNOWN_USER", "user_id", "a user is known from the first adjustment on")
  let after = await erasedUpTo(db, ledgerId, userId)
  for (;;) {
    const found = await findErasable(db, ledgerId, userId, { after, before }, redactedPositionsMax)
    if (found.positions.length > 0 || found.isEnd)
      return { positions: found.positions, isComplete: found.isEnd }
    after = found.cursor
  }
}
