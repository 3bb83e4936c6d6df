import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { Command } from "commander"
import type { Address } from "viem"
import { createChainReader } from "../demo/chain-reader.ts"
import { readJournal } from "../demo/journal.ts"
import { compareBatches, compareHoldings } from "./check/compare-chain.ts"
import { compareJournal } from "./check/compare-journal.ts"
import { createLogFold, type FoldedLog } from "./check/fold-log.ts"
import { parseLogEvent } from "./check/log-event.ts"
import { readDecimals, readToken } from "./check/read-token.ts"

/**
 * Checks a ledger that one client alone has written to, from three things: the event log as an auditor gets it, the chain's RPC endpoint and the client's
 * journal. It shares no code with the ledger, and exits with 1 when anything differs.
 */
type Flags = {
  readonly url: string
  readonly rpcUrl: string
  readonly token: Address
  readonly journal: string
}

const problemsShown = 10

const flags = new Command("check")
  .requiredOption("--url <url>", "the API, of which only GET /audit/events is asked")
  .requiredOption("--rpc-url <url>", "the chain")
  .requiredOption("--token <address>", "the token")
  .requiredOption("--journal <file>", "what the client was answered")
  .addHelpText("after", "\nThe API key is read from CHAINBRIDGE_API_KEY.")
  .parse()
  .opts<Flags>()

try {
  process.exitCode = (await check()) ? 0 : 1
} catch (error) {
  console.error(`check: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

async function check(): Promise<boolean> {
  const { client, balancesAt } = createChainReader(flags.rpcUrl)
  const token = flags.token.toLowerCase() as Address
  const log = await readLog()
  const head = await client.getBlockNumber({ cacheTime: 0 })
  const state = await readToken(client, token, head)
  const addresses = [...log.accounts.values()].map(({ address }) => address as Address)
  const held = await balancesAt(token, addresses, head)
  const balances = new Map(addresses.map((address, index) => [address as string, held[index] ?? -1n]))
  const journal = readJournal(flags.journal)
  const settled = state.logs.filter(({ kind }) => kind === "BatchSettled").length
  const late = state.logs.filter(({ blockNumber }) => blockNumber > log.blockNumberMax).length
  const rows: [string, string, readonly string[]][] = [
    ["positions, hashes, sums", `${log.events} events`, log.problems],
    [
      "client's journal = log",
      `${journal.length} answers, ${log.operations.size} operations`,
      compareJournal(log, journal, await readDecimals(client, token)),
    ],
    [
      "batches = chain, each once",
      `${log.batches.size} sealed, ${settled} on chain`,
      compareBatches(log, state),
    ],
    [
      "everything settled",
      `up to block ${log.blockNumberMax}`,
      [
        ...(log.unsettled === 0 ? [] : [`${log.unsettled} changes are not settled`]),
        ...(late === 0 ? [] : [`the token has ${late} logs behind the last confirmed block`]),
      ],
    ],
    [
      "Σ log = Σ balanceOf = supply",
      `${log.accounts.size} accounts, ${state.totalSupply} base units at block ${head}`,
      compareHoldings(log, state, balances),
    ],
  ]
  for (const [name, figures, problems] of rows) {
    console.log(`  ${problems.length === 0 ? "ok    " : "FAILED"}  ${name.padEnd(30)} ${figures}`)
    for (const problem of problems.slice(0, problemsShown)) console.log(`            ${problem}`)
    if (problems.length > problemsShown)
      console.log(`            and ${problems.length - problemsShown} more`)
  }
  return rows.every(([, , problems]) => problems.length === 0)
}

async function readLog(): Promise<FoldedLog> {
  const response = await fetch(`${flags.url}/api/v1/audit/events`, {
    headers: { authorization: `Bearer ${process.env["CHAINBRIDGE_API_KEY"] ?? ""}` },
  })
  if (!response.ok || response.body === null)
    throw new Error(`/audit/events was answered with ${response.status}`)
  const fold = createLogFold()
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) }))
    fold.add(parseLogEvent(line))
  const log = fold.result()
  const head = response.headers.get("x-head-position")
  if (head !== log.events.toString()) throw new Error(`the log ends at ${log.events}, its head is at ${head}`)
  if (log.events === 0n) throw new Error("the log is empty: there is nothing to check")
  return log
}
