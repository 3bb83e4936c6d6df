import { setTimeout as sleep } from "node:timers/promises"
import type { Address } from "viem"
import type { WalletAnswer } from "../../demo/api-answers.ts"
import { type ApiClient, createApiClient } from "../../demo/api-client.ts"
import { generateStream } from "../../demo/generate-stream.ts"
import type { Journal } from "../../demo/journal.ts"
import { createSeededRandom, type SeededRandom } from "../../demo/seeded-random.ts"
import { sendOperation } from "../../demo/send-operation.ts"
import { ofRun, type StreamOperation } from "../../demo/stream-operation.ts"
import { streamOperations } from "../../demo/stream-operations.ts"
import type { Plan } from "../plan/draw-plan.ts"
import type { ChaosLedger, ChaosStack } from "../stack/open-stack.ts"
import type { Outsiders } from "./outsiders.ts"
import { amountOf, runHolds } from "./run-holds.ts"

export type Workload = {
  /**
   * Sends what is left of the stream, ends everything else and waits until all of it has its answer.
   * @throws the first answer that is none
   */
  finish(): Promise<{ readonly holds: number; readonly outside: number }>
  /** Those who withdrew what they had spent pay it back: until then their debits wait, and nothing but coins can end that. */
  payBack(): Promise<void>
}

/** An API that is killed is back after some seconds; one that waits for PostgreSQL or at a gate takes longer. */
const patienceMs = 90_000
const concurrency = 12
const vaults = 3
const bulkMax = 12
/** After the stream and as long as faults go on: something always has to be under way. */
const laterPerSecond = 5
const laterAdjustments = 100_000

/** A backend that uses the ledger as its database while people do as they like on the chain. */
export function startWorkload(options: {
  readonly stack: ChaosStack
  readonly ledger: ChaosLedger
  readonly plan: Plan
  readonly outsiders: Outsiders
  readonly journal: Journal
  readonly note: (text: string) => void
}): Workload {
  const { stack, ledger, plan, outsiders, journal, note } = options
  const name = `s${plan.seed}`
  const api = createApiClient(stack.apiUrls, ledger.apiKey, patienceMs)
  const random = (salt: number) => createSeededRandom(plan.seed * 31 + salt)
  let isOver = false
  let isFinishing = false
  const debts: { readonly address: Address; readonly units: bigint }[] = []
  const over = () => isOver
  const stream = streamOf(plan, name)
  const users = [...new Set(stream.flatMap(({ adjustments }) => adjustments.map(({ user_id }) => user_id)))]
  const vaultUsers = Array.from({ length: vaults }, (_, index) => `${name}-vault-${index}`)

  const parts = Promise.all([
    backend(),
    runHolds({ api, journal, random: random(1), name, users, isOver: over }),
    people(random(2)),
    operator(random(3)),
    doubter(random(4)),
  ])
  // Said in the end: whatever goes wrong meanwhile, the faults go through their plan.
  parts.catch(() => undefined)

  async function send(operation: StreamOperation): Promise<void> {
    const { entry } = await sendOperation(api, operation)
    journal.add(entry)
  }

  async function backend(): Promise<void> {
    for (const [index, user] of vaultUsers.entries())
      await send(rewardOf(`${name}-vault-${index}`, user, 900_000))
    const { operationsPerSecond: perSecond } = plan.workload
    await streamOperations(stream, { concurrency, perSecond, lookAhead: 2 * concurrency }, send)
    note(`the stream is through: ${journal.entries.size} answers`)
    const later = generateStream({
      ...shapeOf(plan),
      seed: plan.seed + 500_000,
      adjustments: laterAdjustments,
    })
    for (const operation of later) {
      if (isFinishing) break
      // Single changes: the daily check-in of everybody is over.
      if (operation.adjustments.length > 20) continue
      await Promise.all([sleep(1_000 / laterPerSecond), send(ofRun(`${name}-late`, operation))])
    }
    isOver = true
  }

  /** Deposits and withdrawals. */
  async function people(draw: SeededRandom): Promise<number> {
    let moves = 0
    let races = plan.workload.racingWithdrawals
    while (!isOver) {
      await sleep(draw.between(400, 1_400))
      const isDeposit = draw.chance(0.6)
      const user = (isDeposit ? users : vaultUsers)[
        draw.between(0, (isDeposit ? users : vaultUsers).length - 1)
      ]
      const address = user === undefined ? undefined : await walletOf(api, user)
      if (address === undefined) continue
      if (isDeposit) await outsiders.deposit(address, BigInt(draw.between(1, 5_000)) * 10n ** 15n)
      const held = isDeposit ? 0n : await outsiders.balanceOf(address)
      if (held > 0n) await outsiders.withdraw(address, held / BigInt(draw.between(4, 20)) + 1n)
      if (isDeposit || held > 0n) moves += 1
      if (races > 0 && (await raceOnce(address, user ?? ""))) races -= 1
    }
    return moves
  }

  /** Spends in the ledger what is taken away on the chain in the same moment. */
  async function raceOnce(address: Address, user: string): Promise<boolean> {
    const held = await outsiders.balanceOf(address)
    if (!vaultUsers.includes(user) || held < 10n ** 18n) return false
    await outsiders.withdraw(address, held - 1n)
    const spent = `-${amountOf(Number(held / 10n ** 15n) - 1)}`
    const change = { user_id: user, token_symbol: "CPOP", amount: spent, reason_type: "consumption" }
    await send({ operation_id: `${name}-race-${user}`, adjustments: [change] })
    debts.push({ address, units: held })
    note(`${user} withdrew what he spent`)
    return true
  }

  async function operator(draw: SeededRandom): Promise<void> {
    while (!isOver) {
      await sleep(draw.between(1_500, 4_000))
      await api.read("/batches/flush", {})
    }
  }

  /** Sends again what was accepted: the answer has to be the first one. */
  async function doubter(draw: SeededRandom): Promise<void> {
    const sent = new Map(stream.map((operation) => [operation.operation_id, operation]))
    while (!isOver) {
      await sleep(draw.between(100, 400))
      const accepted = [...journal.entries.values()].filter(({ outcome }) => outcome === "accepted")
      const entry = accepted[draw.between(0, Math.max(0, accepted.length - 1))]
      const operation = sent.get(entry?.operation_id ?? "")
      if (entry === undefined || operation === undefined) continue
      // Not whether it says that it is a replay: a writer whose commit was lost cannot know.
      const again = await sendOperation(api, operation)
      if (JSON.stringify(again.entry) !== JSON.stringify(entry))
        throw new Error(
          `${entry.operation_id}: ${JSON.stringify(entry)}, sent again ${JSON.stringify(again.entry)}`,
        )
    }
  }

  return {
    async finish() {
      isFinishing = true
      const [, holds, outside] = await parts
      return { holds, outside }
    },
    async payBack() {
      // Not by his balance: what he owes may be taken off it in the same moment.
      for (const { address, units } of debts) await outsiders.pay(address, units)
    },
  }
}

function shapeOf({ seed, workload }: Plan) {
  const { adjustments, users } = workload
  return { seed, adjustments, users, quiet: 0, tokenSymbol: "CPOP" }
}

/** The day's operations, several in one request as a busy backend would send them. */
function streamOf(plan: Plan, name: string): StreamOperation[] {
  const random = createSeededRandom(plan.seed * 31)
  const bulk: StreamOperation[] = []
  let wanted = 0
  for (const operation of generateStream(shapeOf(plan))) {
    const last = bulk.at(-1)
    if (last === undefined || last.adjustments.length >= wanted) {
      bulk.push(operation)
      wanted = random.between(1, bulkMax)
    } else bulk[bulk.length - 1] = { ...last, adjustments: [...last.adjustments, ...operation.adjustments] }
  }
  return bulk.map((operation) => ofRun(name, operation))
}

function rewardOf(operationId: string, user: string, thousandths: number): StreamOperation {
  const amount = `+${amountOf(thousandths)}`
  return {
    operation_id: operationId,
    adjustments: [{ user_id: user, token_symbol: "CPOP", amount, reason_type: "reward" }],
  }
}

async function walletOf(api: ApiClient, user: string): Promise<Address | undefined> {
  const answer = await api.ask<WalletAnswer>(`/wallet/${user}`)
  return answer.ok ? answer.data.wallets[0]?.aa_address : undefined
}
