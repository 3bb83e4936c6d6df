import { type Kysely, sql, type Transaction } from "kysely"
import { type Hex, keccak256 } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { invariant } from "../../platform/errors.ts"
import type { CallToSign } from "../chain/signer.ts"
import { offeredPerGas } from "../domain/fees.ts"
import { type CallKey, columnsOf, describeCall, isRowOf, tableOf } from "./call-key.ts"
import type { Desk } from "./call-moves.ts"
import { type Lease, requireSigner, type SignerKey } from "./leases.ts"
import { isReplaceable, isWantedByCall, ofNonces } from "./stray-nonces.ts"

export type SavedTransaction = {
  readonly hash: Hex
  readonly raw: Hex
  /** 1 for the first transaction of its nonce. */
  readonly attempt: number
}

export type SignedTransaction = {
  /** Whose nonce it is. */
  readonly signer: SignerKey
  readonly lease: Lease
  readonly key: CallKey
  readonly call: CallToSign
  readonly raw: Hex
  readonly savedAt: Date
  /** Whether it takes its batch's id out of use. */
  readonly isCancellation?: boolean
}

/**
 * Commits the signed bytes of batches or anchors, all in one commit, and makes them `signed`. Nothing may be sent before this has returned.
 * @returns for each false when its nonce has a transaction already: ours is thrown away, it was never sent
 * @throws ChainBridgeError LEASE_LOST
 */
export function saveTransactions(
  { db, signer, lease }: Pick<Desk, "db" | "signer" | "lease">,
  signed: readonly Omit<SignedTransaction, "signer" | "lease">[],
): Promise<boolean[]> {
  return db.transaction().execute(async (trx) => {
    // The lock makes a second save of the same nonce wait for the first, also for one whose commit we lost sight of.
    await requireSigner(trx, signer, lease)
    const saved: boolean[] = []
    for (const one of signed) {
      const { key } = one
      const isFirst = await insertFirst(trx, { ...one, signer, lease })
      saved.push(isFirst)
      if (!isFirst) continue
      const { numAffectedRows } = await sql`
        UPDATE ${tableOf(key)} SET state = 'signed', retry_at = NULL, last_error = NULL
        WHERE ${isRowOf(key)} AND state = 'simulated'`.execute(trx)
      invariant(numAffectedRows === 1n, `${describeCall(key)} is not simulated: its transaction is not saved`)
    }
    return saved
  })
}

/**
 * Commits the signed bytes of a transaction that does nothing, for a nonce that nobody will use: it no longer belongs to its batch or anchor.
 * @returns false when the nonce has a transaction already, or what it was reserved for is open again and will use it
 * @throws ChainBridgeError LEASE_LOST
 */
export function saveNoOp(db: Kysely<Database>, options: SignedTransaction): Promise<boolean> {
  const { signer, key, call, savedAt } = options
  return db.transaction().execute(async (trx) => {
    await requireSigner(trx, signer, options.lease)
    // A confirmation may be taken back at this very moment, which would open it again.
    await sql`SELECT 1 FROM ${tableOf(key)} WHERE ${isRowOf(key)} FOR NO KEY UPDATE`.execute(trx)
    const { rows } = await sql<{ is_wanted: boolean }>`
      SELECT ${isWantedByCall} AS is_wanted FROM ${ofNonces}
      WHERE n.chain_id = ${signer.chainId} AND n.signer = ${signer.address} AND n.nonce = ${call.nonce}`.execute(
      trx,
    )
    if (rows[0]?.is_wanted !== false || !(await insertFirst(trx, options))) return false
    await sql`
      UPDATE settlement.nonces SET spent_in_vain_at = coalesce(spent_in_vain_at, ${savedAt})
      WHERE chain_id = ${signer.chainId} AND signer = ${signer.address} AND nonce = ${call.nonce}`.execute(
      trx,
    )
    return true
  })
}

/**
 * Commits the signed bytes of a transaction that makes the same call as the newest one of its nonce, at higher fees. All earlier ones stay: any of them may be mined. Nothing may
 * be sent before this has returned.
 * @param options.replaces the attempt that was the newest when this one was signed
 * @returns false when there is a newer one by now, or one of the nonce is known to be mined: ours is thrown away, it was never sent
 * @throws ChainBridgeError LEASE_LOST
 */
export function saveReplacement(
  db: Kysely<Database>,
  options: SignedTransaction & { readonly replaces: number },
): Promise<boolean> {
  return insertReplacement(db, options)
}

/**
 * The same with a transaction that does nothing, in the place of a call that must not be made any more: whatever comes, the nonce is no longer its batch's.
 * @returns false as above, and nothing is saved
 * @throws ChainBridgeError LEASE_LOST
 */
export function saveTakeover(
  db: Kysely<Database>,
  options: SignedTransaction & { readonly replaces: number },
): Promise<boolean> {
  const { signer, call, savedAt } = options
  return insertReplacement(db, options, async (trx) => {
    await sql`
      UPDATE settlement.nonces SET spent_in_vain_at = coalesce(spent_in_vain_at, ${savedAt})
      WHERE chain_id = ${signer.chainId} AND signer = ${signer.address} AND nonce = ${call.nonce}`.execute(
      trx,
    )
  })
}

function insertReplacement(
  db: Kysely<Database>,
  options: SignedTransaction & { readonly replaces: number },
  also?: (trx: Transaction<Database>) => Promise<void>,
): Promise<boolean> {
  const { signer, key, call } = options
  return db.transaction().execute(async (trx) => {
    await requireSigner(trx, signer, options.lease)
    // Confirmations, and those that are taken back, change it without the signer's lease.
    await sql`SELECT 1 FROM ${tableOf(key)} WHERE ${isRowOf(key)} FOR NO KEY UPDATE`.execute(trx)
    const { rows } = await sql<{ newest: number; is_replaceable: boolean }>`
      SELECT (SELECT max(t.attempt) FROM settlement.transactions t
          WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce) AS newest,
        ${isReplaceable} AS is_replaceable
      FROM ${ofNonces}
      WHERE n.chain_id = ${signer.chainId} AND n.signer = ${signer.address} AND n.nonce = ${call.nonce}`.execute(
      trx,
    )
    const [row] = rows
    if (row?.newest !== options.replaces || !row.is_replaceable) return false
    await insert(trx, options, options.replaces + 1)
    await also?.(trx)
    return true
  })
}

/** @returns false when the nonce has a transaction already; nothing is inserted then */
async function insertFirst(trx: Transaction<Database>, options: SignedTransaction): Promise<boolean> {
  const { signer, call } = options
  const { rows: earlier } = await sql`
    SELECT 1 FROM settlement.transactions
    WHERE chain_id = ${signer.chainId} AND signer = ${signer.address} AND nonce = ${call.nonce}`.execute(trx)
  if (earlier.length > 0) return false
  await insert(trx, options, 1)
  return true
}

async function insert(
  trx: Transaction<Database>,
  options: SignedTransaction,
  attempt: number,
): Promise<void> {
  const { signer, call, raw } = options
  await trx
    .insertInto("settlement.transactions")
    .values({
      chain_id: signer.chainId,
      hash: keccak256(raw),
      signer: signer.address,
      nonce: call.nonce,
      ...columnsOf(options.key),
      raw,
      is_cancellation: options.isCancellation ?? false,
      attempt,
      transaction_type: call.type,
      target: call.to.toLowerCase(),
      calldata_hash: keccak256(call.data),
      gas_limit: call.gasLimit,
      max_fee_per_gas: offeredPerGas(call),
      max_priority_fee_per_gas: call.type === "legacy" ? null : call.maxPriorityFeePerGas,
      saved_at: options.savedAt,
      broadcast_at: null,
      waiting_since: null,
      last_error: null,
    })
    .execute()
}

/** Reads back what is stored for a nonce; what is sent is always what the database has, not what memory has. Newest first. */
export async function readTransactions(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  nonce: bigint,
): Promise<SavedTransaction[]> {
  const rows = await db
    .selectFrom("settlement.transactions")
    .select(["hash", "raw", "attempt"])
    .where("chain_id", "=", chainId)
    .where("signer", "=", address)
    .where("nonce", "=", nonce)
    .orderBy("attempt", "desc")
    .execute()
  return rows.map(({ hash, raw, attempt }) => {
    invariant(keccak256(raw as Hex) === hash, `the stored bytes of transaction ${hash} have another hash`)
    return { hash: hash as Hex, raw: raw as Hex, attempt }
  })
}

/**
 * Reads the newest transaction of a nonce back.
 * @param signer lower case
 */
export async function readNewest(
  db: Kysely<Database>,
  signer: SignerKey,
  nonce: bigint,
): Promise<SavedTransaction> {
  const [newest] = await readTransactions(db, signer, nonce)
  invariant(newest !== undefined, `nonce ${nonce} is signed and has no stored bytes`)
  return newest
}
