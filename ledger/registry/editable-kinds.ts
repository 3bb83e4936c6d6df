import { type Kysely, sql } from "kysely"
import type { z } from "zod"
import { chainDocumentSchema } from "../../platform/config/chains-schema.ts"
import { reasonDocumentSchema } from "../../platform/config/reason-registry-schema.ts"
import type { TokenStrategy } from "../../platform/config/token-strategy.ts"
import { tokenStrategySchema } from "../../platform/config/token-strategy-schema.ts"
import { tokenDocumentSchema } from "../../platform/config/tokens-schema.ts"
import { parseAmount } from "../domain/amount.ts"
import type { Database } from "../store/database.ts"
import {
  type ChainDocument,
  type ReasonDocument,
  type TokenDocument,
  type TokenKey,
  writeChain,
  writeReason,
  writeStrategy,
  writeToken,
} from "./write-document.ts"

export type EditableKind = "chain" | "token" | "strategy" | "reason"

/** What is wrong with a field of a document, and what to do. */
export type FieldProblem = { readonly field: string; readonly message: string }

type Kind<Value> = {
  /** Of the fields that may change. Whoever writes documents validates with it: the files' and the API's are held to the same. */
  readonly schema: z.ZodObject & z.ZodType<Value>
  /** Locks its row, where there is one. Those who only refer to it go on: a new account, a batch. */
  lock(db: Kysely<Database>, entryId: string): Promise<void>
  /** What no schema knows: other entries. */
  check(db: Kysely<Database>, entryId: string, document: Value): Promise<FieldProblem[]>
  write(db: Kysely<Database>, entryId: string, document: Value): Promise<void>
}

const chain: Kind<ChainDocument> = {
  schema: chainDocumentSchema,
  async lock(db, entryId) {
    await sql`SELECT FROM registry.chains WHERE chain_id::text = ${entryId} FOR NO KEY UPDATE`.execute(db)
  },
  async check(db, entryId, { name }) {
    const { rows } = await sql<{ chain_id: bigint }>`
      SELECT chain_id FROM registry.chains WHERE name = ${name} AND chain_id::text <> ${entryId}`.execute(db)
    return rows.map((row) => ({
      field: "name",
      message: `is ${JSON.stringify(name)}; allowed: another name, chain ${row.chain_id} has this one`,
    }))
  },
  write: (db, entryId, document) => writeChain(db, BigInt(entryId), document),
}

async function lockToken(db: Kysely<Database>, entryId: string): Promise<void> {
  await sql`SELECT FROM registry.tokens WHERE chain_id || ':' || symbol = ${entryId} FOR NO KEY UPDATE`.execute(
    db,
  )
}

const token: Kind<TokenDocument> = {
  schema: tokenDocumentSchema,
  lock: lockToken,
  async check(db, entryId, { is_default: isDefault }) {
    if (!isDefault) return []
    const { chainId, symbol } = tokenKeyOf(entryId)
    const { rows } = await sql<{ chain_id: bigint }>`
      SELECT chain_id FROM registry.tokens WHERE symbol = ${symbol} AND is_default AND chain_id <> ${chainId}`.execute(
      db,
    )
    return rows.map((row) => ({
      field: "is_default",
      message: `is true; allowed: false, as long as ${row.chain_id}:${symbol} is the default`,
    }))
  },
  write: (db, entryId, document) => writeToken(db, tokenKeyOf(entryId), document),
}

const strategy: Kind<TokenStrategy> = {
  schema: tokenStrategySchema,
  lock: lockToken,
  async check(db, entryId, document) {
    const { chainId, symbol } = tokenKeyOf(entryId)
    const row = await db
      .selectFrom("registry.tokens")
      .select("decimals")
      .where("chain_id", "=", chainId)
      .where("symbol", "=", symbol)
      .executeTakeFirst()
    return row === undefined ? [] : checkStrategy(db, document, row.decimals)
  },
  write: (db, entryId, document) => writeStrategy(db, tokenKeyOf(entryId), document),
}

/** What a strategy names has to be there, and its amounts have to be amounts of its token. */
export async function checkStrategy(
  db: Kysely<Database>,
  document: TokenStrategy,
  decimals: number,
): Promise<FieldProblem[]> {
  const { rows } = await sql<{ reason: string }>`
    SELECT reason FROM unnest(${[...document.priority_reasons]}::text[]) AS reason
    WHERE NOT EXISTS (SELECT FROM registry.reasons r WHERE r.reason_type = reason)`.execute(db)
  const problems: FieldProblem[] = rows.map(({ reason }) => ({
    field: "priority_reasons",
    message: `has ${JSON.stringify(reason)}; allowed: a registered reason`,
  }))
  const amounts = [
    ["value_threshold", document.value_threshold],
    ["dust.threshold", document.dust?.threshold],
  ] as const
  for (const [field, text] of amounts) {
    const amount = text === undefined ? null : parseAmount(text, decimals, "forbidden")
    if (amount !== null && "refused" in amount) problems.push({ field, message: amount.message })
  }
  return problems
}

const reason: Kind<ReasonDocument> = {
  schema: reasonDocumentSchema,
  async lock(db, entryId) {
    await sql`SELECT FROM registry.reasons WHERE reason_type = ${entryId} FOR NO KEY UPDATE`.execute(db)
  },
  check: () => Promise.resolve([]),
  write: writeReason,
}

export const editableKinds = { chain, token, strategy, reason } as const

/** Keeps others from writing the entry until the transaction ends, also where it is not there yet: two who register it at once would both find that it is not. */
export async function lockEntry(db: Kysely<Database>, kind: EditableKind, entryId: string): Promise<void> {
  // A token and its strategy are one row: with a lock each, two who want both could wait for each other.
  const row = kind === "strategy" ? "token" : kind
  await sql`SELECT pg_advisory_xact_lock(hashtext('chainbridge registry'), hashtext(${`${row} ${entryId}`}))`.execute(
    db,
  )
  await editableKinds[kind].lock(db, entryId)
}

/** Of an entry that is there. */
function tokenKeyOf(entryId: string): TokenKey {
  const [chainId = "", symbol = ""] = entryId.split(":")
  return { chainId: BigInt(chainId), symbol }
}
