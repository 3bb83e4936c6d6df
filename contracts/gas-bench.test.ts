import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { z } from "zod"
import { dayWaits, foldDay } from "../test/bench/fold-day.ts"
import { createGameDay, dayShape } from "../test/bench/game-day.ts"
import { type GasChain, startGasChain } from "../test/bench/gas-chain.ts"
import { floorOf, measureRows, prepareCase } from "../test/bench/gas-rows.ts"
import { measureFourChanges } from "../test/bench/netting.ts"
import { shippedSizeMax } from "../test/bench/shipped-size-max.ts"

const committedPath = join(import.meta.dirname, "../docs/benchmarks/gas.json")
/** Where `settle` is the dearest form, and where it is the cheapest. */
const sizes = [1, 30, 80]

const figure = z.number().nullable()
const committed = z
  .object({
    rows: z.array(
      z.object({
        form: z.string(),
        kind: z.string(),
        holders: z.string(),
        recipients: z.number(),
        gas_per_recipient: figure,
        saved_percent: figure,
        floor_ratio: figure,
      }),
    ),
    netting: z.array(
      z.object({
        wait: z.string(),
        changes: z.number(),
        recipients: z.number(),
        saved_percent_per_change: z.number(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(committedPath, "utf8")))

const again =
  "differs from docs/benchmarks/gas.json; if meant: npm run bench:gas -- --json docs/benchmarks/gas.json"

let chain: GasChain
beforeAll(async () => {
  chain = await startGasChain()
})
afterAll(() => chain.stop())

test("batches of every form and kind use exactly the gas that the published bench says", async () => {
  const published = committed.rows.filter(({ recipients }) => sizes.includes(recipients))
  expect(await measureRows(chain, sizes), again).toEqual(published)
})

test("folding four changes of a holder saves exactly what the published bench says", async () => {
  const { wait, changes, recipients, saved_percent_per_change } = await measureFourChanges(
    chain,
    shippedSizeMax(),
  )
  const published = committed.netting.find((row) => row.wait === "k4")
  expect({ wait, changes, recipients, saved_percent_per_change }, again).toEqual(published)
})

test("the game's day folds into exactly the published number of recipients for each wait", () => {
  const day = createGameDay(dayShape)
  const folded = dayWaits.map(({ wait, waitMs }) => {
    const { changes, recipients } = foldDay(day, { waitMs, sizeMax: shippedSizeMax() })
    return { wait, changes, recipients }
  })
  const published = committed.netting
    .filter(({ wait }) => wait !== "k4")
    .map(({ wait, changes, recipients }) => ({ wait, changes, recipients }))
  expect(folded, again).toEqual(published)
})

test("a batch that needs more gas than a transaction may use has no figure", async () => {
  const measured = await prepareCase(chain, { kind: "mint", holders: "new", count: 700 })
  expect(await measured.gasOf("openzeppelin", 700)).toBeNull()
})

test("the published figures reach what is promised of settling existing holders", () => {
  const settled = (kind: string, recipients: number) =>
    committed.rows.find(
      (row) =>
        row.form === "settle" &&
        row.holders === "existing" &&
        row.kind === kind &&
        row.recipients === recipients,
    )
  for (const kind of ["mint", "burn", "mixed"]) {
    expect(settled(kind, 30)?.saved_percent).toBeGreaterThanOrEqual(76)
    expect(settled(kind, 80)?.saved_percent).toBeGreaterThanOrEqual(78.39)
    expect(settled(kind, 500)?.saved_percent).toBeGreaterThanOrEqual(79.3)
  }
  const creditsGas = (recipients: number) =>
    (settled("mint", recipients)?.gas_per_recipient ?? Number.NaN) * recipients
  const marginalGas = (creditsGas(500) - creditsGas(250)) / 250
  expect(marginalGas / floorOf("mint", "existing", 1)).toBeLessThanOrEqual(1.03)
  const fourChanges = committed.netting.find(({ wait }) => wait === "k4")
  expect(fourChanges?.saved_percent_per_change).toBeGreaterThanOrEqual(94)
})
