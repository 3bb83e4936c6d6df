import { setTimeout as sleep } from "node:timers/promises"
import { toHex } from "viem"
import { createApiClient } from "../../demo/api-client.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import type { ChaosLedger, ChaosStack } from "../stack/open-stack.ts"

type Health = {
  readonly components: { readonly chains: Record<string, { readonly confirmed_block: number | null }> }
  readonly performance_metrics: { readonly pending_transactions: number; readonly pending_batches: number }
  readonly alarms: readonly { readonly kind: string; readonly message: string }[]
  readonly lanes: readonly unknown[]
}
type DeadLetters = { readonly dead_letters: readonly { readonly changes: number }[] }

/** So many blocks in a row are what a debit that the chain skipped waits for. */
const deferredBlocks = 18
const deferredMs = 3_000
const standstillMs = 60_000
const longestMs = 300_000
const lagMax = 8

/** Waits until nothing of a ledger is under way any more, and every block of that moment is accounted for. @throws Error when it stands still */
export async function drain(stack: ChaosStack, ledger: ChaosLedger): Promise<void> {
  const api = createApiClient(stack.apiUrls, ledger.apiKey, 60_000)
  const began = Date.now()
  let movedAt = began
  let newest = ""
  let minedAt = 0
  for (; ; await sleep(250)) {
    const health = await api.read<Health>("/system/health")
    const { pending_transactions: changes, pending_batches: batches } = health.performance_metrics
    const { dead_letters } = await api.read<DeadLetters>("/dead-letters?status=open&limit=500")
    const givenUp = dead_letters.reduce((sum, letter) => sum + letter.changes, 0)
    if (changes - givenUp <= 0 && batches === 0) break
    // An indexer that is behind and gets on is no standstill; that of one at the chain's head says nothing.
    const confirmed = confirmedOf(health)
    const isBehind = confirmed + lagMax < (await headOf(stack))
    const figure = `${changes}/${batches}/${givenUp}/${isBehind ? confirmed : "head"}`
    if (figure !== newest) movedAt = Date.now()
    newest = figure
    if (batches === 0 && Date.now() - Math.max(movedAt, minedAt) > deferredMs) {
      await callJsonRpc(stack.rpcUrl, "anvil_mine", [toHex(deferredBlocks)])
      minedAt = Date.now()
    }
    if (Date.now() - movedAt > standstillMs || Date.now() - began > longestMs) {
      const seconds = Math.round((Date.now() - movedAt) / 1_000)
      const { alarms, lanes } = health
      throw new Error(
        `${changes} changes and ${batches} batches stand still for ${seconds} s: ${JSON.stringify({ alarms, lanes }).slice(0, 2_000)}`,
      )
    }
  }
  const head = await headOf(stack)
  for (const deadline = Date.now() + longestMs; ; await sleep(250)) {
    const confirmed = confirmedOf(await api.read<Health>("/system/health"))
    if (confirmed >= head) return
    if (Date.now() > deadline) throw new Error(`block ${head} is not accounted for; ${confirmed} is`)
  }
}

function confirmedOf({ components }: Health): number {
  return Object.values(components.chains)[0]?.confirmed_block ?? -1
}

async function headOf({ rpcUrl }: ChaosStack): Promise<number> {
  return Number(await callJsonRpc(rpcUrl, "eth_blockNumber", []))
}
