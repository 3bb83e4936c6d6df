import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { type Address, encodeFunctionData } from "viem"
import { afterAll, beforeAll, expect, test } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { indexerProgress } from "../../../ledger/confirmations/indexer-progress.ts"
import { type Anvil, startAnvil } from "../../support/anvil.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { waitUntil } from "../../support/wait-until.ts"

let proxy: RpcFaultProxy
let loop: LoopFixture
let fork: Anvil | undefined
beforeAll(async () => {
  loop = await createLoopFixture({
    rpcUrl: async (anvilUrl) => {
      proxy = await startRpcFaultProxy(anvilUrl)
      return proxy.url
    },
  })
})
afterAll(async () => {
  await loop?.close()
  await fork?.stop()
  await proxy?.close()
})

/** Another node that has the same blocks up to now. */
async function startFork(): Promise<Anvil> {
  const dump = String(await loop.rpc("anvil_dumpState"))
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-fork-"))
  const file = join(directory, "state.json")
  writeFileSync(file, gunzipSync(Buffer.from(dump.slice(2), "hex")))
  const started = await startAnvil({ args: ["--load-state", file] })
  rmSync(directory, { recursive: true })
  return started
}

async function mintOn(url: string, to: Address, amount: bigint): Promise<void> {
  await callJsonRpc(url, "anvil_impersonateAccount", [loop.token.admin])
  const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [to, amount] })
  await callJsonRpc(url, "eth_sendTransaction", [
    { from: loop.token.admin, to: loop.token.address, data, gas: "0x30d40" },
  ])
}

/** A block that is replaced while the indexer reads it costs it a minute. */
const indexedOn = (url: string) =>
  waitUntil(
    async () => {
      const block = (await callJsonRpc(url, "eth_getBlockByNumber", ["latest", false])) as { hash: string }
      const progress = await indexerProgress(loop.db, Number(loop.chainId))
      return progress !== null && "blockHash" in progress && progress.blockHash === block.hash
    },
    { what: "the indexer has finished the newest block", timeoutMs: 90_000 },
  )

test("a block that was replaced and returns is confirmed again", async () => {
  const ann = await loop.addressOf("ann")
  await loop.adjust([["ann", 1n]])
  await loop.mint(ann, 100n)
  await loop.confirmAll()
  fork = await startFork()
  const confirmed = (amount: bigint) =>
    waitUntil(
      async () => {
        await loop.step()
        return (await loop.balance("ann")).confirmed === amount
      },
      { what: `${amount} are confirmed`, describe: () => loop.step(), timeoutMs: 90_000 },
    )

  await mintOn(loop.anvil.rpcUrl, ann, 5n)
  await loop.mine(2)
  await confirmed(105n)
  await indexedOn(loop.anvil.rpcUrl)
  proxy.retarget(fork.rpcUrl)
  await mintOn(fork.rpcUrl, ann, 9n)
  await callJsonRpc(fork.rpcUrl, "anvil_mine", ["0x4"])
  await confirmed(109n)
  await indexedOn(fork.rpcUrl)
  proxy.retarget(loop.anvil.rpcUrl)
  await loop.mine(6)
  await confirmed(105n)

  expect((await loop.findings()).map(({ type, amount }) => [type, amount])).toEqual([
    ["DepositObserved", 100n],
    ["DepositObserved", 5n],
    ["ConfirmationRevoked", -5n],
    ["DepositObserved", 9n],
    ["ConfirmationRevoked", -9n],
    ["DepositObserved", 5n],
  ])
  const [, seen, , , , seenAgain] = await loop.findings()
  expect(seenAgain?.data).toEqual(seen?.data)
  expect(await loop.verify()).toMatchObject({ ok: true })
})
