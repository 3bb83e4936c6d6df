import { Kysely, PostgresDialect, sql } from "kysely"
import { type Migration, Migrator } from "kysely/migration"
import pg from "pg"
import { ChainBridgeError } from "../../platform/errors.ts"
import * as registry from "./001-registry.ts"
import * as ledger from "./002-ledger.ts"
import * as settlement from "./003-settlement.ts"
import * as roles from "./004-roles.ts"
import * as projections from "./005-projections.ts"
import * as checkpoints from "./006-checkpoints.ts"
import * as imports from "./007-imports.ts"
import * as archive from "./008-archive.ts"
import * as holds from "./009-holds-and-redactions.ts"
import * as anchors from "./010-anchors.ts"
import * as lockHeadAt from "./011-lock-head-at.ts"
import * as batchCongestion from "./012-batch-congestion.ts"
import * as replacements from "./013-replacements.ts"
import * as gasAccounting from "./014-gas-accounting.ts"
import * as deadLetters from "./015-dead-letters.ts"
import * as batchCalls from "./016-batch-calls.ts"
import * as lostTails from "./018-lost-tails.ts"
import * as cancellations from "./018b-cancellations.ts"
import * as treasury from "./019-treasury.ts"
import * as signers from "./020-signers.ts"
import * as identity from "./021-identity.ts"
import * as nonceGuards from "./022-nonce-guards.ts"
import * as alarmOrder from "./023-alarm-order.ts"
import * as rateLimits from "./024-rate-limits.ts"
import * as webhooks from "./025-webhooks.ts"
import * as registryVersions from "./026-registry-versions.ts"
import * as checksOfSeals from "./027-checks-of-seals.ts"
import * as rewinds from "./028-rewinds.ts"
import * as settledEvents from "./029-settled-events.ts"
import * as keptAnswers from "./030-kept-answers.ts"
import { prepareJobs } from "./prepare-jobs.ts"

const migrations: Record<string, Migration> = {
  "001-registry": registry,
  "002-ledger": ledger,
  "003-settlement": settlement,
  "004-roles": roles,
  "005-projections": projections,
  "006-checkpoints": checkpoints,
  "007-imports": imports,
  "008-archive": archive,
  "009-holds-and-redactions": holds,
  "010-anchors": anchors,
  "011-lock-head-at": lockHeadAt,
  "012-batch-congestion": batchCongestion,
  "013-replacements": replacements,
  "014-gas-accounting": gasAccounting,
  "015-dead-letters": deadLetters,
  "016-batch-calls": batchCalls,
  "018-lost-tails": lostTails,
  "018b-cancellations": cancellations,
  "019-treasury": treasury,
  "020-signers": signers,
  "021-identity": identity,
  "022-nonce-guards": nonceGuards,
  "023-alarm-order": alarmOrder,
  "024-rate-limits": rateLimits,
  "025-webhooks": webhooks,
  "026-registry-versions": registryVersions,
  "027-checks-of-seals": checksOfSeals,
  "028-rewinds": rewinds,
  "029-settled-events": settledEvents,
  "030-kept-answers": keptAnswers,
}

/**
 * Brings the database to this version's schema and the job queue's to its own, each migration in the one transaction of the run. Safe to run from several processes: they wait for each other.
 * @param ownerUrl a login that may create schemas and roles
 * @throws ChainBridgeError MIGRATION_FAILED with the cause; DATABASE_TOO_NEW; nothing of the run stays behind
 */
export async function migrate(ownerUrl: string): Promise<{ applied: string[] }> {
  const pool = new pg.Pool({ connectionString: ownerUrl, application_name: "chainbridge-migrate", max: 3 })
  pool.on("error", () => undefined)
  pool.on("connect", (client) => client.on("error", () => undefined))
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    await sql`CREATE SCHEMA IF NOT EXISTS migrations`.execute(db)
    const migrator = new Migrator({
      db,
      provider: { getMigrations: () => Promise.resolve(migrations) },
      migrationTableSchema: "migrations",
    })
    const { error, results } = await migrator.migrateToLatest()
    if (error !== undefined) {
      const newer = /previously executed migration (\S+) is missing/.exec(
        error instanceof Error ? error.message : "",
      )
      if (newer !== null)
        throw new ChainBridgeError(
          "DATABASE_TOO_NEW",
          `a newer version of this program has brought the database up to date: it has the migration ${newer[1] ?? ""}, which this one does not know; start that version, or a later one`,
        )
      throw new ChainBridgeError("MIGRATION_FAILED", "the database schema could not be brought up to date", {
        cause: error,
      })
    }
    await prepareJobs(pool)
    return { applied: (results ?? []).map((result) => result.migrationName) }
  } finally {
    await db.destroy()
  }
}
