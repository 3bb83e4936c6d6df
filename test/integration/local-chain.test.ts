import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { callRpc } from "../../cli/stack/json-rpc.ts"
import { startLocalChain } from "../../cli/stack/local-chain.ts"
import { startGuard } from "../../cli/stack/start-guard.ts"

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-chain-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Runs the chain once, has it mine, and answers the hash of every block that it had before and has after. */
async function runOnce(mined: number): Promise<{ before: string[]; after: string[] }> {
  const guard = await startGuard()
  try {
    const { rpcUrl } = await startLocalChain({
      guard,
      directory,
      chainId: 31_337,
      port: await findFreePort(),
      blockTimeMs: 60_000,
      logFile: join(directory, "anvil.log"),
    })
    const read = async () => {
      const head = Number(await callRpc<string>(rpcUrl, "eth_blockNumber"))
      const at = (number: number) =>
        callRpc<{ hash: string }>(rpcUrl, "eth_getBlockByNumber", [`0x${number.toString(16)}`, false])
      return (await Promise.all(Array.from({ length: head + 1 }, (_, number) => at(number)))).map(
        ({ hash }) => hash,
      )
    }
    const before = await read()
    await callRpc<null>(rpcUrl, "anvil_mine", [`0x${mined.toString(16)}`])
    return { before, after: await read() }
  } finally {
    await guard.close()
  }
}

test("the chain is the same one, block for block, however often it is stopped and resumed", async () => {
  let known = (await runOnce(3)).after
  for (let round = 0; round < 8; round++) {
    const { before, after } = await runOnce(2)
    expect(before).toEqual(known)
    known = after
  }
  expect(known).toHaveLength(1 + 3 + 8 * 2)
})
