import type pg from "pg"

/** What a service writes that keeps balances itself: its own tables, each with the indexes that its reads need. */
export async function createNaiveSchema(owner: pg.Client): Promise<void> {
  await owner.query(`
    CREATE SCHEMA naive;
    CREATE TABLE naive.balances (
      account_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      user_id text NOT NULL,
      token_id integer NOT NULL,
      amount numeric(78, 0) NOT NULL,
      UNIQUE (user_id, token_id)
    ) WITH (fillfactor = 70);
    CREATE TABLE naive.operations (
      operation_id text NOT NULL,
      sequence integer NOT NULL,
      request_hash bytea NOT NULL,
      answer_context json NOT NULL,
      recorded_at timestamptz NOT NULL,
      PRIMARY KEY (operation_id, sequence)
    );
    CREATE TABLE naive.events (
      event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      operation_id text NOT NULL,
      sequence integer NOT NULL,
      account_id bigint NOT NULL,
      amount numeric(78, 0) NOT NULL,
      balance_after numeric(78, 0) NOT NULL,
      reason_type text NOT NULL,
      reason_detail text,
      metadata json NOT NULL,
      recorded_at timestamptz NOT NULL
    );
    CREATE INDEX events_account ON naive.events (account_id, event_id);
    GRANT USAGE ON SCHEMA naive TO chainbridge_app;
    GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA naive TO chainbridge_app`)
}

/** The accounts of the bench, each with what its debits need. */
export async function openNaiveAccounts(owner: pg.Client, users: number, tokenId: number): Promise<void> {
  await owner.query(
    `INSERT INTO naive.balances (user_id, token_id, amount)
     SELECT 'user-' || i, $1, 1000000 * 10::numeric ^ 18 FROM generate_series(0, $2::int - 1) AS i`,
    [tokenId, users],
  )
  await owner.query("VACUUM ANALYZE naive.balances")
}
