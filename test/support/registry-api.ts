import { type Kysely, sql } from "kysely"
import { expect } from "vitest"
import type { Database } from "../../ledger/store/database.ts"
import { type ChainsToRegister, startChainsToRegister } from "./chains-to-register.ts"
import { type ApiReply, startTestApi, type TestApi } from "./test-api.ts"

/** Where nothing answers. */
const nobody = "http://127.0.0.1:1/v2/a-secret-key"

export type RegistryApi = {
  readonly api: TestApi
  readonly chains: ChainsToRegister
  readonly owner: Kysely<Database>
  /** Of an address below `/admin/`. */
  call(method: string, path: string, body?: object): Promise<ApiReply>
  /** Its data; it has to be there. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers whose shape is what they test
  read(path: string): Promise<any>
  /** Changes what an address names, as it is now. */
  change(path: string, changes: object): Promise<ApiReply>
  /** Fails unless what is in force is what the newest version says, for every entry of every kind. */
  expectAgreement(): Promise<void>
  close(): Promise<void>
}

/** The API with chains to register on: 31337 and 7 answer, 8 does not. */
export async function startRegistryApi(): Promise<RegistryApi> {
  const chains = await startChainsToRegister()
  const api = await startTestApi({ environment: { ...chains.environment, CHAINBRIDGE_RPC_URLS_8: nobody } })
  const owner = api.openAsOwner()
  const call: RegistryApi["call"] = (method, path, body) => api.call(method, `/api/v1/admin/${path}`, body)
  return {
    api,
    chains,
    owner,
    call,
    async read(path) {
      const { status, body } = await call("GET", path)
      expect([status, body.errors]).toEqual([200, undefined])
      return body.data
    },
    async change(path, changes) {
      const expected_version = (await call("GET", path)).body.data?.version ?? 1
      return call("PATCH", path, { expected_version, reason: "a test", changes })
    },
    async expectAgreement() {
      const { rows } = await sql<{ differing: bigint }>`
        WITH current AS (
          SELECT 'chain' AS kind, chain_id::text AS entry_id, registry.document_of(e) AS document FROM registry.chains e
          UNION ALL SELECT 'token', chain_id || ':' || symbol, registry.document_of(e) FROM registry.tokens e
          UNION ALL SELECT 'strategy', chain_id || ':' || symbol, strategy FROM registry.tokens e
          UNION ALL SELECT 'reason', reason_type, registry.document_of(e) FROM registry.reasons e
          UNION ALL SELECT 'rate_limit', key_id::text, registry.document_of(e) FROM registry.key_rate_limits e),
        newest AS (SELECT DISTINCT ON (kind, entry_id) kind, entry_id, document FROM registry.versions ORDER BY kind, entry_id, version DESC)
        SELECT count(*) AS differing FROM current FULL JOIN newest USING (kind, entry_id)
        WHERE current.document IS DISTINCT FROM newest.document`.execute(api.db)
      expect(rows).toEqual([{ differing: 0n }])
    },
    async close() {
      await owner.destroy()
      await api.close()
      await chains.stop()
    },
  }
}

export const errorsOf = ({ status, body }: ApiReply) => [status, body.errors]

export const newReason = { description: "A prize", allowed_metadata: ["rank"], business_type: "reward" }
