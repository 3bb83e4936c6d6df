import { type Kysely, sql } from "kysely"

/** How many requests a key may make: what holds for every key, and what for one of them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.rate_limit_policy (
      -- One row, or none, or both NULL: then nothing limits a key that has no limit of its own.
      is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
      requests_per_second integer CHECK (requests_per_second > 0),
      burst integer CHECK (burst > 0),
      CHECK ((requests_per_second IS NULL) = (burst IS NULL))
    )`.execute(db)
  await sql`
    CREATE TABLE registry.key_rate_limits (
      key_id uuid PRIMARY KEY REFERENCES registry.api_keys ON DELETE CASCADE,
      requests_per_second integer NOT NULL CHECK (requests_per_second > 0),
      burst integer NOT NULL CHECK (burst > 0)
    )`.execute(db)
  await sql`
    GRANT SELECT, INSERT, UPDATE, DELETE ON registry.rate_limit_policy, registry.key_rate_limits TO chainbridge_app`.execute(
    db,
  )
}
