import { describe, expect, it } from "vitest"
import { decideDrift, decideSupplyDrift, driftSize, type Figures, supplySides } from "./decide-drift.ts"

const figures = (ledger: bigint, indexer: bigint, chain: bigint): Figures => ({ ledger, indexer, chain })

describe("an account's drift", () => {
  it.each([
    ["nothing when all agree", figures(5n, 5n, 5n), null],
    ["a gap of the indexer when ledger and chain agree", figures(5n, 4n, 5n), "indexer_gap"],
    ["unknown when the ledger stands alone", figures(6n, 5n, 5n), "unknown"],
    ["unknown when the chain stands alone", figures(5n, 5n, 4n), "unknown"],
    ["unknown when nobody agrees", figures(5n, 4n, 3n), "unknown"],
  ] as const)("is %s", (_, given, cause) => {
    expect(decideDrift(given)).toBe(cause)
  })
})

describe("the supply", () => {
  const agreed = { accounts: figures(70n, 70n, 70n), indexerSupply: 100n, chainSupply: 100n }

  it("counts what others hold on the ledger's side, so that it is the same on all sides", () => {
    expect(supplySides(agreed)).toEqual({ ...figures(100n, 100n, 100n), heldElsewhere: 30n })
    expect(decideSupplyDrift(agreed)).toBeNull()
  })

  it("is off by what the ledger's accounts are off", () => {
    const off = { ...agreed, accounts: figures(77n, 70n, 70n) }
    expect(supplySides(off)).toMatchObject(figures(107n, 100n, 100n))
    expect(decideSupplyDrift(off)).toBe("unknown")
  })

  it("has a gap of the indexer when a transfer to an account is missing there", () => {
    const gap = { accounts: figures(70n, 65n, 70n), indexerSupply: 95n, chainSupply: 100n }
    expect(supplySides(gap)).toMatchObject(figures(100n, 95n, 100n))
    expect(decideSupplyDrift(gap)).toBe("indexer_gap")
  })

  it("has one when a mint to a stranger is missing there, although two sides agree", () => {
    const gap = { ...agreed, indexerSupply: 95n }
    expect(supplySides(gap)).toMatchObject(figures(95n, 95n, 100n))
    expect(decideSupplyDrift(gap)).toBe("indexer_gap")
  })

  it("is unknown when both are off: an error of the ledger hides behind no gap", () => {
    expect(decideSupplyDrift({ ...agreed, accounts: figures(71n, 70n, 70n), indexerSupply: 95n })).toBe(
      "unknown",
    )
  })
})

it("the size of a drift is the distance of the two sides that are farthest apart", () => {
  expect(driftSize(figures(5n, 4n, -3n))).toBe(8n)
  expect(driftSize(figures(-3n, 5n, 4n))).toBe(8n)
  expect(driftSize(figures(2n, 2n, 2n))).toBe(0n)
})
