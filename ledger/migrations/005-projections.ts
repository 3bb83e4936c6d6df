import { type Kysely, sql } from "kysely"

/** Versions of the projections that follow the log asynchronously, how far each is in each ledger, and the schema in which SQL users read them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE ledger.projections (
      name text NOT NULL,
      version integer NOT NULL CHECK (version > 0),
      -- The same version may be built again: its tables end in _v<version>_<build>.
      build integer NOT NULL CHECK (build > 0),
      state text NOT NULL CHECK (state IN ('building', 'serving', 'retired')),
      tables text[] NOT NULL,
      created_at timestamptz(3) NOT NULL DEFAULT now(),
      -- Set when it has read the log once and what only readers need is made.
      indexed_at timestamptz(3),
      served_at timestamptz(3),
      retired_at timestamptz(3),
      dropped_at timestamptz(3),
      PRIMARY KEY (name, version, build),
      CHECK ((state = 'retired') = (retired_at IS NOT NULL)),
      CHECK (dropped_at IS NULL OR state = 'retired')
    )`.execute(db)
  // Whatever the code believes: readers have one version, and one is built for them at a time.
  await sql`CREATE UNIQUE INDEX projections_state ON ledger.projections (name, state) WHERE state <> 'retired'`.execute(
    db,
  )
  await sql`
    CREATE TABLE ledger.projection_checkpoints (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      name text NOT NULL,
      version integer NOT NULL,
      build integer NOT NULL,
      -- Everything up to here is in its tables; moves in the transaction that writes them. Who moves it holds this row.
      position bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
      moved_at timestamptz(3) NOT NULL DEFAULT now(),
      -- The event that it cannot get past, why not, and the version of the program that tried.
      failed_position bigint CHECK (failed_position > position),
      failure text,
      failed_at timestamptz(3),
      failed_program text,
      PRIMARY KEY (ledger_id, name, version, build),
      FOREIGN KEY (name, version, build) REFERENCES ledger.projections,
      CHECK ((failed_position IS NULL) = (failure IS NULL)),
      CHECK ((failed_position IS NULL) = (failed_at IS NULL)),
      CHECK ((failed_position IS NULL) = (failed_program IS NULL))
    ) WITH (fillfactor = 50)`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE ON ledger.projections TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.projection_checkpoints TO chainbridge_app`.execute(
    db,
  )
  // The worker makes and drops tables here, and nowhere else.
  await sql`CREATE SCHEMA analytics`.execute(db)
  await sql`GRANT USAGE, CREATE ON SCHEMA analytics TO chainbridge_app`.execute(db)
}
