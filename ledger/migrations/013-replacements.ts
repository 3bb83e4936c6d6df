import { type Kysely, sql } from "kysely"
import { type Hex, keccak256, parseTransaction } from "viem"

const pageRows = 500

/** A nonce may have several transactions, each the same call at higher fees; how a chain's transactions are priced and where they are sent. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE registry.chains
      ADD COLUMN transaction_type text NOT NULL DEFAULT 'auto' CHECK (transaction_type IN ('auto', 'eip1559', 'legacy')),
      -- Wei per gas that no transaction offers more than. NULL: no such limit.
      ADD COLUMN max_fee_per_gas numeric(78, 0) CHECK (max_fee_per_gas > 0),
      -- A transaction that was sent and is not mined is replaced after this long; each further time after twice as long, up to the second.
      ADD COLUMN replace_after_ms bigint NOT NULL DEFAULT 60000 CHECK (replace_after_ms > 0),
      ADD COLUMN replace_after_max_ms bigint NOT NULL DEFAULT 600000 CHECK (replace_after_max_ms > 0),
      -- Where there is a private relay: how long a transaction goes to it alone. NULL: always.
      ADD COLUMN private_relay_alone_ms bigint CHECK (private_relay_alone_ms >= 0)`.execute(db)
  await sql`
    ALTER TABLE settlement.transactions
      -- 1 is the first transaction of its nonce, each further one replaces the one before.
      ADD COLUMN attempt smallint NOT NULL DEFAULT 1 CHECK (attempt > 0),
      ADD COLUMN transaction_type text NOT NULL DEFAULT 'eip1559' CHECK (transaction_type IN ('eip1559', 'legacy')),
      ADD COLUMN target text CHECK (target ~ '^0x[0-9a-f]{40}$'),
      -- keccak256 of the calldata.
      ADD COLUMN calldata_hash text CHECK (calldata_hash ~ '^0x[0-9a-f]{64}$'),
      -- When it was first offered to a node, since it was signed or since a reorganisation took it from its block.
      ADD COLUMN waiting_since timestamptz(3),
      -- Of a legacy transaction max_fee_per_gas is the gas price.
      ALTER COLUMN max_priority_fee_per_gas DROP NOT NULL,
      ADD CHECK ((transaction_type = 'legacy') = (max_priority_fee_per_gas IS NULL))`.execute(db)
  await readCallsFromBytes(db)
  await sql`
    ALTER TABLE settlement.transactions
      ALTER COLUMN attempt DROP DEFAULT, ALTER COLUMN transaction_type DROP DEFAULT,
      ALTER COLUMN target SET NOT NULL, ALTER COLUMN calldata_hash SET NOT NULL`.execute(db)
  await sql`DROP INDEX settlement.transactions_nonce`.execute(db)
  await sql`
    CREATE UNIQUE INDEX transactions_nonce ON settlement.transactions (chain_id, signer, nonce, attempt)`.execute(
    db,
  )
  await guardTransactions(db)
}

/** What was saved before has its call in its bytes only. */
async function readCallsFromBytes(db: Kysely<unknown>): Promise<void> {
  await sql`UPDATE settlement.transactions SET waiting_since = broadcast_at`.execute(db)
  for (;;) {
    const { rows } = await sql<{ chain_id: bigint; hash: string; raw: Hex }>`
      SELECT chain_id, hash, raw FROM settlement.transactions WHERE target IS NULL LIMIT ${pageRows}`.execute(
      db,
    )
    if (rows.length === 0) return
    for (const { chain_id, hash, raw } of rows) {
      const { to, data } = parseTransaction(raw)
      await sql`
        UPDATE settlement.transactions SET target = ${to?.toLowerCase()}, calldata_hash = ${keccak256(data ?? "0x")}
        WHERE chain_id = ${chain_id} AND hash = ${hash}`.execute(db)
    }
  }
}

/** Whatever the code believes: what is saved for a nonce is one call, of what the nonce is for, and never a second one while the first may not be replaced. */
async function guardTransactions(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION settlement.check_transaction() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      last settlement.transactions%ROWTYPE;
      may_be_replaced boolean;
    BEGIN
      PERFORM 1 FROM settlement.nonces n
        WHERE n.chain_id = NEW.chain_id AND n.signer = NEW.signer AND n.nonce = NEW.nonce AND n.ledger_id = NEW.ledger_id
          AND n.batch_sequence IS NOT DISTINCT FROM NEW.batch_sequence AND n.tree_size IS NOT DISTINCT FROM NEW.tree_size;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'nonce % of signer % is not for the call of this transaction', NEW.nonce, NEW.signer USING ERRCODE = 'check_violation';
      END IF;
      SELECT * INTO last FROM settlement.transactions t
        WHERE t.chain_id = NEW.chain_id AND t.signer = NEW.signer AND t.nonce = NEW.nonce ORDER BY t.attempt DESC LIMIT 1;
      IF NOT FOUND THEN
        IF NEW.attempt <> 1 THEN
          RAISE EXCEPTION 'nonce % has nothing to replace', NEW.nonce USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
      END IF;
      IF NEW.attempt <> last.attempt + 1 THEN
        RAISE EXCEPTION 'nonce % has a transaction already', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      IF (NEW.target, NEW.calldata_hash, NEW.transaction_type) IS DISTINCT FROM (last.target, last.calldata_hash, last.transaction_type)
        OR NEW.gas_limit < last.gas_limit THEN
        RAISE EXCEPTION 'a replacement for nonce % is another call', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      -- An eighth more is 12.5 %. A fee of 0 has to rise as well.
      IF NEW.max_fee_per_gas <= last.max_fee_per_gas OR NEW.max_fee_per_gas * 8 < last.max_fee_per_gas * 9
        OR NEW.max_priority_fee_per_gas <= last.max_priority_fee_per_gas OR NEW.max_priority_fee_per_gas * 8 < last.max_priority_fee_per_gas * 9 THEN
        RAISE EXCEPTION 'a replacement for nonce % does not offer enough more', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      -- The nonce has its call, whose transaction it sends, or nobody's, and is filled; and no transaction of it is known to be mined.
      SELECT (n.spent_in_vain_at IS NOT NULL OR coalesce(b.state, a.state) NOT IN ('sealed', 'simulated', 'mined'))
          AND NOT EXISTS (
            SELECT FROM settlement.transactions t
            WHERE t.chain_id = NEW.chain_id AND t.signer = NEW.signer AND t.nonce = NEW.nonce AND t.hash = coalesce(b.tx_hash, a.tx_hash))
        INTO may_be_replaced
        FROM settlement.nonces n
        LEFT JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
        LEFT JOIN settlement.anchors a ON a.ledger_id = n.ledger_id AND a.tree_size = n.tree_size
        WHERE n.chain_id = NEW.chain_id AND n.signer = NEW.signer AND n.nonce = NEW.nonce;
      IF may_be_replaced IS NOT TRUE THEN
        RAISE EXCEPTION 'the transaction of nonce % may not be replaced', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER check_transaction BEFORE INSERT ON settlement.transactions
      FOR EACH ROW EXECUTE FUNCTION settlement.check_transaction()`.execute(db)
  // What was signed stays: any of it may be the one that is mined.
  await sql`REVOKE UPDATE, DELETE, TRUNCATE ON settlement.transactions FROM chainbridge_app`.execute(db)
  await sql`GRANT UPDATE (broadcast_at, waiting_since, last_error) ON settlement.transactions TO chainbridge_app`.execute(
    db,
  )
}
