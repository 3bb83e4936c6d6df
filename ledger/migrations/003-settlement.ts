import { type Kysely, sql } from "kysely"
import { createAnchors } from "./anchors.ts"

/** Lanes, batches and their items, anchors, signers, nonces and every transaction that was ever saved. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE SCHEMA settlement`.execute(db)
  await sql`
    CREATE TABLE settlement.lanes (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      token_id integer NOT NULL REFERENCES registry.tokens,
      lease_owner uuid,
      lease_epoch bigint NOT NULL DEFAULT 0,
      lease_expires_at timestamptz(3),
      paused_at timestamptz(3),
      paused_reason text,
      flush_requested_at timestamptz(3),
      last_error text,
      PRIMARY KEY (ledger_id, token_id)
    )`.execute(db)
  await sql`
    CREATE TABLE settlement.intake (
      ledger_id uuid PRIMARY KEY REFERENCES ledger.head,
      -- Changes up to here are in batch_items; moves in the transaction that inserts them.
      position bigint NOT NULL
    )`.execute(db)
  await sql`
    CREATE TABLE settlement.batches (
      ledger_id uuid NOT NULL,
      batch_sequence bigint NOT NULL CHECK (batch_sequence > 0),
      token_id integer NOT NULL REFERENCES registry.tokens,
      -- ledger id (192 bits) ‖ batch_sequence (64 bits), 0x and 64 hex digits.
      batch_id text NOT NULL UNIQUE CHECK (batch_id ~ '^0x[0-9a-f]{64}$'),
      content_hash text NOT NULL CHECK (content_hash ~ '^0x[0-9a-f]{64}$'),
      deltas bytea NOT NULL,
      trigger text NOT NULL CHECK (trigger IN ('size', 'max_wait_time', 'priority', 'value_threshold', 'gas_price', 'flush')),
      strategy text NOT NULL,
      size_wanted integer NOT NULL,
      recipients integer NOT NULL CHECK (recipients > 0),
      changes integer NOT NULL CHECK (changes > 0),
      state text NOT NULL CHECK (state IN ('sealed', 'simulated', 'signed', 'broadcast', 'mined', 'confirmed', 'cancelled', 'dead_letter')),
      sealed_position bigint NOT NULL,
      gas_limit bigint,
      gas_estimated bigint,
      gas_used bigint,
      effective_gas_price numeric(78, 0),
      tx_hash text,
      block_number bigint,
      block_hash text,
      failures integer NOT NULL DEFAULT 0,
      last_error text,
      retry_at timestamptz(3),
      oldest_change_at timestamptz(3) NOT NULL,
      sealed_at timestamptz(3) NOT NULL,
      broadcast_at timestamptz(3),
      mined_at timestamptz(3),
      confirmed_at timestamptz(3),
      PRIMARY KEY (ledger_id, batch_sequence),
      FOREIGN KEY (ledger_id, token_id) REFERENCES settlement.lanes
    )`.execute(db)
  await sql`
    CREATE INDEX batches_open ON settlement.batches (ledger_id, token_id, batch_sequence)
      WHERE state IN ('sealed', 'simulated', 'signed', 'broadcast', 'mined')`.execute(db)
  await sql`
    CREATE INDEX batches_without_gas ON settlement.batches (confirmed_at)
      WHERE state = 'confirmed' AND gas_used IS NULL`.execute(db)
  await sql`
    CREATE TABLE settlement.batch_accounts (
      ledger_id uuid NOT NULL,
      batch_sequence bigint NOT NULL,
      account_id bigint NOT NULL,
      delta numeric(78, 0) NOT NULL CHECK (delta <> 0),
      -- reopened: confirmed once, taken back by a reorg, waiting for its batch to be mined again.
      state text NOT NULL CHECK (state IN ('open', 'reopened', 'settled', 'deferred')),
      PRIMARY KEY (ledger_id, batch_sequence, account_id),
      FOREIGN KEY (ledger_id, batch_sequence) REFERENCES settlement.batches,
      FOREIGN KEY (ledger_id, account_id) REFERENCES ledger.accounts
    )`.execute(db)
  // Whatever the code believes: no account has two open batches.
  await sql`
    CREATE UNIQUE INDEX batch_accounts_open ON settlement.batch_accounts (ledger_id, account_id)
      WHERE state = 'open'`.execute(db)
  await sql`
    CREATE INDEX batch_accounts_reopened ON settlement.batch_accounts (ledger_id, account_id)
      WHERE state = 'reopened'`.execute(db)
  await sql`
    CREATE TABLE settlement.batch_items (
      ledger_id uuid NOT NULL,
      position bigint NOT NULL CHECK (position > 0),
      account_id bigint NOT NULL,
      token_id integer NOT NULL,
      amount numeric(78, 0) NOT NULL CHECK (amount <> 0),
      priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 3),
      is_immediate boolean NOT NULL,
      -- The moment by which the change wants to be sealed.
      deadline timestamptz(3) NOT NULL,
      recorded_at timestamptz(3) NOT NULL,
      -- waiting → sealed (batch_sequence) → settled; waiting → netted; sealed → waiting when the chain deferred it.
      state text NOT NULL CHECK (state IN ('waiting', 'sealed', 'settled', 'netted', 'discarded')),
      batch_sequence bigint,
      deferrals integer NOT NULL DEFAULT 0,
      -- The block in which its last batch skipped it. A reorg that takes this block may have that batch take the debit after all, so no other batch may have it before the block is deep.
      deferred_block bigint,
      PRIMARY KEY (ledger_id, position),
      FOREIGN KEY (ledger_id, batch_sequence) REFERENCES settlement.batches,
      CHECK ((batch_sequence IS NOT NULL) = (state IN ('sealed', 'settled')))
    ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05)`.execute(
    db,
  )
  await sql`
    CREATE INDEX batch_items_waiting ON settlement.batch_items (ledger_id, token_id, position)
      WHERE state = 'waiting'`.execute(db)
  await sql`
    CREATE INDEX batch_items_deferred ON settlement.batch_items (ledger_id, token_id, deferred_block)
      WHERE state = 'waiting' AND deferred_block IS NOT NULL`.execute(db)
  await sql`
    CREATE INDEX batch_items_account ON settlement.batch_items (ledger_id, account_id)
      WHERE state = 'waiting'`.execute(db)
  await sql`
    CREATE INDEX batch_items_batch ON settlement.batch_items (ledger_id, batch_sequence, position)
      WHERE batch_sequence IS NOT NULL`.execute(db)
  await createAnchors(db)
  await sql`
    CREATE TABLE settlement.signers (
      chain_id bigint NOT NULL REFERENCES registry.chains,
      address text NOT NULL CHECK (address ~ '^0x[0-9a-f]{40}$'),
      -- The nonce of the next reservation; read from the chain once, when the signer is registered.
      next_nonce bigint NOT NULL CHECK (next_nonce >= 0),
      lease_owner uuid,
      lease_epoch bigint NOT NULL DEFAULT 0,
      lease_expires_at timestamptz(3),
      PRIMARY KEY (chain_id, address)
    )`.execute(db)
  await sql`
    CREATE TABLE settlement.nonces (
      chain_id bigint NOT NULL,
      signer text NOT NULL,
      nonce bigint NOT NULL,
      ledger_id uuid NOT NULL,
      -- What it was reserved for: a batch or an anchor.
      batch_sequence bigint,
      tree_size bigint,
      reserved_at timestamptz(3) NOT NULL,
      -- Set when this nonce is no longer its batch's or anchor's, which may then take another one: the finalized chain shows that its transaction failed, or it is
      -- filled with a transaction that does nothing.
      spent_in_vain_at timestamptz(3),
      PRIMARY KEY (chain_id, signer, nonce),
      FOREIGN KEY (chain_id, signer) REFERENCES settlement.signers,
      FOREIGN KEY (ledger_id, batch_sequence) REFERENCES settlement.batches,
      FOREIGN KEY (ledger_id, tree_size) REFERENCES settlement.anchors,
      CHECK (num_nonnulls(batch_sequence, tree_size) = 1)
    )`.execute(db)
  // A batch, or an anchor, holds at most one nonce that may still be mined.
  await sql`
    CREATE UNIQUE INDEX nonces_batch ON settlement.nonces (ledger_id, batch_sequence)
      WHERE spent_in_vain_at IS NULL AND batch_sequence IS NOT NULL`.execute(db)
  await sql`
    CREATE UNIQUE INDEX nonces_anchor ON settlement.nonces (ledger_id, tree_size)
      WHERE spent_in_vain_at IS NULL AND tree_size IS NOT NULL`.execute(db)
  await sql`
    CREATE TABLE settlement.transactions (
      chain_id bigint NOT NULL,
      hash text NOT NULL CHECK (hash ~ '^0x[0-9a-f]{64}$'),
      signer text NOT NULL,
      nonce bigint NOT NULL,
      ledger_id uuid NOT NULL,
      batch_sequence bigint,
      tree_size bigint,
      raw text NOT NULL,
      gas_limit bigint NOT NULL,
      max_fee_per_gas numeric(78, 0) NOT NULL,
      max_priority_fee_per_gas numeric(78, 0) NOT NULL,
      saved_at timestamptz(3) NOT NULL,
      broadcast_at timestamptz(3),
      last_error text,
      PRIMARY KEY (chain_id, hash),
      FOREIGN KEY (chain_id, signer, nonce) REFERENCES settlement.nonces,
      FOREIGN KEY (ledger_id, batch_sequence) REFERENCES settlement.batches,
      FOREIGN KEY (ledger_id, tree_size) REFERENCES settlement.anchors,
      CHECK (num_nonnulls(batch_sequence, tree_size) = 1)
    )`.execute(db)
  await sql`
    CREATE INDEX transactions_batch ON settlement.transactions (ledger_id, batch_sequence)
      WHERE batch_sequence IS NOT NULL`.execute(db)
  await sql`
    CREATE INDEX transactions_anchor ON settlement.transactions (ledger_id, tree_size)
      WHERE tree_size IS NOT NULL`.execute(db)
  await sql`CREATE INDEX transactions_nonce ON settlement.transactions (chain_id, signer, nonce)`.execute(db)
}
