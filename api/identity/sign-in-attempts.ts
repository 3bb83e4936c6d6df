import { createHmac } from "node:crypto"
import ipaddr from "ipaddr.js"
import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/** Failures until each further one has to wait, twice as long each time. */
const freeOfAccount = 5
/** Many people may be behind one. */
const freeOfAddress = 30
const waitMaxSeconds = 900
const forgetAfterSeconds = 3_600

export type Attempt = {
  readonly account: Buffer
  readonly address: Buffer | null
}

/**
 * @param secret so that nobody who reads the table finds out whom somebody tried
 * @param email lower case, of whomever: also of nobody
 */
export function attemptOf(secret: Buffer, email: string, address: string | null): Attempt {
  const hashOf = (text: string) => createHmac("sha256", secret).update(text).digest()
  return {
    account: hashOf(`account\n${email}`),
    address: address === null ? null : hashOf(`address\n${networkOf(address)}`),
  }
}

/** Whoever has an IPv6 address has a network of them. */
function networkOf(address: string): string {
  const parsed = ipaddr.parse(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.toString()
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()
}

/**
 * Counts an attempt before it is made, as if it had failed: those that are made at once all count.
 * @returns when the next one may be made, where account or address are held up; then it counts for neither of them
 */
export async function countAttempt(db: Kysely<Database>, attempt: Attempt): Promise<Date | null> {
  const given = sql`subject_hash = ANY(${hashesOf(attempt)}::bytea[])`
  // Nothing is written for those who go on all the same: neither of whom they try next is there a trace.
  const { rows: held } = await sql<{ until: Date }>`
    SELECT blocked_until AS until FROM registry.sign_in_attempts WHERE ${given} AND blocked_until > now() ORDER BY until DESC LIMIT 1`.execute(
    db,
  )
  if (held[0] !== undefined) return held[0].until
  return db.transaction().execute((trx) => countWithin(trx, attempt))
}

/** Locks what is counted for both, in one order, so that neither is counted where the other is held up. */
export async function countWithin(trx: Transaction<Database>, attempt: Attempt): Promise<Date | null> {
  const { account } = attempt
  const hashes = hashesOf(attempt)
  const given = sql`subject_hash = ANY(${hashes}::bytea[])`
  await sql`
    INSERT INTO registry.sign_in_attempts (subject_hash, failures, last_at, blocked_until)
    SELECT subject_hash, 0, now(), '-infinity' FROM unnest(${hashes}::bytea[]) AS s(subject_hash) ORDER BY subject_hash
    ON CONFLICT (subject_hash) DO NOTHING`.execute(trx)
  const { rows } = await sql<{ until: Date | null }>`
    WITH locked AS MATERIALIZED (
      SELECT subject_hash, blocked_until FROM registry.sign_in_attempts WHERE ${given} ORDER BY subject_hash FOR UPDATE
    ), counted AS (
      UPDATE registry.sign_in_attempts a SET failures = ${failuresNow}, last_at = now(),
        -- Not now: an attempt that began a moment earlier, or is behind by what a stored time is rounded, would be held up.
        blocked_until = CASE WHEN ${failuresNow} < ${freeOf(account)} THEN '-infinity'
          ELSE now() + interval '1 second' * least(${waitMaxSeconds}, power(2, ${failuresNow} - ${freeOf(account)})) END
      FROM locked l WHERE a.subject_hash = l.subject_hash AND NOT EXISTS (SELECT FROM locked WHERE blocked_until > now())
    )
    SELECT max(blocked_until) FILTER (WHERE blocked_until > now()) AS until FROM locked`.execute(trx)
  return rows[0]?.until ?? null
}

const hashesOf = ({ account, address }: Attempt) => (address === null ? [account] : [account, address])

const failuresNow = sql`(CASE WHEN a.last_at < now() - interval '1 second' * ${forgetAfterSeconds} THEN 1 ELSE a.failures + 1 END)`
const freeOf = (account: Buffer) =>
  sql`(CASE WHEN a.subject_hash = ${account} THEN ${freeOfAccount}::integer ELSE ${freeOfAddress}::integer END)`

/** The attempt was right: of the account nothing is counted any more, of the address one less. */
export async function forgetAttempt(trx: Kysely<Database>, attempt: Attempt): Promise<void> {
  await sql`
    WITH locked AS MATERIALIZED (
      SELECT subject_hash FROM registry.sign_in_attempts WHERE subject_hash = ANY(${hashesOf(attempt)}::bytea[]) ORDER BY subject_hash FOR UPDATE
    )
    UPDATE registry.sign_in_attempts a SET blocked_until = '-infinity',
      failures = CASE WHEN a.subject_hash = ${attempt.account} THEN 0 ELSE greatest(a.failures - 1, 0) END
    FROM locked l WHERE a.subject_hash = l.subject_hash`.execute(trx)
  await sql`DELETE FROM registry.sign_in_attempts WHERE last_at < now() - interval '1 day'`.execute(trx)
}
