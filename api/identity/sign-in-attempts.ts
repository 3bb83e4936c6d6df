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
 * @returns when the next one may be made, where this one comes too early; it is not counted then
 */
export async function countAttempt(db: Kysely<Database>, attempt: Attempt): Promise<Date | null> {
  const { account, address } = attempt
  const hashes = address === null ? [account] : [account, address]
  const free = [freeOfAccount, freeOfAddress].slice(0, hashes.length)
  const { rows } = await sql<{ blocked_until: Date }>`
    INSERT INTO registry.sign_in_attempts AS a (subject_hash, failures, last_at, blocked_until)
    SELECT s.subject_hash, 1, now(), '-infinity' FROM unnest(${hashes}::bytea[], ${free}::integer[]) AS s(subject_hash, free)
    ORDER BY s.subject_hash
    ON CONFLICT (subject_hash) DO UPDATE SET
      failures = CASE WHEN a.blocked_until > now() THEN a.failures ELSE ${failuresNow} END,
      last_at = CASE WHEN a.blocked_until > now() THEN a.last_at ELSE now() END,
      blocked_until = CASE
        WHEN a.blocked_until > now() THEN a.blocked_until
        -- Not now: an attempt that began a moment earlier, or is behind by what a stored time is rounded, would be held up.
        WHEN ${failuresNow} < ${freeOf(account)} THEN '-infinity'
        ELSE now() + interval '1 second' * least(${waitMaxSeconds}, power(2, ${failuresNow} - ${freeOf(account)})) END
    RETURNING CASE WHEN old.blocked_until > now() THEN old.blocked_until END AS blocked_until`.execute(db)
  const times = rows.flatMap(({ blocked_until: until }) => (until === null ? [] : [until.getTime()]))
  return times.length === 0 ? null : new Date(Math.max(...times))
}

const failuresNow = sql`(CASE WHEN a.last_at < now() - interval '1 second' * ${forgetAfterSeconds} THEN 1 ELSE a.failures + 1 END)`
const freeOf = (account: Buffer) =>
  sql`(CASE WHEN a.subject_hash = ${account} THEN ${freeOfAccount}::integer ELSE ${freeOfAddress}::integer END)`

/** The attempt was right: of the account nothing is counted any more, of the address one less. */
export async function forgetAttempt(trx: Transaction<Database>, attempt: Attempt): Promise<void> {
  await sql`
    UPDATE registry.sign_in_attempts SET blocked_until = '-infinity',
      failures = CASE WHEN subject_hash = ${attempt.account} THEN 0 ELSE greatest(failures - 1, 0) END
    WHERE subject_hash IN (${attempt.account}, ${attempt.address ?? attempt.account})`.execute(trx)
  await sql`DELETE FROM registry.sign_in_attempts WHERE last_at < now() - interval '1 day'`.execute(trx)
}
