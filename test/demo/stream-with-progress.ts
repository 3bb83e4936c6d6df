import { setTimeout as sleep } from "node:timers/promises"
import type { ApiClient } from "./api-client.ts"
import type { ExpectedOutcome } from "./expect-outcomes.ts"
import { countNetted, type SettlementFollower } from "./follow-settlement.ts"
import type { Journal, JournalEntry } from "./journal.ts"
import { type ProgressBars, showProgress } from "./progress-bars.ts"
import { resumeStream } from "./resume-stream.ts"
import type { Sent } from "./send-operation.ts"
import type { StreamOperation } from "./stream-operation.ts"
import { waitWhileMoving } from "./wait-while-moving.ts"

export type Streamed = {
  readonly acceptedAdjustments: number
  readonly netted: number
  readonly acceptedInSeconds: number
  /** Single adjustments, one request after the other, with nothing else going on. */
  readonly idleMs: readonly number[]
  readonly loadMs: readonly number[]
}

const standstillMs = 120_000

/** Streams a run and follows it to its last confirmation, with a bar for each stage. Counts adjustments. */
export async function streamWithProgress(options: {
  readonly api: ApiClient
  readonly operations: readonly StreamOperation[]
  readonly outcomes: ReadonlyMap<string, ExpectedOutcome>
  readonly journal: Journal
  readonly follower: SettlementFollower
  readonly concurrency: number
}): Promise<Streamed> {
  const { api, operations, outcomes, journal, follower } = options
  const isOpen = ({ operation_id: id }: StreamOperation) => !journal.entries.has(id)
  const first = operations.findIndex((operation) => operation.adjustments.length > 1)
  // A resumed run does not begin on an idle stack.
  const quiet = journal.entries.size > 0 ? [] : operations.slice(0, Math.max(0, first)).filter(isOpen)
  const expected = operations
    .filter(({ operation_id: id }) => outcomes.get(id)?.accepted)
    .reduce((sum, { adjustments }) => sum + adjustments.length, 0)

  let accepted = 0
  const countIn = (entry: JournalEntry) => {
    if (entry.outcome === "accepted") accepted += entry.adjustments.length
  }
  for (const entry of journal.entries.values()) countIn(entry)
  const idleMs: number[] = []
  const loadMs: number[] = []
  const bars = showProgress(["accepted", "settled", "confirmed"], expected)
  const stream = async (part: readonly StreamOperation[], concurrency: number, times: number[]) => {
    const onSent = ({ entry, milliseconds }: Sent) => {
      countIn(entry)
      if (entry.outcome === "accepted" && entry.adjustments.length === 1) times.push(milliseconds)
      bars.set("accepted", accepted)
    }
    await resumeStream({ api, operations: part, journal, pace: { concurrency }, onSent })
  }
  const began = performance.now()
  let acceptedInSeconds = 0
  try {
    await stream(quiet, 1, idleMs)
    const loadBegan = performance.now()
    const streaming = stream(operations.slice(quiet.length), options.concurrency, loadMs).then(() => {
      acceptedInSeconds = (performance.now() - loadBegan) / 1_000
    })
    await Promise.all([streaming, showSettlementUntil(streaming, follower, bars)])
    const netted = await followToTheEnd(options, accepted, bars)
    return { acceptedAdjustments: accepted, netted, acceptedInSeconds, idleMs, loadMs }
  } finally {
    bars.stop()
    if (acceptedInSeconds === 0) acceptedInSeconds = (performance.now() - began) / 1_000
  }
}

async function showSettlementUntil(
  streaming: Promise<void>,
  follower: SettlementFollower,
  bars: ProgressBars,
): Promise<void> {
  const ended = streaming.then(
    () => true,
    () => true,
  )
  while (!(await Promise.race([ended, sleep(1_000, false)]))) await update(follower, bars)
}

async function update(follower: SettlementFollower, bars: ProgressBars) {
  const progress = await follower.update()
  bars.set("settled", progress.settled)
  bars.set("confirmed", progress.confirmed)
  return progress
}

/** @returns how many changes were settled by netting: they are in no batch */
async function followToTheEnd(
  options: {
    readonly api: ApiClient
    readonly operations: readonly StreamOperation[]
    readonly journal: Journal
    readonly follower: SettlementFollower
  },
  accepted: number,
  bars: ProgressBars,
): Promise<number> {
  const { api, journal, follower } = options
  let netted = 0
  await waitWhileMoving("settlement", standstillMs, async () => {
    const { settled, confirmed } = await update(follower, bars)
    if (settled < accepted - netted && settled === confirmed) {
      const seen = new Map<string, number>()
      for (const { changes } of follower.batches())
        for (const { operation_id: id } of changes) if (id !== null) seen.set(id, (seen.get(id) ?? 0) + 1)
      const missing = [...journal.entries.values()].filter(
        (entry) =>
          entry.outcome === "accepted" && (seen.get(entry.operation_id) ?? 0) < entry.adjustments.length,
      )
      netted = await countNetted(
        api,
        missing.map((entry) => entry.operation_id),
      )
    }
    bars.set("settled", settled + netted)
    bars.set("confirmed", confirmed + netted)
    return { isDone: confirmed + netted >= accepted, figure: settled + confirmed + netted }
  })
  return netted
}
