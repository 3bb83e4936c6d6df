import { type AuditKey, auditKeyOf } from "../../ledger/domain/audit-key.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

/**
 * The Ed25519 key of AUDIT_SIGNING_KEY: the 32 bytes of its secret as 64 hex digits, such as `openssl rand -hex 32` makes.
 * @returns null when it is not set
 * @throws ChainBridgeError CONFIG_INVALID, which does not repeat what is set
 */
export function readAuditKey(secret = process.env["AUDIT_SIGNING_KEY"]): AuditKey | null {
  if (secret === undefined || secret === "") return null
  if (/^[0-9a-fA-F]{64}$/.test(secret)) return auditKeyOf(Buffer.from(secret, "hex"))
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    "AUDIT_SIGNING_KEY is not 64 hex digits, the secret of an Ed25519 key: openssl rand -hex 32 makes one",
  )
}
