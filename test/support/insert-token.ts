import type { Kysely } from "kysely"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import type { Database } from "../../ledger/store/database.ts"

/** Chain 31337 with a token of 18 decimals. @returns the token's id */
export async function insertToken(
  db: Kysely<Database>,
  token: {
    readonly address: string
    readonly strategy: object
    readonly auditAnchor?: string
    readonly mode?: SettlementMode
    readonly treasury?: string | null
    readonly decimals?: number
  },
): Promise<number> {
  await db
    .insertInto("registry.chains")
    .values({
      chain_id: 31_337n,
      name: "local",
      confirmation_blocks: 2,
      finality: "depth",
      block_time_ms: 1_000,
      start_block: 0n,
      genesis_hash: `0x${"11".repeat(32)}`,
      explorer_url: null,
      wallet_manager: `0x${"22".repeat(20)}`,
      wallet_init_code_hash: `0x${"33".repeat(32)}`,
      audit_anchor: token.auditAnchor ?? null,
    })
    .execute()
  const { token_id: tokenId } = await db
    .insertInto("registry.tokens")
    .values({
      chain_id: 31_337n,
      token_address: token.address,
      symbol: "CPOP",
      name: "CPOP",
      decimals: token.decimals ?? 18,
      features: ["settle"],
      settlement_mode: token.mode ?? "settle",
      treasury: token.treasury ?? null,
      start_block: 0n,
      is_default: true,
      strategy: JSON.stringify(token.strategy),
      drift_threshold: 0n,
    })
    .returning("token_id")
    .executeTakeFirstOrThrow()
  return tokenId
}
