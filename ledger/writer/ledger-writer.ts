import type { Kysely } from "kysely"
import pg from "pg"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { isStorageFull, isTransientPostgresError } from "../../platform/postgres.ts"
import type { CommandRefusal, LedgerCommand } from "../domain/commands.ts"
import type { Database } from "../store/database.ts"
import { type RecordedOperation, readOperation } from "../store/read-operation.ts"
import { type AccountMemory, createAccountMemory } from "./account-memory.ts"
import { createCommandQueue, type QueueLimits } from "./command-queue.ts"
import type { SentGroup } from "./group-state.ts"
import type { TokenDirectory } from "./token-directory.ts"
import { type GroupOptions, type GroupOutcome, writeGroup } from "./write-group.ts"

export type CommandResult =
  | { readonly outcome: "recorded"; readonly isReplay: boolean; readonly operation: RecordedOperation }
  | { readonly outcome: "refused"; readonly refusal: CommandRefusal }
  | { readonly outcome: "conflict" }
  /** The queue is full: nothing was recorded, and the same key may be sent again. */
  | { readonly outcome: "overloaded"; readonly retryAfterMs: number }

export type WriterLimits = QueueLimits & {
  /** How long a group is tried again after a fault of the database before its callers are told. */
  readonly retryForMs: number
  /** Adjustments that have to wait for a group to be written while the one before it is being committed. With fewer, larger groups gain more than that. */
  readonly behindAdjustmentsMin: number
  /** For how long after a commit the next group is decided before it has the lock. */
  readonly behindCommittedMs: number
  /** How long every group takes the lock before it is decided, after one that did not has failed; twice as long after each further one, until one succeeds. */
  readonly behindPauseMs: number
  readonly behindPauseMsMax: number
  /** How long nothing is tried after the disk of the database was found full. */
  readonly storageFullForMs: number
}

export const defaultWriterLimits: WriterLimits = {
  queueRequestsMax: 10_000,
  queueAdjustmentsMax: 200_000,
  groupRequestsMax: 256,
  groupAdjustmentsMax: 2_000,
  behindAdjustmentsMin: 500,
  behindCommittedMs: 50,
  behindPauseMs: 250,
  behindPauseMsMax: 8_000,
  retryForMs: 15_000,
  storageFullForMs: 3_000,
}

export type LedgerWriter = {
  /**
   * Records one operation of this ledger durably, or says why not.
   * @throws ChainBridgeError LEDGER_UNAVAILABLE (retryable): the outcome is unknown; the same key asked again tells it
   * @throws ChainBridgeError STORAGE_FULL (retryable): this attempt recorded nothing, and none will until there is space
   */
  execute(command: LedgerCommand): Promise<CommandResult>
  readonly queuedRequests: () => number
  /** Refuses new work, finishes what waits. */
  stop(): Promise<void>
}

/** A group that is being written for the first time. */
type Attempt = {
  readonly group: readonly Waiting[]
  readonly began: number
  readonly outcomes: Promise<GroupOutcome[]>
  /** What it leaves, when all of it is on its way; undefined where it failed before. */
  readonly sent: Promise<SentGroup | undefined>
  /** Resolves when it is over, with whether it is known to be committed. */
  readonly settled: Promise<boolean>
  hasFailed: boolean
  readonly isBehind: boolean
}

type Waiting = {
  readonly command: LedgerCommand
  readonly resolve: (result: CommandResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * The one writer of a ledger in this process. Requests wait in a bounded queue; whoever waits when the previous group has committed forms the next one, so that the head's
 * lock and the disk's flush are paid once a group. Where much waits, the next group is decided and sent while the one before it is being committed: PostgreSQL takes it only behind that one.
 * Writers in other processes serialise on the head row.
 */
export function createLedgerWriter(options: {
  readonly db: Kysely<Database>
  /** Of createWriterPool. */
  readonly writerPool: pg.Pool
  readonly ledgerId: string
  readonly tokens: TokenDirectory
  readonly logger: Logger
  /** Shared by the writers of a process, which it bounds together. */
  readonly memory?: AccountMemory
  readonly now?: () => Date
  readonly limits?: WriterLimits
}): LedgerWriter {
  const { db, writerPool, ledgerId, tokens, logger } = options
  const limits = options.limits ?? defaultWriterLimits
  const memory = (options.memory ?? createAccountMemory())()
  const now = options.now ?? (() => new Date())
  const queue = createCommandQueue<Waiting>(limits)
  let running: Promise<void> | undefined
  let isStopping = false
  let storageFullUntilMs = 0
  let behindFromMs = 0
  let behindPauseMs = limits.behindPauseMs
  let last: { readonly behind: GroupOptions["behind"]; readonly atMs: number } | undefined

  async function drain(): Promise<void> {
    let attempt: Attempt | undefined
    while (attempt !== undefined || queue.requests() > 0) {
      attempt ??= beginAfterLast(queue.takeGroup())
      const left = await attempt.sent
      // Not behind one that has failed, though it was sent: nobody knows what it left.
      const behind = left === undefined || attempt.hasFailed ? undefined : { left, settled: attempt.settled }
      const isMuchWaiting = queue.weight() >= limits.behindAdjustmentsMin
      const waiting = behind !== undefined && isMuchWaiting && !isPaused() ? queue.takeGroup() : undefined
      const next = waiting !== undefined && isAdjustments(waiting) ? begin(waiting, behind) : undefined
      const isCommitted = await attempt.settled
      last = isCommitted && behind !== undefined ? { behind, atMs: performance.now() } : undefined
      // One behind a group that fails is over before that is tried again: never is anything loaded while another group may still change it.
      if (!isCommitted) await next?.settled
      await settleGroup(attempt.group, attempt)
      attempt = next ?? (waiting === undefined ? undefined : beginAfterLast(waiting))
    }
    // In the same turn that saw the queue empty: a request that comes later starts the next drain.
    running = undefined
  }

  function isPaused(): boolean {
    return performance.now() < behindFromMs
  }

  /** Nobody else is likely to have appended since a group that has just been committed. */
  function beginAfterLast(group: readonly Waiting[]): Attempt {
    const isFresh = last !== undefined && performance.now() - last.atMs < limits.behindCommittedMs
    return begin(group, isFresh && !isPaused() && isAdjustments(group) ? last?.behind : undefined)
  }

  function begin(group: readonly Waiting[], behind?: GroupOptions["behind"]): Attempt {
    const sent = Promise.withResolvers<SentGroup | undefined>()
    let isSent = false
    const outcomes = write(
      group.map(({ command }) => command),
      {
        behind,
        onSent(left) {
          isSent = true
          sent.resolve(left)
        },
      },
    )
    const settled = outcomes.then(
      () => {
        if (behind !== undefined) behindPauseMs = limits.behindPauseMs
        return true
      },
      () => {
        attempt.hasFailed = true
        // Those behind one that has failed fail with it, which is no further reason to wait.
        if (isSent && !isPaused()) {
          behindFromMs = performance.now() + behindPauseMs
          if (behind !== undefined) behindPauseMs = Math.min(2 * behindPauseMs, limits.behindPauseMsMax)
        }
        sent.resolve(undefined)
        return false
      },
    )
    const attempt: Attempt = {
      group,
      began: performance.now(),
      outcomes,
      sent: sent.promise,
      settled,
      isBehind: behind !== undefined,
      hasFailed: false,
    }
    return attempt
  }

  async function write(
    commands: readonly LedgerCommand[],
    options: GroupOptions = {},
  ): Promise<GroupOutcome[]> {
    // A server that cannot write its WAL goes down with whoever makes it try, and takes the readers with it: they get the time in between.
    if (performance.now() < storageFullUntilMs) throw storageFull()
    return writeGroup(writerPool, tokens, memory, ledgerId, commands, now, options)
  }

  /** @param first how it was begun, where it was */
  async function settleGroup(group: readonly Waiting[], first?: Attempt): Promise<void> {
    try {
      const { outcomes, isRetry } = await writeWithRetry(
        group.map(({ command }) => command),
        first,
      )
      for (const [index, waiting] of group.entries()) {
        const outcome = outcomes[index]
        if (outcome === undefined)
          throw new ChainBridgeError("INVARIANT_VIOLATED", "a command got no outcome")
        answer(waiting, outcome, isRetry)
      }
    } catch (error) {
      if (group.length === 1 || isRetryable(error)) {
        for (const { reject } of group) reject(error)
        return
      }
      // Something that nobody foresaw about one of them. Nothing of the group was recorded; the halves find whose fault it was, and the others go on.
      logger.error({ err: error, commands: group.length }, "a group of writes is divided")
      const middle = Math.ceil(group.length / 2)
      await settleGroup(group.slice(0, middle))
      await settleGroup(group.slice(middle))
    }
  }

  function answer({ resolve, reject }: Waiting, outcome: GroupOutcome, isRetry: boolean): void {
    switch (outcome.outcome) {
      case "recorded":
        resolve({ outcome: "recorded", isReplay: false, operation: outcome.operation })
        break
      case "replay":
        // After a commit whose result was lost, the replay is our own first answer.
        readOperation(db, ledgerId, outcome.stored).then(
          (operation) => resolve({ outcome: "recorded", isReplay: !isRetry, operation }),
          (error: unknown) => reject(unavailable(error)),
        )
        break
      case "conflict":
      case "refused":
        resolve(outcome)
        break
    }
  }

  async function writeWithRetry(
    commands: readonly LedgerCommand[],
    first?: Attempt,
  ): Promise<{ outcomes: GroupOutcome[]; isRetry: boolean }> {
    // One behind another has waited for that one's retries, and gets its own.
    const began = first === undefined || first.isBehind ? performance.now() : first.began
    const deadline = began + limits.retryForMs
    let begun = first?.outcomes
    for (let attempt = 1; ; ) {
      try {
        const outcomes = await (begun ?? write(commands))
        return { outcomes, isRetry: attempt > 1 }
      } catch (error) {
        const wasBehind = begun !== undefined && first?.isBehind === true
        begun = undefined
        // It was decided on what may not have come true, and has left nothing: as if it had not been tried.
        if (wasBehind && hasLeftNothing(error)) continue
        // A connection that broke during COMMIT, or fell silent, leaves the outcome unknown. Trying again is right in either case: the next attempt
        // waits for the head, so the first has ended by then, and finds its own keys if it had committed.
        if (!isTransientPostgresError(error))
          throw attempt > 1 && isRetryable(error) ? unavailable(error) : error
        if (isStorageFull(error)) {
          logger.error({ err: error }, "the disk of the database is full: nothing can be recorded")
          storageFullUntilMs = performance.now() + limits.storageFullForMs
          // An earlier attempt may have committed all the same.
          throw attempt === 1 ? storageFull(error) : unavailable(error)
        }
        if (performance.now() >= deadline) throw unavailable(error)
        logger.warn({ err: error, attempt, commands: commands.length }, "a group of writes is tried again")
        await new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** attempt, 1_000)))
        attempt += 1
      }
    }
  }

  return {
    execute(command) {
      return new Promise((resolve, reject) => {
        if (isStopping || !queue.push({ command, resolve, reject }))
          return resolve({ outcome: "overloaded", retryAfterMs: 1_000 })
        running ??= drain()
      })
    },
    queuedRequests: queue.requests,
    async stop() {
      isStopping = true
      await running
    },
  }
}

function isAdjustments(group: readonly Waiting[]): boolean {
  return group.every(({ command }) => command.kind === "AdjustBalance")
}

/** Whether the server has said that it refused, or we did ourselves; after any other fault of a connection the outcome is unknown. */
function hasLeftNothing(error: unknown): boolean {
  if (isTransientPostgresError(error)) return false
  return error instanceof pg.DatabaseError || error instanceof ChainBridgeError
}

function isRetryable(error: unknown): boolean {
  return error instanceof ChainBridgeError && error.retryable
}

function unavailable(cause: unknown): ChainBridgeError {
  return new ChainBridgeError(
    "LEDGER_UNAVAILABLE",
    "the ledger's database did not answer; send the same request again with the same operation_id to learn the outcome",
    { retryable: true, cause },
  )
}

function storageFull(cause?: unknown): ChainBridgeError {
  return new ChainBridgeError(
    "STORAGE_FULL",
    "this attempt recorded nothing; free or add disk space for the database, then send the same request again",
    { retryable: true, cause },
  )
}
