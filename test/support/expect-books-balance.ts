import { spawn } from "node:child_process"
import { join } from "node:path"
import {
  type Address,
  createPublicClient,
  type Hex,
  http,
  type PublicClient,
  parseEventLogs,
  parseUnits,
} from "viem"
import { expect } from "vitest"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { StackFile } from "../../cli/stack/stack-file.ts"
import type { Backend } from "./backend.ts"
import type { Outsider } from "./outsider.ts"
import { waitUntil } from "./wait-until.ts"

type Batch = { readonly batch_id: string; readonly state: string }
type LogLine = {
  readonly position: string
  readonly type: string
  readonly operation_id: string | null
  readonly data: {
    readonly batch_id?: string
    readonly block_hash?: string
    readonly log_index?: number
    readonly revoked_position?: number
  }
}

/**
 * What has to be true after every fault, from the outside: by the public API, the chain's RPC and `chainbridge verify` alone. Everything the
 * backend was told is recorded is there, once, settled by one batch that the canonical chain has once; every balance is the sum of the operations and of
 * the outsider's transfers, and the token says the same; no confirmation stands on a block that is gone; no transaction was made in vain, and nobody is alarmed any more.
 * Waits until it is so, then until the ledger has accounted for every block of that moment, and expects it to be so still.
 */
export async function expectBooksBalance(
  stack: StackFile,
  backend: Backend,
  outsider?: Outsider,
): Promise<void> {
  const chain = createPublicClient({ transport: http(stack.rpc_url), cacheTime: 0 })
  let differences: string[] = []
  const look = async () => {
    differences = await findDifferences(stack, backend, outsider)
    return differences.length === 0
  }
  await waitUntil(look, {
    what: "the books balance",
    timeoutMs: 90_000,
    describe: async () => differences.slice(0, 20),
  })
  const head = await chain.getBlockNumber()
  await waitUntil(async () => (await confirmedBlock(backend)) >= head, {
    what: `block ${head} is accounted for`,
    timeoutMs: 60_000,
    describe: () => confirmedBlock(backend),
  })
  await look()
  expect(differences).toEqual([])
  expect(await verify(stack.data_dir)).toMatch(/^ok demo /)
}

async function findDifferences(
  stack: StackFile,
  backend: Backend,
  outsider: Outsider | undefined,
): Promise<string[]> {
  const chain = createPublicClient({ transport: http(stack.rpc_url), cacheTime: 0 })
  const token = { address: stack.token_address as Address, abi: cpopTokenAbi } as const
  const found: string[] = []
  const compare = (what: string, is: unknown, shouldBe: unknown) => {
    if (is !== shouldBe) found.push(`${what} is ${String(is)}, should be ${String(shouldBe)}`)
  }

  const moves = (await outsider?.moves()) ?? []
  const expected = new Map<string, bigint>()
  const add = (userId: string, units: bigint) => expected.set(userId, (expected.get(userId) ?? 0n) + units)
  for (const { operation } of backend.recorded.values()) {
    for (const [userId, units] of operation.changes) add(userId, units)
  }
  for (const { userId, units } of moves) add(userId, units)

  let supply = 0n
  for (const address of outsider?.addresses ?? [])
    supply += await chain.readContract({ ...token, functionName: "balanceOf", args: [address] })
  await Promise.all(
    [...expected].map(async ([userId, units]) => {
      const { balances } = await backend.read<{ balances: Record<string, string>[] }>(`/balance/${userId}`)
      const { wallets } = await backend.read<{ wallets: { aa_address: Address }[] }>(`/wallet/${userId}`)
      const confirmed = parseUnits(balances[0]?.["confirmed_balance"] ?? "0", 18)
      const args = [wallets[0]?.aa_address ?? "0x"] as const
      const held = await chain.readContract({ ...token, functionName: "balanceOf", args })
      compare(`${userId}: pending`, parseUnits(balances[0]?.["pending_balance"] ?? "0", 18), units)
      compare(`${userId}: confirmed`, confirmed, units)
      compare(`${userId}: balanceOf`, held, units)
      supply += confirmed
    }),
  )
  // Nothing has to be looked at more closely while a balance is on its way.
  if (found.length > 0) return found
  compare("the supply", await chain.readContract({ ...token, functionName: "totalSupply" }), supply)

  await compareOperations(backend, compare)
  // Before the blocks, so that nothing in it can be newer than they are.
  const lines = (await backend.readLog()) as LogLine[]
  const toBlock = await chain.getBlockNumber()
  const logs = parseEventLogs({
    abi: cpopTokenAbi,
    logs: await chain.getLogs({ address: token.address, fromBlock: 0n, toBlock }),
  })
  const anchors = parseEventLogs({
    abi: auditAnchorAbi,
    eventName: "CheckpointAnchored",
    logs: await chain.getLogs({ address: (stack.audit_anchor ?? "0x") as Address, fromBlock: 0n, toBlock }),
  })
  const settled = logs.flatMap((log) => (log.eventName === "BatchSettled" ? [hex(log.args.batchId)] : []))
  const batches = await readBatches(backend)
  for (const { batch_id: id, state } of batches) {
    compare(`batch ${id}`, state, "confirmed")
    compare(`batch ${id}: settlements`, settled.filter((other) => other === id).length, 1)
  }
  compare("settlements of batches that are not ours", settled.length, batches.length)
  compare("transactions of the signer", await signedSince(chain, toBlock, logs, anchors), batches.length)
  compare("open alarms", JSON.stringify((await readHealth(backend)).alarms), "[]")

  const canonical = new Set([...logs, ...anchors].map((log) => `${log.blockHash}:${log.logIndex}`))
  compareLog(lines, {
    ...{ backend, batches, canonical, compare },
    observations: moves.length,
  })
  return found
}

type Compare = (what: string, is: unknown, shouldBe: unknown) => void

async function compareOperations(backend: Backend, compare: Compare): Promise<void> {
  type Answer = { status: string; adjustments_count: number; transactions: Record<string, string>[] }
  await Promise.all(
    [...backend.recorded.values()].map(async ({ operation: { operationId, changes } }) => {
      const answer = await backend.read<Answer>(`/operations/${operationId}?limit=500`)
      compare(`operation ${operationId}`, answer.status, "confirmed")
      compare(`operation ${operationId}: adjustments`, answer.adjustments_count, changes.length)
      for (const [index, [userId, units]] of changes.entries()) {
        const recorded = answer.transactions[index]
        compare(`operation ${operationId}: user ${index}`, recorded?.["user_id"], userId)
        const amount = parseUnits(recorded?.["amount"]?.replace("+", "") ?? "0", 18)
        compare(`operation ${operationId}: amount ${index}`, amount, units)
      }
    }),
  )
}

/** The event log: no gap, every operation once, and what is confirmed and not taken back is on the canonical chain, once. */
function compareLog(
  lines: readonly LogLine[],
  known: {
    readonly backend: Backend
    readonly batches: readonly Batch[]
    readonly canonical: ReadonlySet<string>
    readonly observations: number
    readonly compare: Compare
  },
): void {
  const { compare } = known
  const gap = lines.findIndex((line, index) => Number(line.position) !== index + 1)
  compare("the first gap in the log", gap, -1)
  const recorded = new Map<string, number>()
  for (const { operation_id: id } of lines) if (id !== null) recorded.set(id, (recorded.get(id) ?? 0) + 1)
  for (const { operation } of known.backend.recorded.values()) {
    const { operationId, changes } = operation
    compare(`events of operation ${operationId}`, recorded.get(operationId), changes.length)
  }
  compare("recorded operations", recorded.size, known.backend.recorded.size)

  const revoked = new Set(lines.flatMap(({ data }) => data.revoked_position ?? []))
  const standing = lines.filter(
    ({ type, position }) => type !== "ConfirmationRevoked" && !revoked.has(Number(position)),
  )
  for (const { type, position, data } of standing) {
    if (data.block_hash === undefined) continue
    const isCanonical = known.canonical.has(`${data.block_hash}:${data.log_index}`)
    compare(`${type} at ${position}: on the canonical chain`, isCanonical, true)
  }
  for (const { batch_id: id } of known.batches) {
    const count = standing.filter(({ type, data }) => type === "SettlementConfirmed" && data.batch_id === id)
    compare(`batch ${id}: confirmations`, count.length, 1)
  }
  const observed = standing.filter(({ type }) => type === "DepositObserved" || type === "WithdrawalObserved")
  compare("deposits and withdrawals", observed.length, known.observations)
}

async function readBatches(backend: Backend): Promise<Batch[]> {
  type Page = { batches: Batch[]; pagination: { next_cursor: string | null } }
  const batches: Batch[] = []
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: Page = await backend.read(`/batches?limit=500${cursor === "" ? "" : `&cursor=${cursor}`}`)
    batches.push(...page.batches)
    cursor = page.pagination.next_cursor
  }
  return batches
}

/** How many transactions the signer has made since the first settlement, without those that anchored: more of them than batches would have been made in vain. */
async function signedSince(
  chain: PublicClient,
  blockNumber: bigint,
  logs: readonly { readonly eventName: string; readonly transactionHash: Hex }[],
  anchors: readonly { readonly transactionHash: Hex }[],
): Promise<number> {
  const first = logs.find(({ eventName }) => eventName === "BatchSettled")
  if (first === undefined) return 0
  const { from, nonce } = await chain.getTransaction({ hash: first.transactionHash })
  const anchoring = await Promise.all(
    anchors.map(({ transactionHash: hash }) => chain.getTransaction({ hash })),
  )
  const later = anchoring.filter((transaction) => transaction.nonce > nonce)
  return (await chain.getTransactionCount({ address: from, blockNumber })) - nonce - later.length
}

type Health = {
  readonly components: { readonly chains: Record<string, { readonly confirmed_block: number | null }> }
  readonly alarms: readonly unknown[]
}

const readHealth = (backend: Backend) => backend.read<Health>("/system/health")

async function confirmedBlock(backend: Backend): Promise<bigint> {
  const { components } = await readHealth(backend)
  return BigInt(Object.values(components.chains)[0]?.confirmed_block ?? -1)
}

/** What the command prints; a fault as well. */
async function verify(dataDirectory: string): Promise<string> {
  const main = join(import.meta.dirname, "..", "..", "cli", "main.ts")
  const { DATABASE_URL, ...environment } = process.env
  const child = spawn(process.execPath, [main, "verify", "--data-dir", dataDirectory], {
    stdio: ["ignore", "pipe", "pipe"],
    env: environment,
  })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return code === 0 ? said : `exit ${code}: ${said}`
}

function hex(batchId: bigint): string {
  return `0x${batchId.toString(16).padStart(64, "0")}`
}
