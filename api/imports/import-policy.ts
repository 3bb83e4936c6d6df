import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/** What one import may be. */
export type ImportPolicy = {
  readonly bodyBytesMax: bigint
  readonly lineBytesMax: number
  /** Refused lines of one import that are kept with their reasons; all of them are counted. */
  readonly refusedKeptMax: number
}

/** What holds where the configuration was never applied; the same as in config/sync_config.yaml. */
const defaultPolicy: ImportPolicy = {
  bodyBytesMax: 1_073_741_824n,
  lineBytesMax: 32_768,
  refusedKeptMax: 100_000,
}

export async function readImportPolicy(db: Kysely<Database>): Promise<ImportPolicy> {
  const row = await db
    .selectFrom("registry.import_policy")
    .select([
      "body_bytes_max as bodyBytesMax",
      "line_bytes_max as lineBytesMax",
      "refused_kept_max as refusedKeptMax",
    ])
    .executeTakeFirst()
  return row ?? defaultPolicy
}
