import { CompiledQuery, type Kysely } from "kysely"
import { redactedPositionsMax } from "../domain/events.ts"
import type { Initiator } from "../domain/operator-action.ts"
import { redactionOf } from "../domain/redact-details.ts"
import { append } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { findDetails } from "../store/find-details.ts"
import { recordingTime, withHead } from "../store/ledger-transaction.ts"
import { recordAction } from "../store/record-action.ts"

type Erasure = {
  readonly userId: string
  readonly reason: string
  readonly requestedBy: string
  /** Whom the audit log names. */
  readonly initiator?: Initiator
}

import { erasedUpTo, findErasable } from "./find-erasable.ts"

/**
 * The first step of a user's erasure, by who needs no key: asked for twice it finds nothing the second time.
 * @returns the position that names it, for continueRedaction; null where nothing of the user has details
 */
export async function beginRedaction(
  db: Kysely<Database>,
  ledgerId: string,
  erasure: Erasure,
  now: Date,
): Promise<bigint | null> {
  const { position: head } = await db
    .selectFrom("ledger.head")
    .select("position")
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirstOrThrow()
  let after = await erasedUpTo(db, ledgerId, erasure.userId)
  for (;;) {
    const between = { after, before: head + 1n }
    const found = await findErasable(db, ledgerId, erasure.userId, between, redactedPositionsMax)
    const position =
      found.positions.length === 0 ? null : await appendFirst(db, ledgerId, erasure, found.positions, now)
    if (position !== null || found.isEnd) return position
    after = found.cursor
  }
}

function appendFirst(
  db: Kysely<Database>,
  ledgerId: string,
  erasure: Erasure,
  positions: readonly bigint[],
  now: Date,
): Promise<bigint | null> {
  return withHead(db, ledgerId, async (ledger) => {
    const at = recordingTime(ledger, now)
    const { text, values } = findDetails(ledgerId, positions)
    const { rows } = await ledger.trx.executeQuery<{ position: bigint }>(CompiledQuery.raw(text, [...values]))
    const data = redactionOf(new Set(rows.map(({ position }) => position)), { ...erasure, positions })
    // Somebody else has erased them in the meantime.
    if (data === null) return null
    const common = { operation: null, account: null, occurredAt: at, details: null }
    await append(ledger, [{ ...common, causation: "command:redact", type: "DetailsRedacted", data }], at)
    if (erasure.initiator !== undefined)
      await recordAction(ledger.trx, {
        ...erasure.initiator,
        ledgerId,
        action: "redaction.requested",
        subject: `position:${ledger.position}`,
        after: { reason: erasure.reason },
      })
    return ledger.position
  })
}
