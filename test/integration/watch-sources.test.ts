import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { findSourcesProblem } from "../../cli/roles/find-sources-problem.ts"
import { waitForOtherSources } from "../../cli/roles/watch-sources.ts"
import type { Logger } from "../../platform/logger.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"
import { waitUntil } from "../support/wait-until.ts"

const nobody = "http://127.0.0.1:1"

let database: TestDatabase
let client: pg.Client
let known: Anvil
let other: Anvil
beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.indexerUrl })
  await client.connect()
  known = await startAnvil()
  other = await startAnvil({ args: ["--chain-id", "7"] })
})
afterAll(async () => {
  await client.end()
  await database.drop()
  await Promise.all([known.stop(), other.stop()])
})

const chain = (chainId: number, ...urls: string[]) => ({
  ...{ chain_id: chainId, rpc_urls: urls, start_block: 0, tokens: [`0x${"70".repeat(20)}`] },
})
const sourcesOf = (...chains: object[]) => JSON.stringify({ chains })

test("the indexer ends for other sources only when it could be started with them, and says why it does not", async () => {
  const current = sourcesOf(chain(31_337, known.rpcUrl))
  let sources = sourcesOf(chain(31_337, known.rpcUrl), chain(7, nobody))
  const warned: string[] = []
  let looks = 0
  const read = () => {
    looks += 1
    return Promise.resolve(sources)
  }
  const logger = {
    debug: () => undefined,
    warn: ({ problem }: { problem: string }) => warned.push(problem),
  } as unknown as Logger
  const ended = waitForOtherSources(client, current, { read, findProblem: findSourcesProblem }, logger)
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  const looksAgain = async () => {
    const before = looks
    await waitUntil(async () => looks >= before + 3, { what: "it has looked again", timeoutMs: 20_000 })
  }
  await looksAgain()
  expect([warned, hasEnded]).toEqual([[expect.stringContaining("chain 7: no endpoint answered")], false])
  sources = sourcesOf(chain(31_337, known.rpcUrl), chain(7, known.rpcUrl))
  await looksAgain()
  expect([warned.at(-1), hasEnded]).toEqual([expect.stringContaining("chain 7"), false])
  sources = sourcesOf(chain(31_337, known.rpcUrl), chain(7, nobody, other.rpcUrl))
  expect(await ended).toBe(sources)
})

test("sources with which nothing could be started are told from others", async () => {
  expect(await findSourcesProblem(sourcesOf(chain(7, nobody, other.rpcUrl)))).toBeNull()
  expect(await findSourcesProblem(sourcesOf(chain(7, other.rpcUrl, known.rpcUrl)))).toBe(
    "entry 2 of the endpoints of chain 7 is one of chain 31337",
  )
  expect(await findSourcesProblem(sourcesOf(chain(7)))).toContain("rpc_urls")
})
