import { join } from "node:path"
import { type Kysely, sql } from "kysely"
import type pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { applyConfiguration } from "../../cli/registry/apply-configuration.ts"
import type { WhenChanged } from "../../cli/registry/apply-documents.ts"
import { changeEntry } from "../../ledger/registry/change-entry.ts"
import type { Database } from "../../ledger/store/database.ts"
import { loadConfiguration } from "../../platform/config/load-configuration.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"

const configuration = loadConfiguration({ directory: join(import.meta.dirname, "..", "..", "config") })

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({ databaseUrl: database.appUrl, applicationName: "test", connectionsMax: 2 })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

describe("what was changed at run time", () => {
  const inForce = async (db: Kysely<Database>) =>
    db.selectFrom("registry.reasons").selectAll().where("reason_type", "=", "gas_fee").executeTakeFirst()
  const withReason = (entry: object): typeof configuration => {
    const known = configuration.reasons["gas_fee"]
    if (known === undefined) throw new Error("there is no reason gas_fee")
    return { ...configuration, reasons: { ...configuration.reasons, gas_fee: { ...known, ...entry } } }
  }
  const by = { actor: "command:test", requestId: null, address: null }
  const apply = async (files: typeof configuration, whenChanged: WhenChanged) => {
    const db = createKysely<Database>(pool)
    const options = { initiator: by, reason: "a test", whenChanged }
    return (await applyConfiguration(db, files, [], options)).changed
  }
  const changeOverApi = async (fields: Record<string, unknown>) => {
    const db = createKysely<Database>(pool)
    const { rows } = await sql<{ version: number }>`
      SELECT max(version) AS version FROM registry.versions WHERE kind = 'reason' AND entry_id = 'gas_fee'`.execute(
      db,
    )
    const changed = await changeEntry(db, {
      kind: "reason",
      entryId: "gas_fee",
      expectedVersion: rows[0]?.version ?? 0,
      initiator: { ...by, actor: "person:ann" },
      reason: "fees",
      isDryRun: false,
      fields,
    })
    expect(changed).not.toHaveProperty("refused")
  }

  test("is not overwritten by files that say otherwise, unless somebody says so; and whoever changed nothing is not stopped", async () => {
    const db = createKysely<Database>(pool)
    await apply(configuration, "overwrite")
    await changeOverApi({ priority: "urgent" })
    await expect(apply(configuration, "refuse")).rejects.toMatchObject({
      code: "REGISTRY_CHANGED",
      message: expect.stringMatching(
        /reason gas_fee: priority is "urgent" \(last changed by person:ann\), the files say "high"\n.*--overwrite/,
      ),
    })
    const described = { description: "Gas, as the files have it now" }
    expect(await apply(withReason(described), "keep")).toMatchObject([
      { kind: "reason", entryId: "gas_fee", field: "priority", current: "urgent", inFiles: "high" },
    ])
    expect(await inForce(db)).toMatchObject({ priority: "urgent", ...described })
    // It is remembered as somebody's own, however often the files are applied.
    await expect(apply(withReason(described), "refuse")).rejects.toMatchObject({ code: "REGISTRY_CHANGED" })
    expect(await apply(withReason({ ...described, priority: "urgent" }), "refuse")).toEqual([])
    expect(await apply(withReason(described), "refuse")).toEqual([])
    expect(await inForce(db)).toMatchObject({ priority: "high" })
    await changeOverApi({ priority: "low" })
    expect(await apply(withReason(described), "overwrite")).toHaveLength(1)
    expect(await inForce(db)).toMatchObject({ priority: "high" })
  })

  test("and retired stays so when the files are applied", async () => {
    await changeOverApi({ is_retired: true })
    expect(await apply(withReason({ description: "Another text" }), "refuse")).toEqual([])
    expect(await inForce(createKysely<Database>(pool))).toMatchObject({
      is_retired: true,
      description: "Another text",
    })
  })

  test("leaves an entry of who applied the files, and none where they change nothing", async () => {
    const db = createKysely<Database>(pool)
    const entries = async () =>
      (
        await db
          .selectFrom("registry.audit_log")
          .select(["actor", "action", "subject"])
          .where("subject", "=", "reason:gas_fee")
          .orderBy("entry_id")
          .execute()
      ).slice(-1)
    await apply(withReason({ description: "A third text" }), "refuse")
    expect(await entries()).toEqual([
      { actor: "command:test", action: "reason.changed", subject: "reason:gas_fee" },
    ])
    const count = () => db.selectFrom("registry.versions").select(sql<bigint>`count(*)`.as("n")).execute()
    const before = await count()
    await apply(withReason({ description: "A third text" }), "refuse")
    expect(await count()).toEqual(before)
  })
})
