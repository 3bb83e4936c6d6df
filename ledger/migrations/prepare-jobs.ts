import { runMigrations } from "graphile-worker"
import type pg from "pg"

/** Any number that nothing else in the database locks. */
const lockNumber = 4_206_900_025

/**
 * Brings the job queue's own schema up to date, and lets our processes work with it: its tables refuse by row-level security whoever is not their owner.
 * @param pool of a login that may create schemas
 */
export async function prepareJobs(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  try {
    // Two that grant at once fail each other.
    await client.query("SELECT pg_advisory_lock($1)", [lockNumber])
    await runMigrations({ pgPool: pool, preset: { worker: { concurrentJobs: 1 } } })
    await client.query(`
      GRANT USAGE ON SCHEMA graphile_worker TO chainbridge_app;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA graphile_worker TO chainbridge_app;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA graphile_worker TO chainbridge_app;
      REVOKE INSERT, UPDATE, DELETE ON graphile_worker.migrations FROM chainbridge_app;
      DO $$ DECLARE guarded record; BEGIN
        FOR guarded IN
          SELECT c.oid::regclass AS name FROM pg_class c
          WHERE c.relnamespace = 'graphile_worker'::regnamespace AND c.relrowsecurity
            AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'chainbridge_app')
        LOOP
          EXECUTE format('CREATE POLICY chainbridge_app ON %s TO chainbridge_app USING (true) WITH CHECK (true)', guarded.name);
        END LOOP;
      END $$`)
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [lockNumber]).catch(() => undefined)
    client.release()
  }
}
