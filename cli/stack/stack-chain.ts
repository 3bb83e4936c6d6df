import { join } from "node:path"
import { ChainBridgeError } from "../../platform/errors.ts"
import { choosePort } from "./free-port.ts"
import { callRpc } from "./json-rpc.ts"
import { keepRunning } from "./keep-running.ts"
import { startLocalChain } from "./local-chain.ts"
import type { StackSecrets } from "./secrets.ts"
import { externalAccounts, localAccounts, type StackAccounts } from "./stack-accounts.ts"
import type { Guard } from "./start-guard.ts"

export const LOCAL_CHAIN_ID = 31_337

export type StackChain = {
  readonly rpcUrl: string
  readonly chainId: number
  readonly accounts: StackAccounts
  readonly isLocal: boolean
  readonly resumedAt: number | undefined
  /** Starts saving the state, and from now on starts the chain again when it ends; `onBack` is told. */
  keep(onBack: () => Promise<void>): void
  stopDumps(): Promise<void>
}

export type LocalStackChainOptions = {
  readonly guard: Guard
  readonly dataDirectory: string
  readonly secrets: StackSecrets
  readonly preferredPort: number | undefined
  readonly blockTimeMs: number
  readonly onPid: (pid: number) => void
  readonly onNote: (message: string) => void
  readonly isStopping: () => boolean
  readonly onGivenUp: (error: ChainBridgeError) => void
}

export async function openLocalChain(options: LocalStackChainOptions): Promise<StackChain> {
  const { guard, onNote } = options
  const port = await choosePort(options.preferredPort)
  const start = async () => {
    const started = await startLocalChain({
      guard,
      directory: join(options.dataDirectory, "chain"),
      chainId: LOCAL_CHAIN_ID,
      port,
      blockTimeMs: options.blockTimeMs,
      logFile: join(options.dataDirectory, "logs", "anvil.log"),
    })
    options.onPid(started.pid)
    for (const file of started.damagedDumps) {
      onNote(
        `the chain's saved state ${file} was cut short; block ${started.resumedAt ?? 0} is the newest whole one`,
      )
    }
    return started
  }
  const chain = await start()
  return {
    rpcUrl: chain.rpcUrl,
    chainId: LOCAL_CHAIN_ID,
    accounts: localAccounts(options.secrets.mnemonic),
    isLocal: true,
    resumedAt: chain.resumedAt,
    keep(onBack) {
      chain.startDumps(onNote)
      keepRunning({
        ...{ guard, onNote, name: "anvil", label: "the local chain", errorCode: "LOCAL_CHAIN_FAILED" },
        ...{ isStopping: options.isStopping, onGivenUp: options.onGivenUp },
        async start() {
          const { resumedAt } = await start()
          onNote(`the local chain resumes at block ${resumedAt ?? 0}`)
          await onBack().catch((error: unknown) => {
            options.onGivenUp(
              error instanceof ChainBridgeError
                ? error
                : new ChainBridgeError("LOCAL_CHAIN_FAILED", "the local chain cannot be gone on with", {
                    cause: error,
                  }),
            )
          })
        },
      })
    },
    stopDumps: () => chain.stopDumps(),
  }
}

/**
 * A chain that somebody else runs.
 * @throws ChainBridgeError RPC_UNREACHABLE
 */
export async function openExternalChain(rpcUrl: string): Promise<StackChain> {
  let chainId: number
  try {
    chainId = Number(await callRpc<string>(rpcUrl, "eth_chainId"))
  } catch (cause) {
    // Only the host: keys of RPC providers are part of the path.
    const host = URL.canParse(rpcUrl) ? new URL(rpcUrl).host : "the given RPC URL"
    throw new ChainBridgeError(
      "RPC_UNREACHABLE",
      `no chain answers at ${host}: check --rpc-url (CHAINBRIDGE_RPC_URL), or leave it out to run a local chain`,
      { cause },
    )
  }
  return {
    rpcUrl,
    chainId,
    accounts: externalAccounts(process.env["SIGNER_PRIVATE_KEY"]),
    isLocal: false,
    resumedAt: undefined,
    keep: () => undefined,
    stopDumps: () => Promise.resolve(),
  }
}
