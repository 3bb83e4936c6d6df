// `npm run bench:settlement`: how fast a long queue of changes reaches the chain, by one signer and by several.
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { loadText } from "./bench-cluster.ts"
import { type DrainFigures, measureDrain } from "./drain.ts"
import { measureSeals, type SealFigures } from "./measure-seals.ts"
import { blockGasLimit, type SettlementSystem, startSettlementSystem } from "./settlement-system.ts"

const help = `npm run bench:settlement -- [options]

  --json FILE      writes {drains:[…], seal:{…}}
  --size N         recipients of a batch, at most (default 250)
  --signers LIST   how many sign, for each drain (default 1,2,4)
  --rounds N       how often all of them are measured, in turns (default 1)
  --changes N      that wait (default 50000), of --accounts N holders (default 20000)
  --help           prints this

Takes two minutes. The rate is that of the changes, from the first seal to the last receipt, with durable commits and every request to the node.
`

await main()

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      json: { type: "string" },
      size: { type: "string", default: "250" },
      signers: { type: "string", default: "1,2,4" },
      rounds: { type: "string", default: "1" },
      changes: { type: "string", default: "50000" },
      accounts: { type: "string", default: "20000" },
      help: { type: "boolean", default: false },
    },
  })
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  const signers = flags.signers.split(",").map(Number)
  const accounts = Number(flags.accounts)
  const size = Number(flags.size)
  const system = await startSettlementSystem({
    strategy: strategyOf(size),
    signersMax: Math.max(...signers),
  })
  try {
    console.log(`${await system.cluster.describe()}\n`)
    const first = await makeHolders(system, accounts, signers.length === 1 ? 1 : Math.max(...signers))
    console.log(
      `${accounts} holders were made by ${first.batches} batches in ${first.seconds.toFixed(1)} s, ${first.blocks} blocks\n`,
    )
    const drains: DrainFigures[] = []
    printHeading()
    for (let round = 0; round < Number(flags.rounds); round += 1) {
      for (const count of signers) {
        const drain = await measureDrain(system, count, changesOf(Number(flags.changes), accounts))
        print(drain)
        drains.push(drain)
      }
    }
    const seal = await measureSeals(system, { accounts, size: 500, strategy: strategyOf(500) })
    printCeiling(drains)
    console.log(
      `\nA seal of ${seal.recipients} recipients and ${seal.changes} changes: p50 ${seal.p50Ms.toFixed(1)} ms, p95 ${seal.p95Ms.toFixed(1)} ms, of ${seal.seals} seals`,
    )
    console.log(`\nload average ${loadText()}`)
    if (flags.json !== undefined) write(flags.json, { drains, seal })
  } finally {
    await system.close()
  }
}

/** As config/ has it for `cost`, with this size. */
function strategyOf(size: number): object {
  return {
    strategy: "cost",
    optimal_batch_size: 25,
    max_batch_size: size,
    min_batch_size: 10,
    max_wait_time_ms: 900_000,
    value_threshold: "1000000000000",
    network_adjustments: null,
    priority_reasons: [],
    cost: {
      wanted_size_min: Math.min(100, size),
      wanted_size_max: Math.min(250, size),
      worthwhile_saving_percent: 1,
    },
    max_retries: 5,
    retry_interval_ms: 60_000,
    fee_buffer_percent: 15,
    pending_alarm_ms: 600_000,
    efficiency_target: { mint: 77, burn: 75, transfer: 78 },
  }
}

function makeHolders(system: SettlementSystem, accounts: number, signers: number): Promise<DrainFigures> {
  const credits = Array.from({ length: accounts }, (_, index) => [`user-${index}`, 10n ** 21n] as const)
  return measureDrain(system, signers, credits)
}

/** All accounts in turn, so that each has two or three changes; every fifth change is a debit. */
function changesOf(count: number, accounts: number): (readonly [string, bigint])[] {
  return Array.from({ length: count }, (_, index) => {
    const amount = index % 5 === 4 ? -(10n ** 18n) : 5n * 10n ** 18n + BigInt(index)
    return [`user-${index % accounts}`, amount] as const
  })
}

function printHeading(): void {
  console.log(
    "| signers | changes | recipients | batches | s | changes/s | recipients/s | blocks | of the blocks' gas | without first and last | gas per recipient | CPU s: batcher | database | chain |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
  )
}

function print(drain: DrainFigures): void {
  const { signers, changes, recipients, batches, seconds, blocks, innerBlockGasUsedPercent: inner } = drain
  const cells = [
    ...[signers, changes, recipients, batches, seconds.toFixed(2)],
    ...[Math.round(drain.changesPerSecond), Math.round(recipients / seconds), blocks],
    ...[`${drain.blockGasUsedPercent.toFixed(1)} %`, inner === null ? "" : `${inner.toFixed(1)} %`],
    Math.round(drain.gasPerRecipient),
    ...Object.values(drain.cpuSeconds).map((seconds) => seconds.toFixed(1)),
  ]
  console.log(`| ${cells.join(" | ")} |`)
}

/** What full blocks would take, whoever sends. */
function printCeiling(drains: readonly DrainFigures[]): void {
  const [drain] = drains
  if (drain === undefined) return
  const recipientsPerBlock = blockGasLimit / drain.gasPerRecipient
  const changesPerSecond = (recipientsPerBlock * drain.changes) / drain.recipients
  console.log(
    `\nFull blocks of ${blockGasLimit / 1_000_000} M gas, one a second, hold ${Math.round(recipientsPerBlock)} recipients: ${Math.round(changesPerSecond)} changes/s is what the chain allows`,
  )
}

function write(file: string, figures: { drains: readonly DrainFigures[]; seal: SealFigures }): void {
  writeFileSync(file, `${JSON.stringify({ measuredAt: new Date().toISOString(), ...figures }, null, 2)}\n`)
}
