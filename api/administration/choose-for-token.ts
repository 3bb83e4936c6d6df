import type { Kysely } from "kysely"
import type { Address } from "viem"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import { refuseIssues } from "../../ledger/registry/change-entry.ts"
import { readEntry } from "../../ledger/registry/read-versions.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { TokenStrategy } from "../../platform/config/token-strategy.ts"
import { tokenStrategySchema } from "../../platform/config/token-strategy-schema.ts"
import { type Refusal, refuse } from "../refusal.ts"
import { refuseEntry } from "./refuse-entry.ts"

/** What pays a token out that knows no batches. */
export async function chooseTreasuryOf(
  db: Kysely<Database>,
  chainId: bigint,
  mode: SettlementMode,
  given: string | undefined,
): Promise<Address | null | Refusal> {
  if (mode !== "treasury") {
    if (given === undefined) return null
    return refuse("TOKEN_UNFIT", "treasury", `a token of the mode ${mode} has no treasury; leave it out`)
  }
  const row = await db
    .selectFrom("registry.tokens")
    .select("treasury")
    .where("chain_id", "=", chainId)
    .where("treasury", "is not", null)
    .orderBy("token_id")
    .executeTakeFirst()
  const chosen = given ?? row?.treasury ?? null
  if (chosen !== null) return chosen.toLowerCase() as Address
  return refuse(
    "TOKEN_UNFIT",
    "treasury",
    "it is to be paid out of a treasury, and no token of the chain has one; name its address",
  )
}

/** A strategy that was sent, or that of another token. */
export async function chooseStrategy(
  db: Kysely<Database>,
  chainId: bigint,
  said: {
    readonly strategy?: TokenStrategy | undefined
    readonly strategy_of?: string | undefined
  },
): Promise<TokenStrategy | Refusal> {
  const { strategy, strategy_of } = said
  if (strategy !== undefined && strategy_of !== undefined)
    return refuse("INVALID_FIELD", "strategy_of", "name either strategy or strategy_of, not both")
  if (strategy !== undefined) return strategy
  const from = strategy_of ?? `${chainId}:CPOP`
  const document = (await readEntry(db, "strategy", from))?.document
  if (!document)
    return refuse(
      "UNKNOWN_ENTRY",
      "strategy_of",
      `there is no token "${from}"; name one whose strategy it is to have, or send a strategy`,
    )
  const parsed = tokenStrategySchema.safeParse(document)
  return parsed.success ? parsed.data : refuseEntry(refuseIssues(parsed.error.issues, document), "strategy.")
}
