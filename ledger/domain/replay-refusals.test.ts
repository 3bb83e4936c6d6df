import { describe, expect, test } from "vitest"
import type { NewEvent } from "./events.ts"
import { ReplayFault } from "./replay-fault.ts"
import { address, beginLog, common, hex, place, type TestLog } from "./test-log.ts"

/** A log in which batch 1 has settled the 3 of account 1, at the position that is given on, and the debit of account 2 was deferred, one position later. */
function settledLog(): { log: TestLog; position: number } {
  const log = beginLog([
    { accountId: 1, amount: 3n, kind: "adjust" },
    { accountId: 2, amount: -2n, kind: "adjust" },
  ])
  const batch = log.seal()
  if (batch === undefined) throw new Error("nothing was sealed")
  const [position = 0] = log.confirm(batch, (accountId) => accountId === 2)
  return { log, position }
}

type DataOf<Type extends NewEvent["type"]> = Extract<NewEvent, { type: Type }>["data"]

function addRevocation(log: TestLog, change: Partial<DataOf<"ConfirmationRevoked">>): void {
  const { chain_id, block_number, block_hash } = place
  const data = {
    ...{
      chain_id,
      block_number,
      block_hash,
      revoked_position: 9,
      revoked_type: "SettlementDeferred" as const,
    },
    ...{ batch_sequence: 1, accounts: [], reopened_account_ids: [2] },
  }
  log.add({ ...common, type: "ConfirmationRevoked", account: null, data: { ...data, ...change } })
}

function addConfirmed(log: TestLog, accounts: DataOf<"SettlementConfirmed">["accounts"], batch = 1): void {
  const data = { ...log.place(), batch_sequence: batch, batch_id: hex, accounts }
  log.add({ ...common, type: "SettlementConfirmed", account: null, data })
}

function addDeposit(
  log: TestLog,
  change: { amount?: bigint; balanceAfter?: bigint; data?: Partial<typeof place> },
) {
  const amount = change.amount ?? 5n
  log.add({
    ...common,
    type: "DepositObserved",
    account: { accountId: 3n, amount, balanceAfter: change.balanceAfter ?? log.pending(3) + amount },
    data: { ...log.place(), counterparty: address, ...change.data },
  })
}

describe("a log that contradicts itself is refused:", () => {
  const refused: [string, RegExp, (log: TestLog, position: number) => void][] = [
    [
      "a batch that is confirmed twice",
      /batch 1 is confirmed already, at position 8/,
      (log) => addConfirmed(log, []),
    ],
    [
      "a confirmation that is revoked twice",
      /position 9 is no confirmation that stands/,
      (log, position) => {
        log.revoke(position + 1)
        log.revoke(position + 1)
      },
    ],
    [
      "a change that is sealed twice",
      /the change at 5 of account 1 was not waiting/,
      (log) => {
        const sealed = log.events.find(({ type }) => type === "SettlementSealed")
        if (sealed?.type === "SettlementSealed")
          log.add({ ...sealed, data: { ...sealed.data, batch_sequence: 2 } })
      },
    ],
    [
      "a batch out of its turn",
      /batch 1 is sealed after 1 batches/,
      (log) => {
        const sealed = log.events.find(({ type }) => type === "SettlementSealed")
        if (sealed !== undefined) log.add(sealed)
      },
    ],
    [
      "a balance that the log does not give",
      /balance becomes 6, the log says 5/,
      (log) => addDeposit(log, { balanceAfter: 6n }),
    ],
    [
      "an account that is opened twice",
      /account 1 was opened twice/,
      (log) => {
        const [opened] = log.events
        if (opened !== undefined) log.add(opened)
      },
    ],
    [
      "an event that says it moves what it does not move",
      /says that it moves account 5 by 7 and does not/,
      (log) => {
        const [opened] = log.events
        if (opened?.type !== "AccountOpened") return
        log.add({ ...opened, account: { accountId: 5n, amount: 7n, balanceAfter: 0n } })
      },
    ],
    [
      "a log that is credited twice to one account",
      /log 9 of block 0xab.* is confirmed already/,
      (log) => {
        addDeposit(log, { data: { log_index: 9 } })
        addDeposit(log, { data: { log_index: 9 } })
      },
    ],
    [
      "a settlement of an account that has never left the batch, with nothing settled",
      /account 1: 0 is said to be settled, the batch holds 3/,
      (log, position) => {
        log.revoke(position + 1)
        log.revoke(position)
        addConfirmed(log, [{ account_id: 1, settled: "0", amount: "100" }])
      },
    ],
    [
      "a settlement of an account that is not in the batch",
      /account 3 is not in batch 1/,
      (log, position) => {
        log.revoke(position + 1)
        log.revoke(position)
        addConfirmed(log, [{ account_id: 3, settled: "0", amount: "100" }])
      },
    ],
    [
      "an account that a settlement names twice",
      /account 1: 3 is said to be settled, the batch holds 0/,
      (log, position) => {
        log.revoke(position + 1)
        log.revoke(position)
        const move = { account_id: 1, settled: "3", amount: "3" }
        addConfirmed(log, [move, move])
      },
    ],
    [
      "an account that had left and is named twice",
      /account 2: 0 is said to be settled/,
      (log, position) => {
        addRevocation(log, { reopened_account_ids: [] })
        log.revoke(position)
        const move = { account_id: 2, settled: "0", amount: "-2" }
        addConfirmed(log, [move, move])
      },
    ],
    [
      "a revocation of what is no confirmation",
      /position 5 is no confirmation that stands/,
      (log) => addRevocation(log, { revoked_position: 5 }),
    ],
    [
      "a revocation of another type",
      /the revocation of position 9 says something else/,
      (log) => addRevocation(log, { revoked_type: "SettlementConfirmed", reopened_account_ids: [] }),
    ],
    [
      "a revocation of another batch",
      /the revocation of position 9 says something else/,
      (log) => addRevocation(log, { batch_sequence: 2 }),
    ],
    [
      "a revocation of another block",
      /the revocation of position 9 says something else/,
      (log) => addRevocation(log, { block_hash: `0x${"00".repeat(32)}` }),
    ],
    [
      "a revocation that takes another amount back than was confirmed",
      /the revocation of position 8 says something else/,
      (log, position) =>
        addRevocation(log, {
          revoked_position: position,
          revoked_type: "SettlementConfirmed",
          accounts: [{ account_id: 1, settled: "3", amount: "2" }],
          reopened_account_ids: [],
        }),
    ],
    [
      "a revocation of a deposit with another amount",
      /the revocation of position 10 says something else/,
      (log) => {
        addDeposit(log, {})
        addRevocation(log, {
          ...{ revoked_position: 10, revoked_type: "DepositObserved", batch_sequence: null },
          ...{ accounts: [{ account_id: 3, settled: "0", amount: "4" }], reopened_account_ids: [] },
        })
      },
    ],
    [
      "a revocation that puts an account back which was not deferred",
      /account 1 was not deferred from batch 1/,
      (log) => addRevocation(log, { reopened_account_ids: [1] }),
    ],
    [
      "a deferral of another amount than the batch holds",
      /account 1: batch 1 does not hold 4 of it/,
      (log, position) => {
        log.revoke(position + 1)
        log.revoke(position)
        addConfirmed(log, [])
        log.add({
          ...common,
          type: "SettlementDeferred",
          account: null,
          data: {
            ...log.place(),
            batch_sequence: 1,
            accounts: [{ account_id: 1, net: "4", chain_balance: "0" }],
          },
        })
      },
    ],
    [
      "a cancellation of a batch that is confirmed",
      /batch 1 is over, and is cancelled/,
      (log) => {
        log.add({
          ...common,
          type: "SettlementCancelled",
          account: null,
          data: { ...log.place(), batch_sequence: 1, batch_id: `0x${"01".repeat(32)}`, accounts: [] },
        })
      },
    ],
    [
      "a cancellation that leaves something in its batch",
      /batch 1 is cancelled, and still holds accounts/,
      (log, position) => {
        log.revoke(position + 1)
        log.revoke(position)
        log.add({
          ...common,
          type: "SettlementCancelled",
          account: null,
          data: { ...log.place(), batch_sequence: 1, batch_id: `0x${"01".repeat(32)}`, accounts: [] },
        })
      },
    ],
    [
      "a confirmation of a batch that is cancelled",
      /batch 1 is cancelled, and is confirmed/,
      (log, position) => {
        log.revoke(position + 1)
        log.revoke(position)
        log.add({
          ...common,
          type: "SettlementCancelled",
          account: null,
          data: {
            ...{ ...log.place(), batch_sequence: 1, batch_id: `0x${"01".repeat(32)}` },
            accounts: [
              { account_id: 1, net: "3" },
              { account_id: 2, net: "-2" },
            ],
          },
        })
        addConfirmed(log, [])
      },
    ],
  ]
  test.each(refused)("%s", (_, message, contradict) => {
    const { log, position } = settledLog()
    expect(position).toBe(8)
    let fault: unknown
    try {
      contradict(log, position)
    } catch (error) {
      fault = error
    }
    expect(fault).toBeInstanceOf(ReplayFault)
    expect((fault as ReplayFault).message).toMatch(message)
  })

  test("an account that has left its batch may be moved by it all the same, once the chain has changed its mind", () => {
    const { log, position } = settledLog()
    addRevocation(log, { reopened_account_ids: [] })
    log.revoke(position)
    addConfirmed(log, [
      { account_id: 1, settled: "3", amount: "3" },
      { account_id: 2, settled: "0", amount: "-2" },
    ])
    expect(log.replay.accounts.get(2n)).toMatchObject({ pending: -4n, confirmed: -2n, unsettled: -2n })
  })

  test("a batch is packed away when nothing of it is held any more, and not before", () => {
    const { log, position } = settledLog()
    expect(log.replay.batches.get(1n)).toBeInstanceOf(Uint8Array)
    log.revoke(position + 1)
    expect(log.replay.batches.get(1n)).not.toBeInstanceOf(Uint8Array)
  })

  test("the same log may be confirmed again once it was taken back", () => {
    const { log } = settledLog()
    addDeposit(log, { data: { log_index: 9 } })
    log.revoke(log.events.length)
    addDeposit(log, { data: { log_index: 9 } })
    expect(log.pending(3)).toBe(5n)
  })
})
