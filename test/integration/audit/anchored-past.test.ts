import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Hex } from "viem"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { auditKeyOf } from "../../../ledger/domain/audit-key.ts"
import { type Anvil, startAnvil } from "../../support/anvil.ts"
import { adjusted, buildExport, type MadeUp, madeUpHash, opened, place } from "../../support/build-export.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { type DeployedAnchor, deployAnchor } from "../../support/deploy-anchor.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { runCli } from "../../support/run-cli.ts"

const key = auditKeyOf(Buffer.alloc(32, 1))
let anvil: Anvil
let proxy: RpcFaultProxy
let anchor: DeployedAnchor
let directory: string

/** Opens an account and gives it these amounts. */
function logOf(...amounts: readonly bigint[]): MadeUp[] {
  let balance = 0n
  const changes = amounts.map((amount) => {
    balance += amount
    return adjusted(1n, amount, balance)
  })
  return [opened(1n), ...changes]
}
const log = logOf(5n, 5n, 5n, 5n, 5n)
const rewritten = logOf(5n, 500n, 5n, 5n, 5n)
const truth = buildExport(log, { key, checkpoints: [2, 4, 6] })

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-past-"))
  anvil = await startAnvil()
  anchor = await deployAnchor(anvil.rpcUrl, `0x${"0b".repeat(20)}`)
  await callJsonRpc(anvil.rpcUrl, "anvil_mine", ["0x40"])
  for (const size of [2, 4, 6]) {
    const root = truth.roots.get(size)?.toString("hex") ?? ""
    await anchor.anchorAsStranger(truth.ledgerId, BigInt(size), `0x${root}`)
    await callJsonRpc(anvil.rpcUrl, "anvil_mine", ["0x40"])
  }
  proxy = await startRpcFaultProxy(anvil.rpcUrl)
})
beforeEach(() => proxy.clear())
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await proxy?.close()
  await anvil?.stop()
})

async function verify(bytes: Buffer, options: readonly string[] = ["--anchor", anchor.address]) {
  const file = join(directory, "ledger.ndjson")
  writeFileSync(file, bytes)
  const signed = ["--public-key", key.publicKey.toString("hex")]
  const args = ["audit", "verify", file, ...signed, "--rpc", proxy.url, ...options]
  const { code, stdout, stderr } = await runCli(args, {}).ended
  return { code, said: stdout + stderr }
}
const failed = (said: RegExp) => ({ code: 1, said: expect.stringMatching(said) })
const held = (said: RegExp) => ({ code: 0, said: expect.stringMatching(said) })

test("every root that the chain has of the file's events is compared, whatever checkpoints the file has", async () => {
  expect(await verify(truth.bytes)).toEqual(held(/first 6 events .*\n.*agree: 3, all that it has/))
  const without = buildExport(log, { key })
  expect(await verify(without.bytes)).toEqual(held(/first 6 events .*\n.*agree: 3, all/))
  const shorter = buildExport(log.slice(0, 5), { key })
  expect(await verify(shorter.bytes)).toEqual(held(/first 4 events .*\n.*agree: 2, all/))
})

test("a past that was written anew is found where the file leaves its checkpoints out and ends before the newest root", async () => {
  // Events 3 to 5 are others, the root of 4 is only on the chain, and that of 6 is beyond the file.
  const forged = buildExport(rewritten.slice(0, 5), { key, checkpoints: [2] })
  expect(await verify(forged.bytes)).toEqual(failed(/the chain has the root 0x\w+ of 4 events, the file/))
  const whole = buildExport(rewritten, { key, checkpoints: [2] })
  expect(await verify(whole.bytes)).toEqual(failed(/root 0x\w+ of 4 events/))
})

test("two pasts on the chain itself: its newest root agrees, an older one does not", async () => {
  const snapshot = (await callJsonRpc(anvil.rpcUrl, "evm_snapshot", [])) as Hex
  const longer = buildExport([...rewritten, adjusted(1n, 1n, 521n)], { key, checkpoints: [7] })
  const root = longer.roots.get(7)?.toString("hex") ?? ""
  await anchor.anchorAsStranger(truth.ledgerId, 7n, `0x${root}`)
  expect(await verify(longer.bytes)).toEqual(failed(/root 0x\w+ of 4 events/))
  await callJsonRpc(anvil.rpcUrl, "evm_revert", [snapshot])
})

test("an endpoint that answers for few blocks at a time is asked in pages", async () => {
  const tooMany = { fault: "error", code: -32_005, message: "block range too large" } as const
  proxy.set("eth_getLogs", { ...tooMany, isForwarded: false }, 4)
  const forged = buildExport(rewritten.slice(0, 5), { key, checkpoints: [2] })
  expect(await verify(forged.bytes)).toEqual(failed(/root 0x\w+ of 4 events/))
  proxy.set("eth_getLogs", { ...tooMany, isForwarded: false }, 4)
  expect(await verify(truth.bytes)).toEqual(held(/agree: 3, all that it has/))
})

test.each([
  ["no logs at all", { fault: "error", code: -32_601, message: "no such method", isForwarded: false }],
  ["logs that lack what the contract has", { fault: "result", result: [] }],
] as const)(
  "an endpoint that gives %s: what its state says is compared, and nothing is passed over",
  async (_, rule) => {
    proxy.set("eth_getLogs", rule)
    expect(await verify(truth.bytes)).toEqual(held(/agree: 3; the endpoint does not list its logs/))
    const forged = buildExport(rewritten.slice(0, 5), { key, checkpoints: [2] })
    expect(await verify(forged.bytes)).toEqual(
      failed(/does not list which: take one that answers eth_getLogs/),
    )
    // Of 6 events it has a root whatever the file has a checkpoint of.
    const whole = buildExport(rewritten, { key, checkpoints: [2] })
    expect(await verify(whole.bytes)).toEqual(failed(/root 0x\w+ of 6 events/))
    const ending = buildExport(log.slice(0, 4), { key })
    expect(await verify(ending.bytes)).toEqual(held(/first 4 events/))
  },
)

test("a file that nobody signed is not proven by a contract that only itself names", async () => {
  const forger = await deployAnchor(anvil.rpcUrl, `0x${"0b".repeat(20)}`)
  const named = {
    type: "CheckpointAnchored",
    data: { ...place, tree_size: 2, root: madeUpHash, anchor: forger.address },
  }
  const forged = buildExport([...logOf(5_000n), named], { key: null })
  for (const size of [2, 3]) {
    const root = forged.roots.get(size)?.toString("hex") ?? ""
    await forger.anchorAsStranger(forged.ledgerId, BigInt(size), `0x${root}`)
  }
  expect(await verify(forged.bytes, [])).toEqual(
    failed(/nobody signed it: only the file says .*give the contract that you know \(--anchor\)/),
  )
  expect((await verify(forged.bytes, ["--anchor", forger.address])).code).toBe(0)
  expect(await verify(forged.bytes)).toEqual(failed(/the chain has the root 0x\w+ of 2 events/))
})
