import { sql } from "kysely"
import { invariant } from "../../platform/errors.ts"
import type { EventDataOf, RecordedEvent } from "../domain/events.ts"
import type { LedgerTransaction } from "../store/ledger-transaction.ts"

/**
 * `settlement.batches`, `batch_accounts` and `batch_items` follow the settlement events in the transaction that appends them. Each update names the state it
 * expects and counts its rows: a seal that lost a race, or a confirmation that comes twice, rolls everything back.
 */
export async function projectSettlement(
  ledger: LedgerTransaction,
  events: readonly RecordedEvent[],
): Promise<void> {
  for (const event of events) {
    switch (event.type) {
      case "SettlementSealed":
        await seal(ledger, event.data)
        break
      case "SettlementNetted":
        await net(ledger, event)
        break
      case "SettlementDissolved":
        await dissolve(ledger, event.position, event.data, event.recordedAt)
        break
      case "SettlementDiscarded":
        await discard(ledger, event.data)
        break
      case "SettlementConfirmed":
        await confirm(ledger, event.data, event)
        break
      case "SettlementDeferred":
        await defer(ledger, event.data)
        break
      case "SettlementCancelled":
        await cancel(ledger, event.position, event.data)
        break
      case "ConfirmationRevoked":
        await revoke(ledger, event.data)
        break
      case "AccountOpened":
      case "AdjustmentRecorded":
      case "AdjustmentReversed":
      case "HoldPlaced":
      case "HoldCaptured":
      case "HoldReleased":
      case "HoldExpired":
      case "DepositObserved":
      case "WithdrawalObserved":
      case "DetailsRedacted":
      case "CheckpointAnchored":
        break
    }
  }
}

async function seal(ledger: LedgerTransaction, data: EventDataOf<"SettlementSealed">): Promise<void> {
  const positions = data.accounts.flatMap((account) => account.positions)
  await sql`
    INSERT INTO settlement.batch_accounts (ledger_id, batch_sequence, account_id, delta, state)
    SELECT ${ledger.ledgerId}, ${data.batch_sequence}, a.account_id, a.delta, 'open'
    FROM unnest(${data.accounts.map((account) => account.account_id)}::bigint[], ${data.accounts.map((account) => account.net)}::numeric[])
      AS a(account_id, delta)`.execute(ledger.trx)
  const { numAffectedRows } = await sql`
    UPDATE settlement.batch_items SET state = 'sealed', batch_sequence = ${data.batch_sequence}
    WHERE ledger_id = ${ledger.ledgerId} AND position = ANY(${positions}::bigint[]) AND state = 'waiting'`.execute(
    ledger.trx,
  )
  invariant(
    numAffectedRows === BigInt(positions.length),
    `batch ${data.batch_sequence}: a change was no longer waiting`,
  )
}

type Placed = { readonly position: bigint; readonly recordedAt: Date }

async function net(
  ledger: LedgerTransaction,
  { data, position, recordedAt }: Placed & { readonly data: EventDataOf<"SettlementNetted"> },
): Promise<void> {
  const positions = data.accounts.flatMap((account) => account.positions)
  const { numAffectedRows } = await sql`
    UPDATE settlement.batch_items SET state = 'netted'
    WHERE ledger_id = ${ledger.ledgerId} AND position = ANY(${positions}::bigint[]) AND state = 'waiting'`.execute(
    ledger.trx,
  )
  invariant(numAffectedRows === BigInt(positions.length), "a change that nets to zero was no longer waiting")
  // One seal is one lane's, so all the accounts have one token.
  await sql`
    INSERT INTO settlement.nettings (ledger_id, position, token_id, netted_at, changes)
    SELECT ledger_id, ${position}, token_id, ${recordedAt}, ${positions.length} FROM ledger.accounts
    WHERE ledger_id = ${ledger.ledgerId} AND account_id = ${data.accounts[0]?.account_id ?? null}`.execute(
    ledger.trx,
  )
}

/** The database refuses it for a batch that has a nonce or a transaction. */
async function dissolve(
  { ledgerId, trx }: LedgerTransaction,
  position: bigint,
  data: EventDataOf<"SettlementDissolved">,
  at: Date,
): Promise<void> {
  const { batch_sequence: sequence, refused } = data
  const [first] = refused
  const batch = await sql`
    UPDATE settlement.batches SET state = 'dead_letter', dissolved_position = ${position}, last_error = ${first?.reason ?? null}, retry_at = NULL
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${sequence} AND state IN ('sealed', 'simulated')`.execute(
    trx,
  )
  invariant(batch.numAffectedRows === 1n, `batch ${sequence} is on its way and cannot be taken apart`)
  await sql`
    INSERT INTO settlement.dead_letters AS open (ledger_id, token_id, account_id, batch_sequence, through_position, reason, opened_at)
    SELECT i.ledger_id, i.token_id, i.account_id, i.batch_sequence, max(i.position), r.reason, ${at}
    FROM settlement.batch_items i
    JOIN unnest(${refused.map((account) => account.account_id)}::bigint[], ${refused.map((account) => account.reason)}::text[])
      AS r(account_id, reason) ON r.account_id = i.account_id
    WHERE i.ledger_id = ${ledgerId} AND i.batch_sequence = ${sequence}
    GROUP BY i.ledger_id, i.token_id, i.account_id, i.batch_sequence, r.reason
    ON CONFLICT (ledger_id, account_id) WHERE closed_at IS NULL
      DO UPDATE SET through_position = greatest(open.through_position, excluded.through_position)`.execute(
    trx,
  )
  const accounts = await sql<{ left_over: bigint }>`
    WITH moved AS (
      UPDATE settlement.batch_accounts SET state = 'deferred'
      WHERE ledger_id = ${ledgerId} AND batch_sequence = ${sequence} AND state = 'open' RETURNING 1)
    SELECT b.recipients - (SELECT count(*) FROM moved) AS left_over FROM settlement.batches b
    WHERE b.ledger_id = ${ledgerId} AND b.batch_sequence = ${sequence}`.execute(trx)
  invariant(
    accounts.rows[0]?.left_over === 0n,
    `batch ${sequence} does not hold all of its accounts and cannot be taken apart`,
  )
  // They have been due once.
  await sql`
    UPDATE settlement.batch_items SET state = 'waiting', batch_sequence = NULL, deadline = least(deadline, ${at})
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${sequence} AND state = 'sealed'`.execute(trx)
}

async function discard(
  { ledgerId, trx }: LedgerTransaction,
  { positions }: EventDataOf<"SettlementDiscarded">,
): Promise<void> {
  const { numAffectedRows } = await sql`
    UPDATE settlement.batch_items SET state = 'discarded'
    WHERE ledger_id = ${ledgerId} AND position = ANY(${positions}::bigint[]) AND state = 'waiting'`.execute(
    trx,
  )
  invariant(numAffectedRows === BigInt(positions.length), "a change that is discarded was no longer waiting")
}

async function confirm(
  ledger: LedgerTransaction,
  data: EventDataOf<"SettlementConfirmed">,
  { position, recordedAt: at }: Placed,
): Promise<void> {
  const { ledgerId, trx } = ledger
  // What settles nothing is a move of an account that had left the batch: it has no open row here.
  const accountIds = data.accounts
    .filter((account) => account.settled !== "0")
    .map((account) => account.account_id)
  const batch = await sql`
    UPDATE settlement.batches SET state = 'confirmed', confirmed_at = ${at}, confirmed_position = ${position}, ${placeOf(data)}
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence} AND state <> 'confirmed'`.execute(
    trx,
  )
  invariant(batch.numAffectedRows === 1n, `batch ${data.batch_sequence} was confirmed already`)
  const accounts = await sql`
    UPDATE settlement.batch_accounts SET state = 'settled'
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence}
      AND account_id = ANY(${accountIds}::bigint[]) AND state IN ('open', 'reopened')`.execute(trx)
  invariant(
    accounts.numAffectedRows === BigInt(accountIds.length),
    `batch ${data.batch_sequence}: an account was not open`,
  )
  await sql`
    UPDATE settlement.batch_items SET state = 'settled'
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence}
      AND account_id = ANY(${accountIds}::bigint[]) AND state = 'sealed'`.execute(trx)
}

/** Where the batch's call is on the chain. What gas it took is known of the very transaction in the very block that its receipt was read of, and of no other. */
function placeOf(data: EventDataOf<"SettlementConfirmed"> | EventDataOf<"SettlementCancelled">) {
  const isSame = sql`tx_hash = ${data.transaction_hash} AND block_hash = ${data.block_hash}`
  return sql`tx_hash = ${data.transaction_hash}, block_number = ${data.block_number}, block_hash = ${data.block_hash}, last_error = NULL, retry_at = NULL,
    gas_used = CASE WHEN ${isSame} THEN gas_used END, effective_gas_price = CASE WHEN ${isSame} THEN effective_gas_price END`
}

async function defer(ledger: LedgerTransaction, data: EventDataOf<"SettlementDeferred">): Promise<void> {
  const { ledgerId, trx } = ledger
  const accountIds = data.accounts.map((account) => account.account_id)
  const accounts = await sql`
    UPDATE settlement.batch_accounts SET state = 'deferred'
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence}
      AND account_id = ANY(${accountIds}::bigint[]) AND state IN ('open', 'reopened')`.execute(trx)
  invariant(
    accounts.numAffectedRows === BigInt(accountIds.length),
    `batch ${data.batch_sequence}: a deferred account was not open`,
  )
  await sql`
    UPDATE settlement.batch_items SET state = 'waiting', batch_sequence = NULL, deferrals = deferrals + 1, deferred_block = ${data.block_number}
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence}
      AND account_id = ANY(${accountIds}::bigint[]) AND state = 'sealed'`.execute(trx)
}

/** Its changes are folded anew like a skipped debit: not before no reorganisation can bring the batch back. */
async function cancel(
  { ledgerId, trx }: LedgerTransaction,
  position: bigint,
  data: EventDataOf<"SettlementCancelled">,
): Promise<void> {
  const { batch_sequence: sequence } = data
  const accountIds = data.accounts.map((account) => account.account_id)
  const batch = await sql`
    UPDATE settlement.batches SET state = 'cancelled', cancelled_position = ${position}, ${placeOf(data)}
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${sequence} AND state NOT IN ('confirmed', 'cancelled', 'dead_letter')`.execute(
    trx,
  )
  invariant(batch.numAffectedRows === 1n, `batch ${sequence} is over and cannot be cancelled`)
  const accounts = await sql`
    UPDATE settlement.batch_accounts SET state = 'deferred'
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${sequence} AND state IN ('open', 'reopened')
      AND account_id = ANY(${accountIds}::bigint[])`.execute(trx)
  invariant(
    accounts.numAffectedRows === BigInt(accountIds.length),
    `batch ${sequence}: a cancelled account was not open`,
  )
  await sql`
    UPDATE settlement.batch_items SET state = 'waiting', batch_sequence = NULL, deferred_block = ${data.block_number}
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${sequence} AND state = 'sealed'`.execute(trx)
}

async function revoke(ledger: LedgerTransaction, data: EventDataOf<"ConfirmationRevoked">): Promise<void> {
  const { ledgerId, trx } = ledger
  if (data.batch_sequence === null) return
  if (data.revoked_type === "SettlementConfirmed") {
    const accountIds = data.accounts
      .filter((account) => account.settled !== "0")
      .map((account) => account.account_id)
    await goOn(ledger, data.batch_sequence)
    // They are sent again, and wait for a block from then on.
    await sql`
      UPDATE settlement.transactions SET broadcast_at = NULL, waiting_since = NULL
      WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence}`.execute(trx)
    await sql`
      UPDATE settlement.batch_accounts SET state = 'reopened'
      WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence} AND account_id = ANY(${accountIds}::bigint[])`.execute(
      trx,
    )
    await sql`
      UPDATE settlement.batch_items SET state = 'sealed'
      WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence} AND state = 'settled'`.execute(
      trx,
    )
    return
  }
  if (data.revoked_type === "SettlementCancelled") {
    await goOn(ledger, data.batch_sequence)
    await sql`
      UPDATE settlement.transactions SET broadcast_at = NULL, waiting_since = NULL
      WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence}`.execute(trx)
  }
  // A skipped debit goes back into its batch with the changes that the batch sealed, which still wait (the worker reopens no other).
  await sql`
    UPDATE settlement.batch_accounts SET state = 'reopened'
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${data.batch_sequence}
      AND account_id = ANY(${data.reopened_account_ids}::bigint[]) AND state = 'deferred'`.execute(trx)
  await sql`
    UPDATE settlement.batch_items i SET state = 'sealed', batch_sequence = ${data.batch_sequence}, deferred_block = NULL,
      -- Somebody may have had them counted anew.
      deferrals = greatest(i.deferrals - ${data.revoked_type === "SettlementDeferred" ? 1 : 0}, 0)
    FROM settlement.batches b
    JOIN ledger.event_log e ON e.ledger_id = b.ledger_id AND e.position = b.sealed_position
    CROSS JOIN LATERAL json_array_elements(e.data->'accounts') AS a
    CROSS JOIN LATERAL json_array_elements_text(a->'positions') AS p
    WHERE b.ledger_id = ${ledgerId} AND b.batch_sequence = ${data.batch_sequence}
      AND (a->>'account_id')::bigint = ANY(${data.reopened_account_ids}::bigint[])
      AND i.ledger_id = ${ledgerId} AND i.position = p::bigint AND i.state = 'waiting'`.execute(trx)
}

/** Where a batch goes on that is not over any more depends on what it still has: a transaction to send again, a nonce to sign for, or neither, when another nonce's transaction ended it. */
async function goOn({ ledgerId, trx }: LedgerTransaction, batchSequence: number): Promise<void> {
  await sql`
    UPDATE settlement.batches SET confirmed_at = NULL, confirmed_position = NULL, cancelled_position = NULL, mined_at = NULL,
      tx_hash = NULL, block_number = NULL, block_hash = NULL, gas_used = NULL, effective_gas_price = NULL,
      state = coalesce((
        SELECT CASE WHEN EXISTS (
            SELECT FROM settlement.transactions t WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce)
          THEN 'broadcast' ELSE 'simulated' END
        FROM settlement.nonces n
        WHERE n.ledger_id = ${ledgerId} AND n.batch_sequence = ${batchSequence} AND n.spent_in_vain_at IS NULL),
        CASE WHEN dissolved_position IS NULL THEN 'sealed' ELSE 'dead_letter' END)
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${batchSequence}`.execute(trx)
}
