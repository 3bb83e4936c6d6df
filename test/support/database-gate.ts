import pg from "pg"
import { waitUntil } from "./wait-until.ts"

export type DatabaseGate = {
  /** Resolves when a transaction of that program stands at the gate. */
  someoneWaits(applicationName: string): Promise<void>
  /** Lets everybody through and takes the gate away. */
  open(): Promise<void>
}

const lockKey = 4_711
const name = "test_gate"

/**
 * Stops whoever inserts into a table until the gate is opened: inside of the COMMIT, when nothing can stop the commit any more but the
 * server, or right after the INSERT, with the COMMIT still to be asked for.
 */
export async function closeGate(
  databaseUrl: string,
  where: { readonly table: string; readonly at: "commit" | "insert" },
): Promise<DatabaseGate> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "test-gate" })
  await client.connect()
  await client.query(`SELECT pg_advisory_lock(${lockKey})`)
  await client.query(`
    CREATE FUNCTION public.${name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock_shared(${lockKey}); RETURN NULL; END $$`)
  await client.query(
    where.at === "commit"
      ? `CREATE CONSTRAINT TRIGGER ${name} AFTER INSERT ON ${where.table}
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.${name}()`
      : `CREATE TRIGGER ${name} AFTER INSERT ON ${where.table}
         FOR EACH STATEMENT EXECUTE FUNCTION public.${name}()`,
  )
  return {
    async someoneWaits(applicationName) {
      await waitUntil(
        async () => {
          const { rows } = await client.query(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE $1 AND wait_event = 'advisory'",
            [`${applicationName}%`],
          )
          return rows.length > 0
        },
        { what: `${applicationName} stands at the gate`, timeoutMs: 30_000 },
      )
    },
    async open() {
      await client.query(`SELECT pg_advisory_unlock(${lockKey})`)
      await client.query(`DROP FUNCTION public.${name} CASCADE`)
      await client.end()
    },
  }
}
