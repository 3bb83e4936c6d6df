import { type RawBuilder, sql, type Transaction } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { invariant } from "../../platform/errors.ts"
import { type CallState, canMove } from "../domain/call-state.ts"
import type { Desk, MinedReceipt } from "./call-moves.ts"
import { notifyLaneChanged } from "./lane-changed.ts"
import { requireSigner } from "./leases.ts"
import type { OpenBatch } from "./open-call.ts"

// The moves of call-moves.ts for several batches in one commit: each by its own state, all or, where something is wrong with one, none.

type Values = Readonly<Record<string, { readonly type: string; readonly values: readonly unknown[] }>>

/**
 * Moves each batch whose state is the one that the desk knows, with values of its own.
 * @param set assigns columns from `k`, which has the values by name
 * @param condition what else has to hold of the row `b`
 * @returns the batches that were moved, in their order
 */
async function moveBatches<Batch extends OpenBatch>(
  trx: Transaction<Database>,
  batches: readonly Batch[],
  to: CallState,
  options: {
    readonly set: RawBuilder<unknown>
    readonly values: Values
    readonly condition: RawBuilder<boolean>
  },
): Promise<Batch[]> {
  for (const { state } of batches) invariant(canMove(state, to), `no batch goes from ${state} to ${to}`)
  const columns = Object.entries(options.values)
  const arrays = columns.map(([, { type, values }]) => sql`${[...values]}::${sql.raw(type)}[]`)
  const { rows } = await sql<{ ledger_id: string; batch_sequence: bigint }>`
    WITH k AS (
      SELECT * FROM unnest(${batches.map(({ ledgerId }) => ledgerId)}::uuid[], ${batches.map(({ batchSequence }) => batchSequence.toString())}::bigint[],
        ${batches.map(({ state }) => state)}::text[]${arrays.length === 0 ? sql`` : sql`, ${sql.join(arrays)}`})
        AS k(ledger_id, batch_sequence, state${sql.raw(columns.map(([name]) => `, ${name}`).join(""))})
    ), locked AS (
      -- Whoever confirms one at this moment has it: the next turn sees what came of it.
      SELECT b.ledger_id, b.batch_sequence FROM settlement.batches b JOIN k USING (ledger_id, batch_sequence)
      WHERE b.state = k.state AND ${options.condition}
      ORDER BY b.ledger_id, b.batch_sequence FOR NO KEY UPDATE OF b SKIP LOCKED
    )
    UPDATE settlement.batches b SET state = ${to}, ${options.set}
    FROM k JOIN locked USING (ledger_id, batch_sequence)
    WHERE b.ledger_id = k.ledger_id AND b.batch_sequence = k.batch_sequence
    RETURNING b.ledger_id, b.batch_sequence`.execute(trx)
  const moved = new Set(rows.map((row) => `${row.ledger_id}:${row.batch_sequence}`))
  return batches.filter((batch) => moved.has(`${batch.ledgerId}:${batch.batchSequence}`))
}

/** Batches that the desk has claimed. @throws ChainBridgeError LEASE_LOST */
export function markBatchesSimulated(
  desk: Desk,
  batches: readonly (OpenBatch & { readonly gas: { readonly estimated: bigint; readonly limit: bigint } })[],
): Promise<OpenBatch[]> {
  return desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    const moved = await moveBatches(trx, batches, "simulated", {
      set: sql`gas_estimated = k.estimated, gas_limit = k.gas_max, last_error = NULL, retry_at = NULL`,
      values: {
        estimated: { type: "bigint", values: batches.map(({ gas }) => gas.estimated.toString()) },
        gas_max: { type: "bigint", values: batches.map(({ gas }) => gas.limit.toString()) },
      },
      condition: sql`b.claimed_by = ${desk.signer.address}`,
    })
    return moved.map((batch) => ({ ...batch, state: "simulated" as const, gasLimit: batch.gas.limit }))
  })
}

/** Their bytes may be with a node now. @param batches with the hash of what was sent @throws ChainBridgeError LEASE_LOST */
export function markBatchesBroadcast(
  desk: Desk,
  batches: readonly (OpenBatch & { readonly sentHash: Hex })[],
  at: Date,
): Promise<OpenBatch[]> {
  return desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    const moved = await moveBatches(trx, batches, "broadcast", {
      set: sql`broadcast_at = coalesce(b.broadcast_at, ${at}), retry_at = NULL, last_error = NULL`,
      values: {},
      condition: sql`true`,
    })
    await sql`
      UPDATE settlement.transactions SET broadcast_at = ${at}, waiting_since = coalesce(waiting_since, ${at}), last_error = NULL
      WHERE chain_id = ${desk.signer.chainId} AND hash = ANY(${batches.map(({ sentHash }) => sentHash)})`.execute(
      trx,
    )
    return moved
  })
}

/** Receipts were seen. They confirm nothing: only indexed logs do. @throws ChainBridgeError LEASE_LOST */
export function markBatchesMined(
  desk: Desk,
  batches: readonly (OpenBatch & { readonly receipt: MinedReceipt })[],
  at: Date,
): Promise<OpenBatch[]> {
  const valuesOf = (type: string, read: (receipt: MinedReceipt) => string) => ({
    type,
    values: batches.map(({ receipt }) => read(receipt)),
  })
  return desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    const moved = await moveBatches(trx, batches, "mined", {
      set: sql`tx_hash = k.hash, block_number = k.number, block_hash = k.block, gas_used = k.gas, effective_gas_price = k.price,
        broadcast_at = coalesce(b.broadcast_at, ${at}), mined_at = ${at}, retry_at = NULL, last_error = NULL`,
      values: {
        hash: valuesOf("text", ({ hash }) => hash),
        number: valuesOf("bigint", ({ blockNumber }) => blockNumber.toString()),
        block: valuesOf("text", ({ blockHash }) => blockHash),
        gas: valuesOf("bigint", ({ gasUsed }) => gasUsed.toString()),
        price: valuesOf("numeric", ({ effectiveGasPrice }) => effectiveGasPrice.toString()),
      },
      condition: sql`true`,
    })
    for (const ledgerId of new Set(moved.map((batch) => batch.ledgerId)))
      await notifyLaneChanged(trx, ledgerId)
    return moved
  })
}
