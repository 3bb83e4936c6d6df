import { resolve } from "node:path"
import type { AuditKey } from "../../ledger/domain/audit-key.ts"
import { readAuditKey } from "../roles/read-audit-key.ts"
import { readSecrets } from "../stack/secrets.ts"

/** The key that a command signs with: AUDIT_SIGNING_KEY, or that of the stack in the data directory if this is where the database comes from. Null where there is none. */
export function findAuditKey(dataDirectory: string): AuditKey | null {
  const given = readAuditKey()
  if (given !== null || process.env["DATABASE_URL"]) return given
  return readAuditKey(readSecrets(resolve(dataDirectory))?.audit_signing_key ?? "")
}
