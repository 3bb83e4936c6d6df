import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { Command } from "commander"
import { type Address, type Hex, parseUnits } from "viem"
import { createChainReader } from "../demo/chain-reader.ts"
import { readJournal } from "../demo/journal.ts"
import { compareBatches, compareHoldings, compareUnsettled, type DeadLetters } from "./check/compare-chain.ts"
import { compareJournal } from "./check/compare-journal.ts"
import { compareNonces } from "./check/compare-nonces.ts"
import { createLogFold, type FoldedLog } from "./check/fold-log.ts"
import { parseLogEvent } from "./check/log-event.ts"
import { readDecimals, readToken, type TokenState } from "./check/read-token.ts"

/**
 * Checks a ledger that one client alone has written to, from three things: the event log as an auditor gets it (and, for what it does not say, the list of
 * dead letters), the chain's RPC endpoint and the client's journal. It shares no code with the ledger, and exits with 1 when anything differs.
 */
type Flags = {
  readonly url: string
  readonly rpcUrl: string
  readonly token: Address
  readonly journal: string
  readonly json: boolean
}

/** What was found, for a program: the last line with --json. */
export type Checked = {
  readonly findings: readonly string[]
  readonly events: number
  readonly accepted: number
  readonly confirmed: number
  readonly deadLettered: number
  readonly batches: number
}

const problemsShown = 10

const flags = new Command("check")
  .requiredOption("--url <url>", "the API, of which GET /audit/events and GET /dead-letters are asked")
  .requiredOption("--rpc-url <url>", "the chain")
  .requiredOption("--token <address>", "the token")
  .requiredOption("--journal <file>", "what the client was answered")
  .option("--json", "the figures as JSON in a last line", false)
  .addHelpText("after", "\nThe API key is read from CHAINBRIDGE_API_KEY.")
  .parse()
  .opts<Flags>()

const headers = { authorization: `Bearer ${process.env["CHAINBRIDGE_API_KEY"] ?? ""}` }

try {
  process.exitCode = (await check()) ? 0 : 1
} catch (error) {
  console.error(`check: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

async function check(): Promise<boolean> {
  const { client, balancesAt } = createChainReader(flags.rpcUrl)
  const token = flags.token.toLowerCase() as Address
  const decimals = await readDecimals(client, token)
  const log = await readLog()
  const deadLetters = await readDeadLetters(decimals)
  const head = await client.getBlockNumber({ cacheTime: 0 })
  const state = await readToken(client, token, head)
  const holders = everyHolder(log, state)
  const held = await balancesAt(token, holders, head)
  const balances = new Map(holders.map((address, index) => [address as string, held[index] ?? -1n]))
  const journal = readJournal(flags.journal)
  const late = lateLogs(log, state)
  const batches = [...log.batches.values()].filter((batch) => !batch.isDissolved && !batch.isCancelled)
  const nonces = await compareNonces(
    client,
    batches.flatMap(({ transactionHash }) => (transactionHash === null ? [] : [transactionHash as Hex])),
  )
  const deadLettered = [...deadLetters.values()].reduce((sum, { changes }) => sum + changes, 0)
  const unsettled = [...log.unsettled.values()].reduce((sum, { changes }) => sum + changes, 0)
  const rows: [string, string, readonly string[]][] = [
    ["positions, hashes, sums", `${log.events} events`, log.problems],
    [
      "client's journal = log",
      `${journal.length} answers, ${log.operations.size} operations`,
      compareJournal(log, journal, decimals),
    ],
    [
      "batches = chain, each once",
      `${log.batches.size} sealed, ${log.moves.size} deposits and withdrawals`,
      compareBatches(log, state),
    ],
    [
      "everything settled",
      `up to block ${log.blockNumberMax}, ${deadLettered} changes given up`,
      [
        ...compareUnsettled(log, deadLetters),
        ...(late === 0 ? [] : [`the token has ${late} logs behind the last confirmed block`]),
      ],
    ],
    [
      "Σ log = Σ balanceOf = supply",
      `${log.accounts.size} accounts, ${state.totalSupply} base units at block ${head}`,
      compareHoldings(log, state, balances),
    ],
    ["no nonce gap", [...nonces.signers.values()].map((count) => `${count} nonces`).join(), nonces.problems],
  ]
  for (const [name, figures, problems] of rows) {
    console.log(`  ${problems.length === 0 ? "ok    " : "FAILED"}  ${name.padEnd(30)} ${figures}`)
    for (const problem of problems.slice(0, problemsShown)) console.log(`            ${problem}`)
    if (problems.length > problemsShown)
      console.log(`            and ${problems.length - problemsShown} more`)
  }
  const checked: Checked = {
    findings: rows.flatMap(([, , problems]) => problems),
    events: Number(log.events),
    accepted: log.changes,
    confirmed: log.changes - unsettled,
    deadLettered,
    batches: batches.length,
  }
  if (flags.json) console.log(JSON.stringify(checked))
  return checked.findings.length === 0
}

/** Our accounts first, then everybody else who ever had a token. */
function everyHolder(log: FoldedLog, state: TokenState): Address[] {
  const all = new Set([...log.accounts.values()].map(({ address }) => address))
  for (const entry of state.logs) if (entry.kind === "Transfer") all.add(entry.from).add(entry.to)
  return [...all] as Address[]
}

/** Logs of our accounts that no confirmation can have been about. */
function lateLogs(log: FoldedLog, state: TokenState): number {
  const ours = new Set([...log.accounts.values()].map(({ address }) => address))
  return state.logs.filter(
    (entry) =>
      entry.blockNumber > log.blockNumberMax &&
      entry.kind === "Transfer" &&
      (ours.has(entry.from) || ours.has(entry.to)),
  ).length
}

async function readLog(): Promise<FoldedLog> {
  const response = await fetch(`${flags.url}/api/v1/audit/events`, { headers })
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

async function readDeadLetters(decimals: number): Promise<DeadLetters> {
  const response = await fetch(`${flags.url}/api/v1/dead-letters?status=open&limit=500`, { headers })
  if (!response.ok) throw new Error(`/dead-letters was answered with ${response.status}`)
  type Answer = { data: { dead_letters: { user_id: string; changes: number; amount: string }[] } }
  const { data } = (await response.json()) as Answer
  return new Map(
    data.dead_letters.map(({ user_id, changes, amount }) => [
      user_id,
      { changes, amount: parseUnits(amount.replace("+", ""), decimals) },
    ]),
  )
}
