import { type Kysely, sql } from "kysely"

/** Transactions that do nothing, for nonces of a signer that somebody used before it was ours and that the chain has lost. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE settlement.fillers (
      chain_id bigint NOT NULL,
      signer text NOT NULL,
      nonce bigint NOT NULL CHECK (nonce >= 0),
      -- 1 is the first transaction of its nonce, each further one offers more than the one before.
      attempt smallint NOT NULL CHECK (attempt > 0),
      hash text NOT NULL CHECK (hash ~ '^0x[0-9a-f]{64}$'),
      raw text NOT NULL,
      saved_at timestamptz(3) NOT NULL,
      PRIMARY KEY (chain_id, signer, nonce, attempt),
      FOREIGN KEY (chain_id, signer) REFERENCES settlement.signers,
      UNIQUE (chain_id, hash)
    )`.execute(db)
  // Whatever the program believes: a nonce that a batch or an anchor has, or will get, is never filled.
  await sql`
    CREATE FUNCTION settlement.check_filler() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      PERFORM FROM settlement.signers s
        WHERE s.chain_id = NEW.chain_id AND s.address = NEW.signer AND NEW.nonce < s.next_nonce FOR NO KEY UPDATE;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'nonce % of signer % was not given out and is not filled', NEW.nonce, NEW.signer USING ERRCODE = 'check_violation';
      END IF;
      PERFORM FROM settlement.nonces n
        WHERE n.chain_id = NEW.chain_id AND n.signer = NEW.signer AND n.nonce = NEW.nonce;
      IF FOUND THEN
        RAISE EXCEPTION 'nonce % of signer % has its call and is not filled', NEW.nonce, NEW.signer USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER check_filler BEFORE INSERT ON settlement.fillers
      FOR EACH ROW EXECUTE FUNCTION settlement.check_filler()`.execute(db)
  await sql`GRANT SELECT, INSERT ON settlement.fillers TO chainbridge_app`.execute(db)
}
