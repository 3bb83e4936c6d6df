import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Address, Hex } from "viem"
import { afterAll, beforeAll, expect, test } from "vitest"
import { auditKeyOf } from "../../../ledger/domain/audit-key.ts"
import { append } from "../../../ledger/store/append.ts"
import { withHead } from "../../../ledger/store/ledger-transaction.ts"
import { exportToBytes, forgeExport } from "../../support/export-to-bytes.ts"
import { runCli } from "../../support/run-cli.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"

const key = auditKeyOf(Buffer.alloc(32, 1))
let fixture: SettlementFixture
let directory: string
let anchor: Address
/** Of the checkpoint that is anchored. */
let treeSize: bigint
let whole: Buffer

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-anchored-"))
  fixture = await createSettlementFixture({ anchors: true })
  anchor = fixture.anchor().address
  await fixture.adjust([["ann", 5n]])
  const made = await fixture.checkpoint()
  treeSize = made.treeSize
  const batcher = fixture.run()
  const { block_hash: hash, block_number: number, tx_hash } = await fixture.anchorIn("mined", treeSize)
  await fixture.stop(batcher)
  // What confirmations would append; the indexer has its own tests.
  await withHead(fixture.db, fixture.ledgerId, (ledger) =>
    append(
      ledger,
      [
        {
          type: "CheckpointAnchored",
          data: {
            chain_id: Number(fixture.chainId),
            block_number: Number(number),
            block_hash: hash ?? "",
            log_index: 0,
            transaction_hash: tx_hash ?? "",
            tree_size: Number(treeSize),
            root: made.root,
            anchor,
          },
          operation: null,
          account: null,
          occurredAt: new Date(),
          causation: `log:${fixture.chainId}:${hash}:0`,
          details: null,
        },
      ],
      new Date(),
    ),
  )
  await fixture.adjust([["bob", 7n]])
  whole = await exportToBytes(fixture, { key })
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await fixture?.close()
})

async function verify(bytes: Buffer, ...options: string[]): Promise<{ code: unknown; said: string }> {
  const file = join(directory, "ledger.ndjson")
  writeFileSync(file, bytes)
  const rpc = options.includes("--rpc") ? [] : ["--rpc", fixture.anvil.rpcUrl]
  const { code, stdout, stderr } = await runCli(["audit", "verify", file, ...rpc, ...options], {}).ended
  return { code, said: stdout + stderr }
}
const given = () => ["--anchor", anchor]
const failed = (said: RegExp) => ({ code: 1, said: expect.stringMatching(said) })

test("a file that nobody touched agrees with the chain, in the contract that is given or that it names", async () => {
  const stands = `anchored: the root of the first ${treeSize} events is in ${anchor} on chain 31337 at block `
  expect(await verify(whole, ...given())).toEqual({ code: 0, said: expect.stringContaining(stands) })
  const named = await verify(whole)
  expect(named).toEqual({ code: 0, said: expect.stringContaining(stands) })
  expect(named.said).toContain("a contract that only the file names")
  // Beginning within the log, it gives the same root.
  const tail = await exportToBytes(fixture, { key, first: treeSize })
  expect(await verify(tail, ...given())).toEqual({ code: 0, said: expect.stringContaining(stands) })
})

test("a past that was written anew, with every hash and signature, is found by the chain alone", async () => {
  const other = (line: string) => line.replace(/"causation":"[^"]*"/, '"causation":"operation:other"')
  const forge = async (last?: bigint) => {
    const bytes = await exportToBytes(fixture, { key, ...(last === undefined ? {} : { last }) })
    return forgeExport(bytes, 2n, other, key)
  }
  expect(await verify(await forge(treeSize), ...given())).toEqual(
    failed(/the chain has the root 0x.* of \d+ events, the file gives/),
  )
  expect(await verify(await forge(), ...given())).toEqual(failed(/the chain has the root 0x/))
})

test("a file that is not signed is as good as signed when the chain has its last root, and only then", async () => {
  const unsigned = await exportToBytes(fixture, { key: null, last: treeSize })
  expect((await verify(unsigned, ...given())).code).toBe(0)
  const longer = await exportToBytes(fixture, { key: null })
  expect(await verify(longer, ...given())).toEqual(failed(/nobody signed it/))
})

test("what there is nothing to compare with is not passed over", async () => {
  const before = await exportToBytes(fixture, { key, last: treeSize })
  expect(await verify(before)).toEqual(failed(/names no contract/))
  const early = await exportToBytes(fixture, { key, last: 1n })
  expect(await verify(early, ...given())).toEqual(failed(/has no root of these events/))
  expect(await verify(whole, "--anchor", `0x${"0a".repeat(20)}`)).toEqual(failed(/has no contract at 0x0a/))
  expect(await verify(whole, "--anchor", "0x12")).toEqual(failed(/Allowed: an address/))
})

test("a chain that does not answer is named in one sentence, without its URL", async () => {
  const { code, said } = await verify(whole, "--rpc", "http://127.0.0.1:1/secret-key")
  expect([code, said]).toEqual([1, expect.stringMatching(/the chain did not answer/)])
  expect(said).not.toContain("secret-key")
})

test("an anchor that the file names and the chain has lost, and one that the file knows nothing of, are found", async () => {
  const snapshot = (await fixture.rpc("evm_snapshot")) as Hex
  await fixture.anchor().anchorAsStranger(fixture.ledgerId, treeSize + 1n, `0x${"0f".repeat(32)}`)
  expect(await verify(whole, ...given())).toEqual(
    failed(/the chain has the root 0x0f\w+ of \d+ events, the file gives/),
  )
  await fixture.rpc("evm_revert", snapshot)
  const depth =
    Number(await fixture.chain.getBlockNumber()) - Number((await fixture.anchors())[0]?.block_number) + 1
  await fixture.rpc("anvil_reorg", depth, [])
  expect(await verify(whole)).toEqual(failed(/says that \d+ events are anchored, and the chain has no root/))
})
