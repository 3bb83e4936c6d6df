import { existsSync } from "node:fs"
import { availableParallelism, loadavg } from "node:os"
import { join } from "node:path"
import type { TokensAnswer } from "./api-answers.ts"
import { type ApiClient, createApiClient } from "./api-client.ts"
import { startBlockClock } from "./block-clock.ts"
import { createChainReader } from "./chain-reader.ts"
import { compareBalances } from "./compare-balances.ts"
import { expectOutcomes } from "./expect-outcomes.ts"
import type { FoundStack } from "./find-stack.ts"
import { followSettlement, newestBatchSequence } from "./follow-settlement.ts"
import { generateStream } from "./generate-stream.ts"
import { type Journal, openJournal } from "./journal.ts"
import { measureDemoGas } from "./measure-demo-gas.ts"
import { readRules } from "./read-rules.ts"
import { runReconciliation } from "./run-reconciliation.ts"
import { runVerify } from "./run-verify.ts"
import { ofRun, readStreamFile, type StreamOperation, writeStreamFile } from "./stream-operation.ts"
import { streamWithProgress } from "./stream-with-progress.ts"
import { summarize } from "./summarize.ts"
import { unexpectedOutcomes } from "./unexpected-outcomes.ts"

export type DemoOptions = {
  readonly file: string | undefined
  readonly run: string | undefined
  readonly seed: number
  readonly adjustments: number
  readonly users: number
  readonly concurrency: number
}

/** Requests of the quiet night at the beginning of a generated day. */
const quietMax = 500
const apiPatienceMs = 60_000
const reconciliationPatienceMs = 120_000

/** Runs the demo and prints its table. @returns what did not come out as it has to, in sentences */
export async function runDemo(stack: FoundStack, options: DemoOptions): Promise<string[]> {
  const machine = { cores: availableParallelism(), loadAverage: loadavg()[0] ?? 0 }
  const api = createApiClient(stack.apiUrl, stack.apiKey, apiPatienceMs)
  const chain = createChainReader(stack.rpcUrl)
  const run = options.run ?? `run-${Math.floor(Date.now() / 1_000).toString(36)}`
  const { path, day } = await openStream(api, stack, options, run)
  const operations = day.map((operation) => ofRun(run, operation))
  const { token, rules } = await readRules(api, operations)
  const { outcomes, balances } = expectOutcomes(operations, rules)
  const journal = openJournal(join(stack.workDirectory, `${run}.journal.ndjson`))
  console.log(`${run}: ${operations.length} requests of ${path} to ${stack.apiUrl}`)

  const isOurs = (operationId: string) => outcomes.has(operationId)
  const isResumed = journal.entries.size > 0
  const follower = followSettlement(api, isOurs, isResumed ? 0n : await newestBatchSequence(api))
  const clock = startBlockClock(chain.client)
  const streamed = await streamWithProgress({
    api,
    operations,
    outcomes,
    journal,
    follower,
    concurrency: options.concurrency,
  })
  clock.stop()
  journal.close()

  console.log("  adding up: balances, reconciliation, verify, what single transactions would have cost")
  const problems = [...unexpectedOutcomes(outcomes, journal.entries)]
  const attempt = async <Result>(work: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await work()
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error))
      return undefined
    }
  }
  const comparison = await compareBalances({ api, chain, token, expected: everybody(operations, balances) })
  const reconciliation = await attempt(() => runReconciliation(api, token.symbol, reconciliationPatienceMs))
  const verification = await attempt(() => runVerify(stack.dataDirectory))
  const batches = follower.batches()
  const gas = await attempt(() =>
    measureDemoGas({ client: chain.client, token: token.address, decimals: token.decimals, batches, isOurs }),
  )
  const accepted = [...outcomes.values()].filter((outcome) => outcome.accepted)
  const rows = summarize({
    run,
    machine,
    operations: { accepted: accepted.length, refused: refusals(journal) },
    adjustments: {
      accepted: streamed.acceptedAdjustments,
      refused:
        operations.reduce((sum, operation) => sum + operation.adjustments.length, 0) -
        streamed.acceptedAdjustments,
      netted: streamed.netted,
    },
    acceptedInSeconds: streamed.acceptedInSeconds,
    idleMs: streamed.idleMs,
    loadMs: streamed.loadMs,
    batches,
    gas,
    acceptToConfirmSeconds: batches.flatMap(({ batch, changes }) =>
      changes.flatMap(({ operation_id: id, recorded_at: recordedAt }) =>
        id !== null && isOurs(id) && batch.blockchain_info.confirmed_at !== null
          ? [(Date.parse(batch.blockchain_info.confirmed_at) - Date.parse(recordedAt)) / 1_000]
          : [],
      ),
    ),
    minedToConfirmSeconds: batches.flatMap(({ batch }) => {
      const { block_number: block, confirmed_at: confirmedAt } = batch.blockchain_info
      const minedAt = block === null ? undefined : clock.seenAt(block)
      return confirmedAt === null || minedAt === undefined
        ? []
        : [(Date.parse(confirmedAt) - minedAt) / 1_000]
    }),
    comparison,
    decimals: token.decimals,
    tokenSymbol: token.symbol,
    reconciliation,
    verification,
  })
  console.log(`\n${rows.map(([name, value]) => `  ${name.padEnd(34)} ${value}`).join("\n")}\n`)

  for (const { userId, ...of } of comparison.differences.slice(0, 10))
    problems.push(
      `${userId}: expected ${of.expected}, available ${of.available}, confirmed ${of.confirmed}, on chain ${of.chain}`,
    )
  if (comparison.differences.length > 0)
    problems.push(`${comparison.differences.length} users have other balances than they should`)
  else console.log("Σ accepted = Σ API = Σ chain, for every user and in total.")
  if (
    reconciliation !== undefined &&
    (reconciliation.state !== "finished" || reconciliation.drift_count !== 0)
  )
    problems.push("the reconciliation is not clean")
  if (verification?.ok === false) problems.push("chainbridge verify found a fault")
  return problems
}

async function openStream(
  api: ApiClient,
  stack: FoundStack,
  options: DemoOptions,
  run: string,
): Promise<{ path: string; day: StreamOperation[] }> {
  const path = options.file ?? join(stack.workDirectory, `${run}.ndjson`)
  if (options.file === undefined && !existsSync(path)) {
    const { tokens } = await api.read<TokensAnswer>("/tokens")
    const token = tokens.find((candidate) => candidate.is_default) ?? tokens[0]
    if (token === undefined) throw new Error("the stack has no token")
    const { seed, adjustments, users } = options
    const quiet = Math.min(quietMax, Math.floor(adjustments / 10))
    writeStreamFile(path, generateStream({ seed, adjustments, users, quiet, tokenSymbol: token.symbol }))
  }
  return { path, day: readStreamFile(path) }
}

/** Also those who were only ever refused: they must have nothing. */
function everybody(
  operations: readonly StreamOperation[],
  balances: ReadonlyMap<string, bigint>,
): Map<string, bigint> {
  const users = operations.flatMap(({ adjustments }) => adjustments.map((adjustment) => adjustment.user_id))
  return new Map(users.map((user) => [user, balances.get(user) ?? 0n]))
}

function refusals(journal: Journal): Map<string, number> {
  const codes = new Map<string, number>()
  for (const entry of journal.entries.values())
    if (entry.outcome === "refused") codes.set(entry.code, (codes.get(entry.code) ?? 0) + 1)
  return codes
}
