import { sql } from "kysely"
import { recordFindings } from "../../ledger/confirmations/record-findings.ts"
import type { ChainLog } from "../../ledger/domain/chain-log.ts"
import { revokeEvent } from "../../ledger/domain/revoke-event.ts"
import { append } from "../../ledger/store/append.ts"
import { balanceOf, loadBalances, withHead } from "../../ledger/store/ledger-transaction.ts"
import { parseEvent, readEventsAt } from "../../ledger/store/read-events.ts"
import type { TestLedger } from "./test-ledger.ts"

const hashOf = (number: number) => `0x${number.toString(16).padStart(64, "0")}`
let logs = 0

/** Tokens that came to an account without a batch, each in a block of its own. @returns the event's position */
export function observeDeposit(
  ledger: TestLedger,
  ledgerId: string,
  accountId: bigint,
  amount: bigint,
): Promise<bigint> {
  logs += 1
  const log = {
    kind: "Transfer",
    args: {},
    chainId: 31_337,
    address: `0x${"44".repeat(20)}`,
    blockNumber: BigInt(logs),
    blockTime: logs,
    blockHash: hashOf(logs),
    transactionHash: hashOf(1_000_000 + logs),
    logIndex: 0,
  } as unknown as ChainLog
  const account = { ledgerId, accountId, address: "" }
  const finding = { kind: "observed", log, account, amount, counterparty: `0x${"99".repeat(20)}` } as const
  return withHead(ledger.db, ledgerId, async (head) => {
    await recordFindings(head.trx, new Map([[ledgerId, head]]), [finding], new Date())
    return head.position
  })
}

/** What a reorganisation makes of it. */
export async function revokeDeposit(ledger: TestLedger, ledgerId: string, position: bigint): Promise<void> {
  const at = new Date()
  await withHead(ledger.db, ledgerId, async (head) => {
    const [stored] = await readEventsAt(head.trx, ledgerId, [position])
    if (stored === undefined) throw new Error("there is no event")
    if (stored.accountId !== null) await loadBalances(head, [stored.accountId])
    const pending = (accountId: bigint) => balanceOf(head, accountId).pending
    const event = revokeEvent(stored.position, parseEvent(stored), () => true, pending, at)
    const [revocation] = await append(head, [event], at)
    await sql`
      UPDATE ledger.confirmations SET revoked_position = ${revocation?.position}
      WHERE ledger_id = ${ledgerId} AND position = ${position}`.execute(head.trx)
  })
}
