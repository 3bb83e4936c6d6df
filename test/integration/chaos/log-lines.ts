import { writeAuditLine } from "../../../ledger/domain/audit-line.ts"
import { genesisHash, hashDetails, hashEvent } from "../../../ledger/domain/event-encoding.ts"

type Written = {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  readonly operationId?: string
  readonly accountId?: bigint
  readonly amount?: bigint
  readonly balanceAfter?: bigint
  readonly detailsJson?: string
}

const ledgerId = "01890a5d-ac96-774b-bcce-b302099a8057"
const at = new Date("2026-05-04T03:02:01.987Z")

/** An event log as the API prints it, hashed by the product itself. */
export function logLines(events: readonly Written[]): string[] {
  let previous = genesisHash
  return events.map((event, index) => {
    const salt = event.detailsJson === undefined ? null : Buffer.alloc(16, index)
    const fields = {
      position: BigInt(index + 1),
      type: event.type,
      version: 1,
      sequence: event.operationId === undefined ? null : 0,
      amount: event.amount ?? null,
      causation: `operation:${event.operationId ?? ""}`,
    }
    const dataJson = JSON.stringify(event.data)
    const detailsHash =
      salt === null || event.detailsJson === undefined ? null : hashDetails(salt, event.detailsJson)
    const encoded = {
      ...fields,
      ledgerId,
      operationId: event.operationId ?? null,
      accountId: event.accountId ?? null,
      balanceAfter: event.balanceAfter ?? null,
      occurredAt: at,
      recordedAt: at,
      dataJson,
      detailsHash,
    }
    const hash = hashEvent(previous, encoded)
    const detailsJson = event.detailsJson ?? null
    const line = writeAuditLine({ ...encoded, detailsJson, salt, prevHash: previous, hash })
    previous = hash
    return line
  })
}

export const addresses = { a: `0x${"a".repeat(40)}`, b: `0x${"b".repeat(40)}` }
export const batchId = `0x${ledgerId.replaceAll("-", "").padStart(48, "0")}${"1".padStart(16, "0")}`
export const contentHash = `0x${"c".repeat(64)}`
export const blockHash = `0x${"b".repeat(64)}`
export const transactionHash = `0x${"d".repeat(64)}`

const open = (user: "a" | "b", accountId: bigint): Written => ({
  type: "AccountOpened",
  accountId,
  data: { user_id: user, chain_id: 31337, token_address: `0x${"9".repeat(40)}`, address: addresses[user] },
})
const adjust = (operationId: string, accountId: bigint, amount: bigint, balanceAfter: bigint): Written => ({
  type: "AdjustmentRecorded",
  operationId,
  accountId,
  amount,
  balanceAfter,
  data: { reason_type: "reward", confirmed_after: "0" },
  detailsJson: '{"reason_detail":"a \\"quoted\\" } , { text","metadata":{"ä":[1,{"b":null}]}}',
})

/** Two users, three operations, one of them of both users; one batch that settles a, one that nets b to zero. */
export const goodLog: readonly Written[] = [
  open("a", 1n),
  open("b", 2n),
  adjust("one", 1n, 70n, 70n),
  adjust("one", 2n, 5n, 5n),
  adjust("two", 1n, -30n, 40n),
  adjust("three", 2n, -5n, 0n),
  {
    type: "SettlementNetted",
    data: { accounts: [{ account_id: 2, positions: [4, 6] }] },
  },
  {
    type: "SettlementSealed",
    data: {
      batch_sequence: 1,
      batch_id: batchId,
      content_hash: contentHash,
      accounts: [{ account_id: 1, net: "40", positions: [3, 5] }],
    },
  },
  {
    type: "SettlementConfirmed",
    data: {
      batch_sequence: 1,
      block_number: 12,
      block_hash: blockHash,
      log_index: 3,
      transaction_hash: transactionHash,
      accounts: [{ account_id: 1, settled: "40", amount: "40" }],
    },
  },
]
