import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { EXIT_DUMP, loadChainDump, saveChainDump } from "./chain-dump.ts"
import { callRpc } from "./json-rpc.ts"
import { readLogTail } from "./log-tail.ts"
import type { Guard } from "./start-guard.ts"

/** How many blocks back balances can be asked for. Each costs the memory of a whole state. */
const HISTORIC_STATES = 64
const READY_TIMEOUT_MS = 60_000
const DUMP_INTERVAL_MS = 2_000

export type LocalChain = {
  readonly rpcUrl: string
  readonly port: number
  readonly pid: number
  /** The block that the chain was resumed at; undefined for a new chain. */
  readonly resumedAt: number | undefined
  readonly damagedDumps: readonly string[]
  /** Saves the state at every few blocks from now on. */
  startDumps(onFault: (message: string) => void): void
  /** Ends the periodic saving; the process itself saves once more when the guard stops it. */
  stopDumps(): Promise<void>
}

export type LocalChainOptions = {
  readonly guard: Guard
  readonly directory: string
  readonly chainId: number
  readonly port: number
  readonly blockTimeMs: number
  readonly logFile: string
}

/** Runs anvil with one block per block time, resumed from its last good saved state. */
export async function startLocalChain(options: LocalChainOptions): Promise<LocalChain> {
  const { guard, directory, port } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const states = join(directory, "states")
  rmSync(states, { recursive: true, force: true })
  const dump = await loadChainDump(directory)
  const resumed = join(directory, "state.resumed.json")
  if (dump !== undefined) writeFileSync(resumed, dump.json, { mode: 0o600 })
  let exited: string | undefined
  guard.onExit((name, how) => {
    if (name === "anvil" || name === "guard") exited ??= how
  })
  const pid = await guard.run({
    name: "anvil",
    command: findAnvil(),
    args: [
      ...["--host", "127.0.0.1", "--port", String(port), "--chain-id", String(options.chainId), "--quiet"],
      ...["--block-time", String(options.blockTimeMs / 1_000), "--prune-history", String(HISTORIC_STATES)],
      // No funded accounts with keys that everybody knows: ours are given their coins when contracts are deployed.
      ...["--accounts", "0", "--cache-path", states, "--dump-state", join(directory, EXIT_DUMP)],
      ...(dump === undefined ? [] : ["--load-state", resumed]),
    ],
    workingDirectory: directory,
    environment: { PATH: process.env["PATH"], HOME: directory },
    logFile: options.logFile,
    stopTimeoutMs: 8_000,
  })
  const rpcUrl = `http://127.0.0.1:${port}`
  await waitUntilReady(rpcUrl, () => exited, options.logFile)
  rmSync(resumed, { force: true })
  const dumps = createDumps(rpcUrl, directory)
  return { rpcUrl, port, pid, resumedAt: dump?.blockNumber, damagedDumps: dump?.damaged ?? [], ...dumps }
}

/** The binary itself: the package's own launcher would stay between us and the chain and orphan it. */
function findAnvil(): string {
  const architecture = process.arch === "x64" ? "amd64" : process.arch
  const launcher = createRequire(import.meta.url).resolve("@foundry-rs/anvil/bin.mjs")
  return join(dirname(launcher), "..", `anvil-${process.platform}-${architecture}`, "bin", "anvil")
}

async function waitUntilReady(
  rpcUrl: string,
  exited: () => string | undefined,
  logFile: string,
): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  for (;;) {
    try {
      await callRpc(rpcUrl, "eth_chainId")
      return
    } catch (cause) {
      const how = exited()
      if (how !== undefined || Date.now() > deadline) {
        const state = how === undefined ? "does not answer" : `ended with ${how}`
        throw new ChainBridgeError(
          "LOCAL_CHAIN_FAILED",
          `the local chain ${state}: ${readLogTail(logFile)}`,
          { cause },
        )
      }
      await sleep(30)
    }
  }
}

function createDumps(rpcUrl: string, directory: string): Pick<LocalChain, "startDumps" | "stopDumps"> {
  const stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  async function dumpForEver(onFault: (message: string) => void): Promise<void> {
    let saved = ""
    for (let restMs = DUMP_INTERVAL_MS; ; ) {
      await sleep(restMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      const began = Date.now()
      try {
        const head = await callRpc<string>(rpcUrl, "eth_blockNumber")
        if (head === saved) continue
        const state = await callRpc<string>(rpcUrl, "anvil_dumpState")
        saveChainDump(directory, Buffer.from(state.slice(2), "hex"))
        saved = head
      } catch (error) {
        if (!stopping.signal.aborted) onFault(`the local chain could not be saved: ${describeError(error)}`)
      }
      // A long chain takes long to save: at most a twentieth of the time goes into it.
      restMs = Math.max(DUMP_INTERVAL_MS, (Date.now() - began) * 20)
    }
  }
  return {
    startDumps(onFault) {
      running = dumpForEver(onFault)
    },
    async stopDumps() {
      stopping.abort()
      await running
    },
  }
}
