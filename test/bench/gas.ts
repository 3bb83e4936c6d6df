// `npm run bench:gas`: what a recipient of a settlement costs, and what folding a game's day saves. Everything is executed on a local chain, and every run
// prints the same.
import { accessSync, constants, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { parseArgs } from "node:util"
import { compilerSettings, compilerVersion } from "../../contracts/scripts/compile.ts"
import { describeError } from "../../platform/errors.ts"
import { createGameDay, dayShape } from "./game-day.ts"
import { chainHardfork, type GasChain, startGasChain, transactionGasMax } from "./gas-chain.ts"
import { measureFigures, measureLongAmounts } from "./gas-figures.ts"
import { type GasRow, gasClasses, measureRows } from "./gas-rows.ts"
import { type MeasuredNetting, measureDay, measureFourChanges } from "./netting.ts"
import { shippedSizeMax } from "./shipped-size-max.ts"

const help = `npm run bench:gas -- [options]

  --json FILE   writes {rows:[{form,kind,holders,recipients,gas_per_recipient,saved_percent,floor_ratio}],
                netting:[{wait,changes,recipients,saved_percent_per_change}]}
  --help        prints this

Takes one to two minutes. The same sources give the same figures, to the last digit, on every machine.

settle        the product's call for a batch of mints and burns
batch         batchMint and batchBurn of the product's token; mixed: one of each
openzeppelin  a plain OpenZeppelin ERC-20 whose owner mints or burns in a loop; mixed: one of each
single        a transaction for every recipient, on the product's token: what the others are compared with
plain_…       percent saved against single transactions of the OpenZeppelin token instead, which has one owner and no pause switch
`
/** The most that any strategy may ask for. */
const sizeMaxOfAll = 500
const sizes = [1, 5, 10, 20, 25, 30, 40, 50, 80, 100, 250, 500]

await main()

async function main(): Promise<void> {
  const options = readOptions()
  if (options === undefined) return
  const began = performance.now()
  const chain = await startGasChain()
  try {
    const { evmVersion, optimizerRuns } = compilerSettings
    console.log(
      `${chain.version}, rules of ${chainHardfork}; solc ${compilerVersion()} for ${evmVersion}, optimizer ${optimizerRuns} runs; at most ${transactionGasMax} gas a transaction`,
    )
    const rows = await measureRows(chain, sizes)
    printRows(rows)
    await printFigures(chain)
    const netting = await measureNetting(chain)
    console.log(`${((performance.now() - began) / 1_000).toFixed(0)} s`)
    if (options.json !== undefined) writeFileSync(options.json, toJson(rows, netting))
  } finally {
    await chain.stop()
  }
}

/** Undefined: there is nothing to measure. A fault is said, in one line, before minutes are spent on it. */
function readOptions(): { readonly json?: string | undefined } | undefined {
  try {
    const { values } = parseArgs({
      options: { json: { type: "string" }, help: { type: "boolean", default: false } },
    })
    if (!values.help) {
      if (values.json !== undefined) accessSync(dirname(values.json), constants.W_OK)
      return values
    }
    process.stdout.write(help)
  } catch (error) {
    console.error(`bench:gas: ${describeError(error)}\n--help names the options`)
    process.exitCode = 2
  }
  return undefined
}

function printRows(rows: readonly GasRow[]): void {
  for (const { kind, holders } of gasClasses) {
    console.log(`\n${kind}, ${holders} holders: gas a recipient (saved; times the floor)`)
    const ofClass = rows.filter((row) => row.kind === kind && row.holders === holders)
    console.table(
      Object.fromEntries(
        sizes.map((size) => [
          size,
          Object.fromEntries(
            ofClass.filter(({ recipients }) => recipients === size).map((row) => [row.form, cell(row)]),
          ),
        ]),
      ),
    )
  }
}

function cell(row: GasRow): string {
  const { gas_per_recipient: gas, saved_percent: saved, floor_ratio: ratio } = row
  if (gas === null || saved === null || ratio === null) return "more than a transaction may use"
  return row.form === "single"
    ? gas.toFixed(0)
    : `${gas.toFixed(0)} (${saved.toFixed(1)} %; ${ratio.toFixed(2)})`
}

async function printFigures(chain: GasChain): Promise<void> {
  console.log("\nsettle, existing holders: percent saved at 30, 84 and 500 recipients, and the margin")
  console.table(await measureFigures(chain))
  const { marginalGas, floorRatio } = await measureLongAmounts(chain)
  console.log(`credits with all 18 decimals: ${marginalGas} at the margin, ${floorRatio} of their floor`)
}

async function measureNetting(chain: GasChain): Promise<MeasuredNetting[]> {
  const day = createGameDay(dayShape)
  const [shipped, most] = [shippedSizeMax(), sizeMaxOfAll]
  const spends = day.changes.filter(({ amount }) => amount < 0n).length
  console.log(
    `\na game's day: ${day.changes.length} changes, ${spends} of them spends, of ${new Set(day.changes.map(({ user }) => user)).size} players; a batch has at most ${shipped} recipients, as CPOP's strategy ships, or ${most}`,
  )
  const measured = [
    ...(await measureDay(chain, day, [shipped, most])),
    await measureFourChanges(chain, shipped),
    await measureFourChanges(chain, most),
  ]
  console.table(measured)
  return measured.filter(({ sizeMax }) => sizeMax === shipped)
}

function toJson(rows: readonly GasRow[], measured: readonly MeasuredNetting[]): string {
  const netting = measured.map(({ wait, changes, recipients, saved_percent_per_change }) => ({
    wait,
    changes,
    recipients,
    saved_percent_per_change,
  }))
  const lines = (items: readonly object[]): string =>
    items.map((item) => `  ${JSON.stringify(item)}`).join(",\n")
  return `{"rows":[\n${lines(rows)}\n],"netting":[\n${lines(netting)}\n]}\n`
}
