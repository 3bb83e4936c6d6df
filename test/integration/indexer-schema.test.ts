import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { nameSchema } from "../../cli/roles/indexer-schema.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"

let anvil: Anvil
beforeAll(async () => {
  anvil = await startAnvil()
})
afterAll(() => anvil?.stop())

test("what is indexed names the schema: with another contract it is another one, where all is indexed anew", async () => {
  const chain = {
    ...{ chain_id: 31_337, rpc_urls: [anvil.rpcUrl], polling_interval_ms: 500 },
    ...{ start_block: 0, tokens: [`0x${"70".repeat(20)}`], treasuries: [], audit_anchor: null },
  }
  const nameOf = async (changed: Partial<Parameters<typeof nameSchema>[1]["chains"][number]>) =>
    (await nameSchema(join(import.meta.dirname, "../.."), { chains: [{ ...chain, ...changed }] })).name
  const other = `0x${"71".repeat(20)}`
  const names = [
    await nameOf({}),
    await nameOf({ tokens: [...chain.tokens, other] }),
    await nameOf({ treasuries: [other] }),
    await nameOf({ audit_anchor: other }),
    await nameOf({ start_block: 1 }),
  ]
  expect(new Set(names).size).toBe(names.length)
  expect(await nameOf({ polling_interval_ms: 1_000 })).toBe(names[0])
  expect(await nameOf({ rpc_urls: ["http://127.0.0.1:1", anvil.rpcUrl] })).toBe(names[0])
})
