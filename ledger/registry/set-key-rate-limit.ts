import type { Kysely } from "kysely"
import type { Initiator } from "../domain/operator-action.ts"
import type { Database } from "../store/database.ts"
import { nameChange } from "./name-change.ts"
import { type EntryVersion, readEntry } from "./read-versions.ts"

/** @param limit null: what holds for every key @returns its newest version; undefined where it never had a limit of its own */
export function setKeyRateLimit(
  db: Kysely<Database>,
  keyId: string,
  limit: { readonly requests_per_second: number; readonly burst: number } | null,
  change: { readonly initiator: Initiator; readonly reason: string },
): Promise<EntryVersion | undefined | "unknown"> {
  return db.transaction().execute(async (trx) => {
    // Its row is what two who set the limit at the same moment wait for.
    const key = await trx
      .selectFrom("registry.api_keys")
      .select("key_id")
      .where("key_id", "=", keyId)
      .forUpdate()
      .executeTakeFirst()
    if (key === undefined) return "unknown"
    await nameChange(trx, change.initiator, { reason: change.reason })
    if (limit === null) await trx.deleteFrom("registry.key_rate_limits").where("key_id", "=", keyId).execute()
    else
      await trx
        .insertInto("registry.key_rate_limits")
        .values({ key_id: keyId, ...limit })
        .onConflict((conflict) => conflict.column("key_id").doUpdateSet(limit))
        .execute()
    return readEntry(trx, "rate_limit", keyId)
  })
}
