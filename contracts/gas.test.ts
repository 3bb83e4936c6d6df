import { expect, test } from "vitest"
import { gasDifferences } from "./scripts/gas-snapshot.ts"
import { measureGas } from "./test/measure-gas.ts"

test("every kind of call uses exactly the gas of the snapshot", async () => {
  expect(gasDifferences(await measureGas())).toEqual([])
})
