import { randomUUID } from "node:crypto"
import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { SecretBox } from "../../platform/secret-box.ts"
import { createWebhookSecret, writeWebhookSecret } from "./sign-webhook.ts"

/** Those that sign beside the newest at the same time. */
const overlappingMax = 4

/** Makes an endpoint's secret. @returns what is shown this once */
export async function addSecret(
  trx: Transaction<Database>,
  box: SecretBox,
  endpointId: string,
): Promise<string> {
  const secret = createWebhookSecret()
  const sealed = box.seal(secret, endpointId)
  await sql`INSERT INTO webhooks.secrets (secret_id, endpoint_id, sealed) VALUES (${randomUUID()}, ${endpointId}, ${sealed})`.execute(
    trx,
  )
  return writeWebhookSecret(secret)
}

/** Makes a new secret; none of those before signs for longer than so. @returns what is shown this once, and until when both sign */
export async function replaceSecret(
  trx: Transaction<Database>,
  box: SecretBox,
  endpointId: string,
  overlapMs: number,
): Promise<{ readonly secret: string; readonly overlapEndsAt: Date }> {
  const { rows } = await sql<{ expires_at: Date | null }>`
    WITH ended AS (
      UPDATE webhooks.secrets SET expires_at = least(expires_at, clock_timestamp() + ${overlapMs} * interval '1 millisecond')
      WHERE endpoint_id = ${endpointId} RETURNING expires_at)
    SELECT max(expires_at) AS expires_at FROM ended`.execute(trx)
  await sql`
    DELETE FROM webhooks.secrets WHERE endpoint_id = ${endpointId} AND secret_id NOT IN (
      SELECT secret_id FROM webhooks.secrets WHERE endpoint_id = ${endpointId} AND expires_at > clock_timestamp()
      ORDER BY created_at DESC LIMIT ${overlappingMax})`.execute(trx)
  const secret = await addSecret(trx, box, endpointId)
  return { secret, overlapEndsAt: rows[0]?.expires_at ?? new Date() }
}

/** What signs an endpoint's messages now, the newest first. @throws ChainBridgeError SECRET_UNREADABLE, also where there is none: nobody could verify what is not signed */
export async function readSecrets(
  db: Kysely<Database>,
  box: SecretBox,
  endpointId: string,
): Promise<readonly Buffer[]> {
  const { rows } = await sql<{ sealed: Buffer }>`
    SELECT sealed FROM webhooks.secrets
    WHERE endpoint_id = ${endpointId} AND (expires_at IS NULL OR expires_at > clock_timestamp())
    ORDER BY created_at DESC`.execute(db)
  if (rows.length === 0) throw new ChainBridgeError("SECRET_UNREADABLE", "the webhook has no secret")
  return rows.map(({ sealed }) => box.open(sealed, endpointId))
}
