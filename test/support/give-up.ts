import { sql } from "kysely"
import { closeDeadLetter } from "../../ledger/dead-letters/close-dead-letter.ts"
import { append } from "../../ledger/store/append.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"
import type { HandSettlement } from "./settle-by-hand.ts"
import type { TestLedger } from "./test-ledger.ts"

type Ledger = Pick<TestLedger, "db" | "ledgerId">

/** Seals all that waits and takes the batch apart, as the batcher does when the token refuses these users. @returns their dead letters, in the order of the users */
export async function giveUp(
  { db, ledgerId }: Ledger,
  settlement: HandSettlement,
  userIds: readonly string[],
  reason = "AccountFrozen()",
): Promise<bigint[]> {
  await settlement.takeIn()
  const batchSequence = await settlement.seal()
  const { rows } = await sql<{ account_id: bigint; user_id: string; batch_id: string }>`
    SELECT a.account_id, a.user_id, b.batch_id FROM settlement.batch_accounts x
    JOIN ledger.accounts a USING (ledger_id, account_id) JOIN settlement.batches b USING (ledger_id, batch_sequence)
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${batchSequence} AND a.user_id = ANY(${[...userIds]}) ORDER BY 1`.execute(
    db,
  )
  const at = new Date()
  await withHead(db, ledgerId, (ledger) =>
    append(
      ledger,
      [
        {
          type: "SettlementDissolved",
          data: {
            batch_sequence: Number(batchSequence),
            batch_id: rows[0]?.batch_id ?? "",
            refused: rows.map(({ account_id: id }) => ({ account_id: Number(id), reason })),
          },
          operation: null,
          account: null,
          occurredAt: at,
          causation: "batch:test",
          details: null,
        },
      ],
      at,
    ),
  )
  const { rows: letters } = await sql<{ dead_letter_id: bigint; user_id: string }>`
    SELECT d.dead_letter_id, a.user_id FROM settlement.dead_letters d JOIN ledger.accounts a USING (ledger_id, account_id)
    WHERE d.ledger_id = ${ledgerId} AND d.batch_sequence = ${batchSequence}`.execute(db)
  return userIds.map((userId) => letters.find((letter) => letter.user_id === userId)?.dead_letter_id ?? 0n)
}

export async function discard({ db, ledgerId }: Ledger, deadLetterId: bigint): Promise<void> {
  const closed = await closeDeadLetter(db, {
    ledgerId,
    deadLetterId,
    requestedBy: "test",
    at: new Date(),
    outcome: "discarded",
    reason: "the address is frozen",
  })
  if ("refused" in closed) throw new Error(closed.refused)
}
