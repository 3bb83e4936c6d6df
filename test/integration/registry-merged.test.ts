import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type RegistryApi, startRegistryApi } from "../support/registry-api.ts"
import { runCli } from "../support/run-cli.ts"

let registry: RegistryApi
let files: string
beforeAll(async () => {
  registry = await startRegistryApi()
  files = mkdtempSync(join(tmpdir(), "chainbridge-files-"))
  cpSync(join(import.meta.dirname, "../../config"), files, { recursive: true })
})
afterAll(async () => {
  rmSync(files, { recursive: true, force: true })
  await registry.close()
})

const apply = (...options: string[]) =>
  runCli(["config", "apply", "--config-dir", files, ...options], {
    DATABASE_URL: registry.api.database.appUrl,
  }).ended

function edit(name: string, from: string | RegExp, to: string): void {
  const path = join(files, name)
  const before = readFileSync(path, "utf8")
  const after = before.replace(from, to)
  expect(after).not.toBe(before)
  writeFileSync(path, after)
}

async function changeOverApi(path: string, changes: object): Promise<void> {
  const { status, body } = await registry.change(path, changes)
  expect([status, body.errors]).toEqual([200, undefined])
}

test("files are applied beside a chain that is only in the registry, which stays as it is", async () => {
  const { status, body } = await registry.call("POST", "chains", {
    ...{ chain_id: 7, wallet_manager: registry.chains.walletManager, reason: "a new chain" },
    document: { name: "seventh", confirmation_blocks: 1, finality: "depth", block_time_ms: 400 },
  })
  expect([status, body.errors]).toEqual([200, undefined])
  const before = await registry.read("chains/7")
  const applied = await apply("--overwrite")
  expect([applied.code, applied.stdout]).toEqual([0, expect.stringContaining("applied to 1 chain,")])
  edit("chains.yaml", /confirmation_blocks: \d+/, "confirmation_blocks: 5")
  expect(await apply()).toMatchObject({ code: 0, stdout: expect.stringContaining("applied to 1 chain,") })
  expect((await registry.read("chains/31337")).document).toMatchObject({ confirmation_blocks: 5 })
  expect(await registry.read("chains/7")).toEqual(before)
  await registry.expectAgreement()
})

test("what does not go together with what was changed at run time is left as it is in force, named, and tried again", async () => {
  await changeOverApi("strategies/31337:CPOP", { max_batch_size: 30 })
  edit("batch_strategy.yaml", /optimal_batch_size: 25/, "optimal_batch_size: 35")
  edit("reason_registry.yaml", /description: .*/, "description: Another text")
  const before = await registry.read("strategies/31337:CPOP")
  for (let time = 0; time < 2; time++) {
    const kept = await apply("--keep")
    expect([kept.code, kept.stdout]).toEqual([0, expect.stringContaining("kept: strategy 31337:CPOP: max")])
    expect(kept.stderr).toContain(
      `strategy 31337:CPOP stays at version ${before.version}; what the files say does not go with what was changed at run time: optimal_batch_size is 35; allowed: at most max_batch_size`,
    )
    expect(await registry.read("strategies/31337:CPOP")).toEqual(before)
    await registry.expectAgreement()
  }
  expect(JSON.stringify(await registry.read("reasons"))).toContain('"description":"Another text"')
  const refused = await apply()
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining("strategy 31337:CPOP: max_batch_size is 30"),
  ])
  await changeOverApi("strategies/31337:CPOP", { max_batch_size: 38 })
  expect(await apply("--keep")).toMatchObject({ code: 0, stderr: expect.not.stringContaining("stays at") })
  expect((await registry.read("strategies/31337:CPOP")).document).toMatchObject({
    ...{ optimal_batch_size: 35, max_batch_size: 38 },
  })
})

test("a name and a default that the registry has given to others are left to them", async () => {
  await changeOverApi("chains/7", { name: "renamed" })
  edit("chains.yaml", /^ {2}local:/m, "  renamed:")
  edit("tokens.yaml", /is_default: true/, "is_default: false")
  expect(await apply("--keep")).toMatchObject({ code: 0 })
  await changeOverApi("tokens/31338:USDT", { is_default: true })
  const usdt = await registry.read("tokens/31337:USDT")
  edit(
    "tokens.yaml",
    /\n( +)- address:/,
    `\n$1- {address: "${usdt.document.token_address}", symbol: USDT, name: Dollar, decimals: 6, features: [settle], is_default: true}$&`,
  )
  const kept = await apply("--keep")
  expect(kept).toMatchObject({ code: 0 })
  expect(kept.stderr).toContain("chain 31337 stays at version")
  expect(kept.stderr).toContain('name is "renamed"; allowed: another name, chain 7 has this one')
  expect(kept.stderr).toContain("is_default is true; allowed: false, as long as 31338:USDT is the default")
  expect(await registry.read("tokens/31337:USDT")).toEqual(usdt)
  await registry.expectAgreement()
  const refused = await apply("--overwrite")
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining('chains.yaml: renamed: name is "renamed"; allowed: another name'),
  ])
})
