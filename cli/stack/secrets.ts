import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { english, generateMnemonic } from "viem/accounts"
import { createApiKey } from "../../api/identity/api-key.ts"
import { readJsonFile } from "./read-json-file.ts"
import { writeDurably } from "./write-durably.ts"

/** What a data directory's stack is protected with. Kept in secrets.json, readable by its owner alone. */
export type StackSecrets = {
  readonly postgres_password: string
  readonly app_password: string
  readonly indexer_password: string
  /** Of the local chain's funded accounts: 0 deploys, 1 settles, 2 is the wallets' master signer. */
  readonly mnemonic: string
  readonly api_key: string
  /** Of the Ed25519 key that signs checkpoints and exports: 64 hex digits. */
  readonly audit_signing_key: string
  /** What access tokens of people are signed with: 64 hex digits. */
  readonly auth_token_secret: string
  /** What the secrets of webhooks are kept under: 64 hex digits. */
  readonly webhook_secret_key: string
}

export function openSecrets(dataDirectory: string): StackSecrets {
  const known = readSecrets(dataDirectory)
  const password = () => randomBytes(24).toString("base64url")
  const secrets: StackSecrets = {
    postgres_password: password(),
    app_password: password(),
    indexer_password: password(),
    mnemonic: generateMnemonic(english),
    api_key: createApiKey(),
    audit_signing_key: randomBytes(32).toString("hex"),
    auth_token_secret: randomBytes(32).toString("hex"),
    webhook_secret_key: randomBytes(32).toString("hex"),
    ...known,
  }
  // A directory of an earlier version lacks what has been added since.
  const isComplete = Object.keys(secrets).every((name) => known !== undefined && name in known)
  if (isComplete) return secrets
  writeDurably(pathOf(dataDirectory), `${JSON.stringify(secrets, null, 2)}\n`)
  return secrets
}

/** What a stack was started with, as far as there is one in the directory. */
export function readSecrets(dataDirectory: string): Partial<StackSecrets> | undefined {
  const path = pathOf(dataDirectory)
  return existsSync(path) ? readJsonFile<Partial<StackSecrets>>(path) : undefined
}

function pathOf(dataDirectory: string): string {
  return join(dataDirectory, "secrets.json")
}
