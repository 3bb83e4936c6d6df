import type { NewEvent } from "./events.ts"
import { type Replay, replayEvent, startReplay } from "./replay.ts"
import { readBatch } from "./replay-batches.ts"
import { revokeEvent } from "./revoke-event.ts"

export const hex = `0x${"ab".repeat(32)}`
export const address = `0x${"cd".repeat(20)}`
const at = new Date(1_700_000_000_000)
export const place = { chain_id: 1, block_number: 1, block_hash: hex, log_index: 0, transaction_hash: hex }
export const common = { operation: null, occurredAt: at, causation: "test", details: null }

/** A log under construction, with the state that it gives: for tests of the replay. */
export class TestLog {
  readonly replay: Replay = startReplay()
  readonly events: NewEvent[] = []
  batches = 0
  logs = 0

  /** Every log of the chain has its own. */
  place(): typeof place {
    this.logs += 1
    return { ...place, log_index: this.logs }
  }

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
      data: { ...this.place(), counterparty: address },
    })
  }

  /** Seals everything that waits. @returns the batch with its nets, or undefined where nothing is left of it */
  seal(): { sequence: number; nets: { accountId: number; net: bigint }[] } | undefined {
    const waiting = new Map<number, { net: bigint; positions: number[] }>()
    for (const [position, { accountId, amount }] of this.replay.changes.waiting()) {
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

  confirm(
    batch: NonNullable<ReturnType<TestLog["seal"]>>,
    isSkipped: (accountId: number) => boolean,
  ): number[] {
    const settled = batch.nets.filter(({ accountId }) => !isSkipped(accountId))
    const deferred = batch.nets.filter(({ accountId }) => isSkipped(accountId))
    const positions = [
      this.add({
        ...common,
        type: "SettlementConfirmed",
        account: null,
        data: {
          ...this.place(),
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
            ...this.place(),
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
      const batch = readBatch(this.replay.batches, BigInt(event.data.batch_sequence))
      const positions = batch?.accounts.get(BigInt(accountId))?.positions
      return positions?.every((at) => this.replay.changes.ownerOf(at) === "waiting") === true
    }
    this.add(
      revokeEvent(BigInt(position), event, waiting, (accountId) => this.pending(Number(accountId)), at),
    )
  }

  state(): unknown {
    return {
      accounts: [...this.replay.accounts]
        .sort(([a], [b]) => Number(a - b))
        .map(([id, { pending, confirmed, unsettled }]) => [id, pending, confirmed, unsettled]),
      waiting: [...this.replay.changes.waiting()],
      batches: structuredClone(
        [...this.replay.batches.keys()].map((sequence) => readBatch(this.replay.batches, sequence)),
      ),
      confirmations: new Set(this.replay.confirmations.moves.positions()),
    }
  }
}

/** Four accounts, and what is done with them. */
export function beginLog(moves: readonly { accountId: number; amount: bigint; kind: string }[]): TestLog {
  const log = new TestLog()
  for (let opened = 0; opened < 4; opened += 1) log.open()
  for (const { accountId, amount, kind } of moves) {
    if (kind === "adjust") log.adjust(accountId, amount)
    else log.observe(accountId, amount)
  }
  return log
}
