import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { ChainView } from "../../../ledger/confirmations/chain-view.ts"
import { runConfirmations } from "../../../ledger/confirmations/run-confirmations.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { waitUntil } from "../../support/wait-until.ts"

let proxy: RpcFaultProxy
let loop: LoopFixture
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
  await proxy?.close()
})

function run(view: ChainView = loop.view) {
  const { db, chainId } = loop
  const logger = createLogger("test", "silent")
  return runConfirmations({ db, logger, chainId: Number(chainId), view, waitingMsMax: 1_000 })
}

const alarms = async () => (await loop.alarms()).map(({ kind, message }) => `${kind}: ${message}`)
const isBehind = async () => (await alarms()).some((alarm) => alarm.startsWith("indexer_behind: "))

describe("the loop of confirmations", () => {
  test("tells somebody that it cannot go on, also where the endpoints are at fault and from its first turn on", async () => {
    proxy.set("eth_getBlockByNumber", { fault: "error", code: -32000, message: "no", isForwarded: false })
    const running = run()
    try {
      for (let time = 1; time <= 2; time += 1) {
        await waitUntil(isBehind, { what: `alarm ${time}`, describe: async () => running.status() })
        expect(running.status()).toMatchObject({ outcome: "waiting" })
        expect((await alarms()).join("\n")).toContain("endpoint")
        proxy.clear()
        await waitUntil(async () => !(await isBehind()), {
          what: "no alarm",
          describe: async () => running.status(),
        })
        expect(running.status().waiting_for).toBeNull()
        proxy.set("eth_getBlockByNumber", { fault: "cut" })
      }
    } finally {
      proxy.clear()
      await running.stop()
    }
  })

  test("asks for fewer blocks where an endpoint does not search so many", async () => {
    const blocksMax = 40n
    const refused: bigint[] = []
    await loop.mine(300)
    const head = await loop.indexed()
    const running = run({
      ...loop.view,
      logs: async (range) => {
        const blocks = range.toBlock - range.fromBlock + 1n
        if (blocks <= blocksMax) return loop.view.logs(range)
        refused.push(blocks)
        throw new Error(`block range too large, at most ${blocksMax}`)
      },
    })
    try {
      await waitUntil(async () => BigInt(running.status().confirmed_block ?? 0) >= head - 2n, {
        what: "all is confirmed",
        describe: async () => running.status(),
      })
      expect(refused.length).toBeGreaterThan(1)
      expect(refused.length).toBeLessThan(10)
    } finally {
      await running.stop()
    }
  })
})
