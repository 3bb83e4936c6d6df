import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { toHex } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { readStackFile, type StackFile } from "../../cli/stack/stack-file.ts"
import { startAnvil } from "../support/anvil.ts"
import { callJsonRpc } from "../support/call-json-rpc.ts"
import { endStack, type StartedStack, startStack } from "../support/stack.ts"
import type { PlannedKill } from "./plan-kills.ts"
import { killStack, type StackProcess } from "./stack-processes.ts"

export type ChaosStack = {
  /** `chainbridge start` on the same data directory and port as ever, up to its ready line. */
  start(): Promise<StackFile>
  /** Waits for the moment, starts where it is one of a start, and kills all; `also` is called in the same moment. */
  killAfter(kill: PlannedKill, also: () => void): Promise<StackProcess[]>
  /** Stops the stack cleanly, then the chain. */
  close(): Promise<void>
}

/** What runs when a stack is ready; all of it has to be gone after a kill. */
const parts = ["chainbridge", "guard", "postgres", "indexer", "worker", "batcher", "api"]

/** A stack of the shipped defaults on a chain of its own, which outlives it: an anvil with one-second blocks. */
export async function openChaosStack(dataDirectory: string): Promise<ChaosStack> {
  const chain = await startAnvil({ args: ["--block-time", "1", "--accounts", "0"] })
  const key = toHex(randomBytes(32))
  await callJsonRpc(chain.rpcUrl, "anvil_setBalance", [privateKeyToAccount(key).address, toHex(10n ** 22n)])
  const port = await findFreePort()
  const args = ["--port", String(port), "--data-dir", dataDirectory, "--rpc-url", chain.rpcUrl]
  let running: StartedStack | undefined
  const spawnStart = (): StartedStack => {
    running = startStack(args, { SIGNER_PRIVATE_KEY: key })
    return running
  }
  return {
    start: () => spawnStart().ready,
    async killAfter(kill, also) {
      if (kill.during === "starting") spawnStart()
      await sleep(kill.afterMs)
      const stack = running
      if (stack?.child.pid === undefined) throw new Error("nothing runs that could be killed")
      if (kill.during === "running" && stack.child.exitCode !== null)
        throw new Error(`the stack had ended by itself: ${stack.stderr()}`)
      also()
      const known = readStackFile(dataDirectory)?.pids ?? {}
      const killed = await killStack(stack.child.pid, dataDirectory, known)
      await stack.ended
      const missed = parts.filter((part) => !killed.some(({ name }) => name === part))
      if (kill.during === "running" && missed.length > 0)
        throw new Error(`${missed.join(", ")} did not run when everything was to be killed`)
      return killed
    },
    async close() {
      if (running !== undefined) await endStack(running)
      await chain.stop()
    },
  }
}
