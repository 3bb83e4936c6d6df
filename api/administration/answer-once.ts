import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { OperationKey } from "../../ledger/store/find-operations.ts"
import { describeError } from "../../platform/errors.ts"
import { refuseOtherRequest, replayed } from "../ledger/repeated-write.ts"
import type { Answer } from "../presenters/envelope.ts"
import { isRefusal, type Refusal, refuse } from "../refusal.ts"
import type { Services } from "../services.ts"
import { canonicalJson } from "../validation/canonical-json.ts"
import { createLateTransaction } from "./late-transaction.ts"

export type KeyedAction = {
  /** Whose keys these are; null: those of what concerns every app. */
  readonly ledgerId: string | null
  readonly actor: string
  readonly key: OperationKey
  /** Of 32 bytes. */
  readonly hash: (text: string) => Buffer
  /** Route, address and body as they were sent: with another one the key is refused. */
  readonly said: Readonly<Record<string, unknown>>
  /** Kept in place of an answer that has a secret in it; null: it has none. */
  shownOnce(data: object): string | null
  handle(services: Services): Promise<Answer | Refusal | Response>
}

type Kept =
  | Pick<Answer, "status" | "data" | "batchInfo">
  /** What was done, and what to do without the secret. */
  | { readonly shownOnce: string }

/** Somebody else has done it meanwhile. */
class KeyIsTaken extends Error {
  readonly answer: Answer | Refusal
  constructor(answer: Answer | Refusal) {
    super("the key was used meanwhile")
    this.answer = answer
  }
}

/**
 * Does a write of administration once under its key. What it does is committed together with its answer: sent again, it is answered if it was done and done if it was not, whenever a process died.
 * Who sends it meanwhile waits for the first. A refusal is not kept, for nothing was done.
 */
export async function answerOnce(
  services: Services,
  action: KeyedAction,
): Promise<Answer | Refusal | Response> {
  const requestHash = action.hash(canonicalJson(action.said))
  const before = await answerAgain(services.db, action, requestHash)
  if (before !== undefined) return before
  const late = createLateTransaction(services.db, (trx) => takeKey(trx, action, requestHash))
  // What others are told of, and read by themselves, is told when it is committed.
  const told = new Set<() => unknown>()
  const later = (tell: () => unknown) => () => void told.add(tell)
  const own: Services = {
    ...services,
    db: late.db,
    keys: { ...services.keys, clear: later(services.keys.clear) },
    people: { ...services.people, clear: later(services.people.clear) },
    registry: {
      ...services.registry,
      reload: () => Promise.resolve(later(services.registry.reload)()),
    },
  }
  try {
    const result = await action.handle(own)
    const trx = late.current()
    if (trx === undefined) return result
    if (result instanceof Response || isRefusal(result)) {
      await late.rollback()
      return result
    }
    await keep(trx, action, requestHash, result)
    await late.commit()
    await tellAll(services, told)
    return result
  } catch (error) {
    await late.rollback()
    if (error instanceof KeyIsTaken) return error.answer
    throw error
  }
}

/** It is done: whoever could not be told hears of it from the database, or looks again by himself. */
async function tellAll({ logger }: Services, told: ReadonlySet<() => unknown>): Promise<void> {
  for (const tell of told) {
    try {
      await tell()
    } catch (error) {
      logger.warn({ reason: describeError(error) }, "what was done could not be told at once")
    }
  }
}

/** Waits for whoever is doing the same. */
async function takeKey(trx: Transaction<Database>, action: KeyedAction, requestHash: Buffer): Promise<void> {
  const { ledgerId, key } = action
  const name = JSON.stringify(["kept-answers", ledgerId, key.operationId, key.sequence])
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(trx)
  const done = await answerAgain(trx, action, requestHash)
  if (done !== undefined) throw new KeyIsTaken(done)
}

async function keep(
  trx: Transaction<Database>,
  { ledgerId, actor, key, shownOnce }: KeyedAction,
  requestHash: Buffer,
  { status, data, batchInfo }: Answer,
): Promise<void> {
  const sentence = shownOnce(data)
  const kept = (sentence === null ? { status, data, batchInfo } : { shownOnce: sentence }) as Kept
  await sql`
    INSERT INTO registry.kept_answers (ledger_id, operation_id, sequence, request_hash, answer, actor)
    VALUES (${ledgerId}::uuid, ${key.operationId}, ${key.sequence}, ${requestHash}, ${JSON.stringify(kept)}::json, ${actor})`.execute(
    trx,
  )
}

async function answerAgain(
  db: Kysely<Database>,
  { ledgerId, key }: KeyedAction,
  requestHash: Buffer,
): Promise<Answer | Refusal | undefined> {
  const { rows } = await sql<{ request_hash: Buffer; answer: Kept }>`
    SELECT request_hash, answer FROM registry.kept_answers
    WHERE ledger_id IS NOT DISTINCT FROM ${ledgerId}::uuid AND operation_id = ${key.operationId} AND sequence = ${key.sequence}`.execute(
    db,
  )
  const [row] = rows
  if (row === undefined) return undefined
  if (!row.request_hash.equals(requestHash)) return refuseOtherRequest(key)
  const { answer } = row
  return "shownOnce" in answer ? refuse("ANSWER_SHOWN_ONCE", null, answer.shownOnce) : replayed(answer)
}
