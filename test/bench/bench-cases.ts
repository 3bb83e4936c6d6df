import type { Population } from "./load-order.ts"

/** `ungrouped` is http with a transaction a request; `echo` is no ledger: it is what the stack of the API takes for a request that does nothing. */
export type SystemName = "writer" | "http" | "ungrouped" | "naive" | "pgledger" | "echo"

export type BenchCase = {
  readonly name: string
  readonly systems: readonly SystemName[]
  readonly perRequest: number
  readonly connections: number
  readonly population: Population
  /** Who takes the load: one API on one ledger unless it says otherwise. */
  readonly spread?: "two-processes" | "two-ledgers"
}

const usual: Population = { users: 10_000, pick: "uniform" }
const uniform: Population = { users: 100_000, pick: "uniform" }
const zipf: Population = { users: 100_000, pick: "zipf" }
const hot: Population = { users: 1, pick: "hot" }

const all: readonly SystemName[] = ["http", "ungrouped", "naive", "pgledger", "echo"]
const ours: readonly SystemName[] = ["http", "writer"]

const single = (connections: number) =>
  ({ systems: all, perRequest: 1, connections, population: usual }) as const
const bulk = { systems: [...all, "writer"], perRequest: 1_000, connections: 8, population: usual } as const

export const benchCases: readonly BenchCase[] = [
  { name: "1-per-request-1", ...single(1) },
  { name: "1-per-request-32", ...single(32) },
  { name: "1-per-request-128", ...single(128), systems: [...all, "writer"] },
  { name: "1-per-request-512", ...single(512) },
  { name: "100-per-request", systems: all, perRequest: 100, connections: 32, population: usual },
  { name: "1000-per-request", ...bulk },
  { name: "1-per-request-128-cold-uniform", ...single(128), systems: ["http"], population: uniform },
  { name: "1-per-request-128-cold-zipf", ...single(128), systems: ["http"], population: zipf },
  {
    name: "1-per-request-128-hot",
    ...single(128),
    systems: ["http", "ungrouped", "naive", "pgledger"],
    population: hot,
  },
  { name: "1000-per-request-cold-uniform", ...bulk, systems: ours, population: uniform },
  { name: "1000-per-request-cold-zipf", ...bulk, systems: ours, population: zipf },
  { name: "1000-per-request-hot", ...bulk, systems: ours, population: hot },
  { name: "1-per-request-128-two-processes", ...single(128), systems: ["http"], spread: "two-processes" },
  { name: "1000-per-request-two-processes", ...bulk, systems: ["http"], spread: "two-processes" },
  { name: "1-per-request-128-two-ledgers", ...single(128), systems: ["http"], spread: "two-ledgers" },
  { name: "1000-per-request-two-ledgers", ...bulk, systems: ours, spread: "two-ledgers" },
]

/** What is measured again, in turns, on a ledger with millions of events. */
export const storedCases: readonly string[] = [
  "1-per-request-128",
  "1000-per-request",
  "1000-per-request-cold-uniform",
]

export const quickCases: readonly string[] = ["1-per-request-128", "1000-per-request"]
