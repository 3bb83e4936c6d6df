// `npm run bench:fold`: how long it takes to fold a long queue of waiting changes, and to plan its batches.
import { parseArgs } from "node:util"
import { foldChanges, type WaitingChange } from "../../batcher/domain/fold.ts"
import { planBatches } from "../../batcher/domain/plan-batches.ts"
import { sampleStrategy } from "../../batcher/domain/sample-plans.ts"
import { traitsOf } from "../../batcher/domain/settlement-modes.ts"
import { createSeededRandom, type SeededRandom } from "../demo/seeded-random.ts"

const { values: flags } = parseArgs({
  options: {
    changes: { type: "string", default: "100000" },
    rounds: { type: "string", default: "21" },
  },
})
const count = Number(flags.changes)
const rounds = Number(flags.rounds)
const startMs = Date.UTC(2026, 0, 1)

/** @param pick the account of each change, from 0 on */
function queueOf(pick: (random: SeededRandom, index: number) => number): WaitingChange[] {
  const random = createSeededRandom(1)
  return Array.from({ length: count }, (_, index) => {
    const isDebit = random.chance(0.2)
    const recordedAtMs = startMs + index
    return {
      position: BigInt(index + 1),
      accountId: BigInt(pick(random, index) + 1),
      amount: BigInt(isDebit ? -1 : 5) * 10n ** 18n + BigInt(index),
      priority: random.chance(0.01) ? 2 : 1,
      isImmediate: false,
      deadline: new Date(recordedAtMs + 900_000),
      recordedAt: new Date(recordedAtMs),
    }
  })
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

const queues = {
  "20,000 accounts, any as often": queueOf((random) => Math.floor(random.fraction() * 20_000)),
  "Zipf, a few most often": queueOf((random) => Math.floor(20_000 ** random.fraction()) - 1),
  "an account each": queueOf((_, index) => index),
}

console.log(`${count} waiting changes, median and slowest of ${rounds} rounds, node ${process.version}\n`)
console.log(
  "| queue | accounts | fold | of which CPU | slowest | plan | batches |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
)
for (const [name, changes] of Object.entries(queues)) {
  const folds: number[] = []
  const cpus: number[] = []
  const plans: number[] = []
  let accounts = 0
  let batches = 0
  for (let round = 0; round < rounds; round += 1) {
    const before = process.threadCpuUsage()
    const began = performance.now()
    const fold = foldChanges(
      changes,
      () => false,
      () => 10n ** 24n,
      900_000,
    )
    const folded = performance.now()
    const { user, system } = process.threadCpuUsage(before)
    cpus.push((user + system) / 1_000)
    const plan = planBatches({
      fold,
      mode: traitsOf("settle"),
      strategy: { ...sampleStrategy, name: "cost", sizeMax: 500 },
      market: null,
      flushRequestedAtMs: null,
      nowMs: startMs + count,
      room: 32,
      isMoreBehind: false,
    })
    plans.push(performance.now() - folded)
    folds.push(folded - began)
    accounts = fold.nets.length + fold.zeros.length
    batches = plan.batches.length
  }
  const ms = (value: number) => `${value.toFixed(1)} ms`
  console.log(
    `| ${name} | ${accounts} | ${ms(median(folds))} | ${ms(median(cpus))} | ${ms(Math.max(...folds))} | ${ms(median(plans))} | ${batches} |`,
  )
}
