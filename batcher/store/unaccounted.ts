import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { SettledAccount, SingleCosts } from "../domain/single-gas.ts"

/** The calibration that was in force when something was sealed. */
export type InForce = { readonly calibrationId: bigint; readonly costs: SingleCosts }

type Item = {
  readonly ledgerId: string
  /** Of the event that settled it. */
  readonly position: bigint
  /** null: none was in force. */
  readonly calibration: InForce | null
}
export type UnaccountedBatch = Item & { readonly batchSequence: bigint }
export type UnaccountedNetting = Item

type CalibrationColumns = {
  readonly calibration_id: bigint | null
  readonly mint_new: bigint | null
  readonly mint_existing: bigint | null
  readonly burn_part: bigint | null
  readonly burn_all: bigint | null
}

/** The newest calibration of token `x.token_id` that was there at `x.at`, if it has figures. */
const inForce = sql`
  LEFT JOIN LATERAL (
    SELECT calibration_id, mint_new, mint_existing, burn_part, burn_all FROM settlement.gas_calibrations
    WHERE token_id = x.token_id AND measured_at <= x.at ORDER BY measured_at DESC, calibration_id DESC LIMIT 1) AS c ON c.mint_new IS NOT NULL`

function inForceOf(row: CalibrationColumns): InForce | null {
  const { calibration_id, mint_new, mint_existing, burn_part, burn_all } = row
  if (calibration_id === null || mint_new === null || mint_existing === null) return null
  if (burn_part === null || burn_all === null) return null
  return {
    calibrationId: calibration_id,
    costs: { mintNew: mint_new, mintExisting: mint_existing, burnPart: burn_part, burnAll: burn_all },
  }
}

/** Confirmed batches whose gas is known and whose savings were not computed for this confirmation. */
export async function loadUnaccountedBatches(
  db: Kysely<Database>,
  limit: number,
): Promise<UnaccountedBatch[]> {
  const { rows } = await sql<
    CalibrationColumns & { ledger_id: string; batch_sequence: bigint; position: bigint }
  >`
    SELECT x.ledger_id, x.batch_sequence, x.position, c.* FROM (
      SELECT ledger_id, batch_sequence, confirmed_position AS position, token_id, sealed_at AS at FROM settlement.batches
      WHERE state = 'confirmed' AND gas_used IS NOT NULL AND confirmed_position IS NOT NULL
        AND accounted_position IS DISTINCT FROM confirmed_position
      ORDER BY ledger_id, batch_sequence LIMIT ${limit}) AS x ${inForce}`.execute(db)
  return rows.map((row) => ({
    ledgerId: row.ledger_id,
    batchSequence: row.batch_sequence,
    position: row.position,
    calibration: inForceOf(row),
  }))
}

export async function loadUnaccountedNettings(
  db: Kysely<Database>,
  limit: number,
): Promise<UnaccountedNetting[]> {
  const { rows } = await sql<CalibrationColumns & { ledger_id: string; position: bigint }>`
    SELECT x.ledger_id, x.position, c.* FROM (
      SELECT ledger_id, position, token_id, netted_at AS at FROM settlement.nettings
      WHERE NOT is_accounted ORDER BY ledger_id, position LIMIT ${limit}) AS x ${inForce}`.execute(db)
  return rows.map((row) => ({
    ledgerId: row.ledger_id,
    position: row.position,
    calibration: inForceOf(row),
  }))
}

type ChangeRow = { account_id: bigint; amount: bigint; held_before: bigint }

function groupByAccount(rows: readonly ChangeRow[]): SettledAccount[] {
  const accounts = new Map<bigint, { heldBefore: bigint; amounts: bigint[] }>()
  for (const row of rows) {
    const known = accounts.get(row.account_id)
    if (known === undefined)
      accounts.set(row.account_id, { heldBefore: row.held_before, amounts: [row.amount] })
    else known.amounts.push(row.amount)
  }
  return [...accounts.values()]
}

/** What a batch settled, by account: without what the chain skipped. What the accounts held is what the log says of the chain right before the confirmation. */
export async function readSettledAccounts(
  db: Kysely<Database>,
  { ledgerId, batchSequence, position }: UnaccountedBatch,
): Promise<SettledAccount[]> {
  const { rows } = await sql<ChangeRow>`
    SELECT i.account_id, i.amount, h.confirmed AS held_before
    FROM settlement.batch_items i
    CROSS JOIN LATERAL (${heldBefore(ledgerId, position)}) AS h
    WHERE i.ledger_id = ${ledgerId} AND i.batch_sequence = ${batchSequence} AND i.state = 'settled'
    ORDER BY i.position`.execute(db)
  return groupByAccount(rows)
}

/** The changes that a netting took out, by account. */
export async function readNettedAccounts(
  db: Kysely<Database>,
  { ledgerId, position }: UnaccountedNetting,
): Promise<SettledAccount[]> {
  const { rows } = await sql<ChangeRow>`
    SELECT i.account_id, i.amount, h.confirmed AS held_before
    FROM ledger.event_log e
    CROSS JOIN LATERAL json_array_elements(e.data->'accounts') AS a
    CROSS JOIN LATERAL json_array_elements_text(a->'positions') AS p
    JOIN settlement.batch_items i ON i.ledger_id = e.ledger_id AND i.position = p::bigint
    CROSS JOIN LATERAL (${heldBefore(ledgerId, position)}) AS h
    WHERE e.ledger_id = ${ledgerId} AND e.position = ${position}
    ORDER BY i.position`.execute(db)
  return groupByAccount(rows)
}

/** The history has a row for each event that moved what the chain holds for an account. */
function heldBefore(ledgerId: string, position: bigint) {
  return sql`
    SELECT coalesce((
      SELECT confirmed FROM ledger.balance_history
      WHERE ledger_id = ${ledgerId} AND account_id = i.account_id AND position < ${position}
      ORDER BY position DESC LIMIT 1), 0) AS confirmed`
}

export type BatchSaving = {
  readonly recipients: number
  readonly changes: number
  readonly credited: number
  readonly newHolders: number
  readonly singleGasRecipients: bigint | null
  readonly singleGasChanges: bigint | null
}

/** Stores what a batch saved, once for each confirmation. A confirmation that was taken back meanwhile keeps nothing. */
export async function saveBatchSaving(
  db: Kysely<Database>,
  { ledgerId, batchSequence, position, calibration }: UnaccountedBatch,
  saving: BatchSaving,
): Promise<void> {
  await sql`
    UPDATE settlement.batches SET accounted_position = ${position}, calibration_id = ${calibration?.calibrationId ?? null},
      settled_recipients = ${saving.recipients}, settled_changes = ${saving.changes}, credited_recipients = ${saving.credited},
      new_holders = ${saving.newHolders}, single_gas_recipients = ${saving.singleGasRecipients}, single_gas_changes = ${saving.singleGasChanges}
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${batchSequence}
      AND state = 'confirmed' AND confirmed_position = ${position} AND accounted_position IS DISTINCT FROM confirmed_position`.execute(
    db,
  )
}

export async function saveNettingSaving(
  db: Kysely<Database>,
  { ledgerId, position, calibration }: UnaccountedNetting,
  singleGasChanges: bigint | null,
): Promise<void> {
  await sql`
    UPDATE settlement.nettings
    SET is_accounted = true, calibration_id = ${calibration?.calibrationId ?? null}, single_gas_changes = ${singleGasChanges}
    WHERE ledger_id = ${ledgerId} AND position = ${position} AND NOT is_accounted`.execute(db)
}
