import { afterAll, beforeAll, expect, test } from "vitest"
import { readCommandsLog } from "../support/read-commands-log.ts"
import { runCli } from "../support/run-cli.ts"
import { createTestLedger, type TestLedger } from "../support/test-ledger.ts"

const first = `0x${"a1".repeat(20)}`
const second = `0x${"a2".repeat(20)}`

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger.close())

const run = (...args: string[]) =>
  runCli(["signers", ...args], { DATABASE_URL: ledger.database.appUrl }).ended

test("signers are listed, retired and reinstated", async () => {
  expect((await run("list")).stdout).toBe("no batcher has registered a signer yet\n")
  const soon = new Date(Date.now() + 600_000)
  const row = { chain_id: 31_337n, next_nonce: 0n, retired_at: null, done_at: null }
  const owner = "0198c9a5-0000-7000-8000-000000000001"
  await ledger.db
    .insertInto("settlement.signers")
    .values([
      { ...row, address: first, lease_owner: owner, lease_expires_at: soon },
      { ...row, address: second, lease_owner: null, lease_expires_at: null },
    ])
    .execute()
  expect((await run("list")).stdout).toBe(
    `chain 31337 ${first} active, 0 not mined\nchain 31337 ${second} away, 0 not mined\n`,
  )
  expect((await run("retire", second, "--chain", "31337")).stdout).toBe(
    `${second} takes no more nonces on chain 31337\n`,
  )
  expect((await run("retire", first.toUpperCase().replace("0X", "0x"))).stdout).toBe(
    `${first} takes no more nonces on chain 31337; no other signer of the chain is at work, so its lanes will stop\n`,
  )
  expect((await run("list")).stdout).toContain(`${first} retiring, 0 not mined`)
  const again = await run("retire", first)
  expect(again.code).not.toBe(0)
  expect(again.stderr).toContain(`there is no signer ${first} that is not retired yet`)
  expect((await run("reinstate", first)).stdout).toBe(`${first} takes nonces again on chain 31337\n`)
  expect((await run("list")).stdout).toContain(`${first} active`)
  expect((await readCommandsLog(ledger.db)).map(({ action }) => action)).toEqual([
    "signer.retired",
    "signer.retired",
    "signer.reinstated",
  ])
})

test("what is no address or no chain is refused", async () => {
  expect((await run("retire", "0x12")).stderr).toContain("40 hexadecimal digits")
  expect((await run("retire", first, "--chain", "one")).stderr).toContain("the id of a chain")
})
