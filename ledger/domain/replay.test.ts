import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { NewEvent } from "./events.ts"
import { type Replay, ReplayFault, replayEvent, startReplay } from "./replay.ts"
import { revokeEvent } from "./revoke-event.ts"

const hex = `0x${"ab".repeat(32)}`
const address = `0x${"cd".repeat(20)}`
const at = new Date(1_700_000_000_000)
const reference = { chain_id: 1, block_number: 1, block_hash: hex, log_index: 0, transaction_hash: hex }
const common = { operation: null, occurredAt: at, causation: "test", details: null }

/** A log under construction, with the state that it gives. */
class Log {
  readonly replay: Replay = startReplay()
  readonly events: NewEvent[] = []
  batches = 0

  add(event: NewEvent): number {
    this.events.push(event)
    replayEvent(this.replay, BigInt(this.events.length), event)
    return this.events.length
  }

  pending(accountId: number): bigint {
    return this.replay.accounts.get(BigInt(accountId))?.pending ?? 0n
  }

  open(): void {
    const id = BigInt(this.replay.accounts.size + 1)
    this.add({
      ...common,
      type: "AccountOpened",
      account: { accountId: id, amount: 0n, balanceAfter: 0n },
      data: { user_id: `user-${id}`, chain_id: 1, token_address: address, address },
    })
  }

  adjust(accountId: number, amount: bigint): void {
    this.add({
      ...common,
      type: "AdjustmentRecorded",
      account: { accountId: BigInt(accountId), amount, balanceAfter: this.pending(accountId) + amount },
      data: {
        reason_type: "reward",
        business_type: "reward",
        priority: "normal",
        is_immediate: false,
        max_wait_ms: null,
        business_batch_id: null,
        confirmed_after: "0",
      },
    })
  }

  observe(accountId: number, amount: bigint): number {
    return this.add({
      ...common,
      type: amount > 0n ? "DepositObserved" : "WithdrawalObserved",
      account: { accountId: BigInt(accountId), amount, balanceAfter: this.pending(accountId) + amount },
      data: { ...reference, counterparty: address },
    })
  }

  /** Seals everything that waits. @returns the batch with its nets, or undefined where nothing is left of it */
  seal(): { sequence: number; nets: { accountId: number; net: bigint }[] } | undefined {
    const waiting = new Map<number, { net: bigint; positions: number[] }>()
    for (const [position, { accountId, amount }] of this.replay.waiting) {
      const entry = waiting.get(Number(accountId)) ?? { net: 0n, positions: [] }
      entry.net += amount
      entry.positions.push(Number(position))
      waiting.set(Number(accountId), entry)
    }
    const accounts = [...waiting]
      .filter(([, { net }]) => net !== 0n)
      .map(([id, { net, positions }]) => ({ account_id: id, net: net.toString(), positions }))
    if (accounts.length === 0) return undefined
    this.batches += 1
    this.add({
      ...common,
      type: "SettlementSealed",
      account: null,
      data: {
        batch_sequence: this.batches,
        batch_id: hex,
        content_hash: hex,
        chain_id: 1,
        token_address: address,
        trigger: "flush",
        accounts,
      },
    })
    return {
      sequence: this.batches,
      nets: accounts.map(({ account_id: accountId, net }) => ({ accountId, net: BigInt(net) })),
    }
  }

  confirm(batch: NonNullable<ReturnType<Log["seal"]>>, isSkipped: (accountId: number) => boolean): number[] {
    const settled = batch.nets.filter(({ accountId }) => !isSkipped(accountId))
    const deferred = batch.nets.filter(({ accountId }) => isSkipped(accountId))
    const positions = [
      this.add({
        ...common,
        type: "SettlementConfirmed",
        account: null,
        data: {
          ...reference,
          batch_sequence: batch.sequence,
          batch_id: hex,
          accounts: settled.map(({ accountId, net }) => ({
            account_id: accountId,
            settled: net.toString(),
            amount: net.toString(),
          })),
        },
      }),
    ]
    if (deferred.length > 0) {
      positions.push(
        this.add({
          ...common,
          type: "SettlementDeferred",
          account: null,
          data: {
            ...reference,
            batch_sequence: batch.sequence,
            accounts: deferred.map(({ accountId, net }) => ({
              account_id: accountId,
              net: net.toString(),
              chain_balance: "0",
            })),
          },
        }),
      )
    }
    return positions
  }

  revoke(position: number): void {
    const event = this.events[position - 1]
    if (event === undefined) throw new Error(`no event at ${position}`)
    const waiting = (accountId: number): boolean => {
      if (event.type !== "SettlementDeferred") return false
      const changes = this.replay.batches
        .get(BigInt(event.data.batch_sequence))
        ?.get(BigInt(accountId))?.changes
      return changes?.every(([at]) => this.replay.waiting.has(at)) === true
    }
    this.add(
      revokeEvent(BigInt(position), event, waiting, (accountId) => this.pending(Number(accountId)), at),
    )
  }

  state(): unknown {
    return {
      accounts: [...this.replay.accounts].sort(([a], [b]) => Number(a - b)),
      waiting: [...this.replay.waiting].sort(([a], [b]) => Number(a - b)),
      held: [...this.replay.batches].map(([sequence, batch]) => [
        sequence,
        [...batch].filter(([, { isHeld }]) => isHeld).map(([accountId]) => accountId),
      ]),
    }
  }
}

const move = fc.record({
  accountId: fc.integer({ min: 1, max: 4 }),
  amount: fc.bigInt({ min: -50n, max: 100n }).filter((amount) => amount !== 0n),
  kind: fc.constantFrom("adjust", "adjust", "observe"),
})

function begin(moves: readonly { accountId: number; amount: bigint; kind: string }[]): Log {
  const log = new Log()
  for (let opened = 0; opened < 4; opened += 1) log.open()
  for (const { accountId, amount, kind } of moves) {
    if (kind === "adjust") log.adjust(accountId, amount)
    else log.observe(accountId, amount)
  }
  return log
}

describe("replay", () => {
  test("keeps pending = confirmed + unsettled whatever is adjusted, settled, deferred and observed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(move, { maxLength: 8 }), fc.integer({ min: 0, max: 15 })), {
          maxLength: 6,
        }),
        (rounds) => {
          const log = begin([])
          for (const [moves, skips] of rounds) {
            for (const { accountId, amount, kind } of moves) {
              if (kind === "adjust") log.adjust(accountId, amount)
              else log.observe(accountId, amount)
            }
            const batch = log.seal()
            if (batch !== undefined) log.confirm(batch, (accountId) => (skips & (1 << (accountId - 1))) !== 0)
          }
          for (const account of log.replay.accounts.values())
            expect(account.pending).toBe(account.confirmed + account.unsettled)
        },
      ),
    )
  })

  test("of confirmations and their revocations ends where it began, and can confirm again otherwise", () => {
    fc.assert(
      fc.property(
        fc.array(move, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 15 }),
        fc.integer({ min: 0, max: 15 }),
        (moves, skips, skipsAgain) => {
          const log = begin(moves)
          const batch = log.seal()
          if (batch === undefined) return
          const before = log.state()
          const positions = log.confirm(batch, (accountId) => (skips & (1 << (accountId - 1))) !== 0)
          positions.push(log.observe(1, 7n))
          for (const position of positions.reverse()) log.revoke(position)
          expect(log.state()).toEqual(before)
          log.confirm(batch, (accountId) => (skipsAgain & (1 << (accountId - 1))) !== 0)
        },
      ),
    )
  })

  test("does not take a deferred change back into its batch once another batch has it", () => {
    const log = begin([{ accountId: 1, amount: -5n, kind: "adjust" }])
    const first = log.seal()
    if (first === undefined) throw new Error("nothing was sealed")
    const [, deferred] = log.confirm(first, () => true)
    const second = log.seal()
    log.revoke(deferred ?? 0)
    expect(log.events.at(-1)).toMatchObject({ data: { reopened_account_ids: [] } })
    if (second !== undefined) log.confirm(second, () => false)
    expect(log.replay.accounts.get(1n)).toEqual({ pending: -5n, confirmed: -5n, unsettled: 0n })
  })
})

describe("a log that contradicts itself is refused:", () => {
  const refused: [string, (log: Log) => void][] = [
    [
      "a batch that is confirmed twice",
      (log) => {
        const batch = log.seal()
        if (batch === undefined) return
        log.confirm(batch, () => false)
        log.confirm(batch, () => false)
      },
    ],
    [
      "a confirmation that is revoked twice",
      (log) => {
        const batch = log.seal()
        if (batch === undefined) return
        const [position] = log.confirm(batch, () => false)
        log.revoke(position ?? 0)
        log.revoke(position ?? 0)
      },
    ],
    [
      "a change that is sealed twice",
      (log) => {
        log.seal()
        const sealed = log.events.at(-1)
        if (sealed !== undefined) log.add(sealed)
      },
    ],
    [
      "a balance that the log does not give",
      (log) => {
        log.add({
          ...common,
          type: "DepositObserved",
          account: { accountId: 1n, amount: 5n, balanceAfter: 6n },
          data: { ...reference, counterparty: address },
        })
      },
    ],
    [
      "an account that is opened twice",
      (log) => {
        const [opened] = log.events
        if (opened !== undefined) log.add(opened)
      },
    ],
  ]
  test.each(refused)("%s", (_, contradict) => {
    const log = begin([{ accountId: 1, amount: 3n, kind: "adjust" }])
    expect(() => contradict(log)).toThrow(ReplayFault)
  })
})
