import { resolve } from "node:path"
import { type Kysely, sql } from "kysely"
import { formatAmount } from "../../ledger/domain/amount.ts"
import { parseMoment } from "../../ledger/domain/moment.ts"
import type { Database } from "../../ledger/store/database.ts"
import { findPosition, type LedgerPoint, readHeadPoint } from "../../ledger/store/find-position.ts"
import { type BalanceAt, readLedgerBalancesAt } from "../../ledger/store/read-balances-at.ts"
import { csvLine } from "../../platform/csv.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { createProgressBar } from "../progress-bar.ts"
import { writeStreamDurably } from "../write-stream-durably.ts"
import { chooseLedger } from "./choose-ledger.ts"
import { withDatabase } from "./open-database.ts"

export type BalancesOptions = {
  readonly dataDir: string
  readonly at?: string
  readonly ledger?: string
  readonly token?: string
  readonly out?: string
}

const columns = [
  "user_id",
  "chain_id",
  "token_symbol",
  "token_address",
  "pending",
  "confirmed",
  "locked",
  "available",
  "pending_base_units",
  "confirmed_base_units",
  "locked_base_units",
  "available_base_units",
]

/** Accounts that are in memory at a time. */
const pageAccounts = 2_000

/** `chainbridge balances`: every account of a ledger as it is or was, as CSV. All of it stands for one position, which is said on stderr. */
export async function balancesCommand(options: BalancesOptions): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const { ledgerId, name } = await chooseLedger(db, options.ledger)
    const tokens = await readTokens(db, options.token)
    const point = await pointOf(db, ledgerId, options.at)
    const work = (append: (text: string) => Promise<void>) =>
      writeBalances(db, ledgerId, point.position, tokens, append)
    const written =
      options.out === undefined
        ? await work(appendToStdout)
        : await writeStreamDurably(resolve(options.out), work)
    const when =
      point.recordedAt === null ? "before the first event" : `recorded ${point.recordedAt.toISOString()}`
    process.stderr.write(
      `${written} ${written === 1 ? "account" : "accounts"} of ${name} at position ${point.position}, ${when}\n`,
    )
  })
}

type Token = {
  readonly token_id: number
  readonly chain_id: bigint
  readonly symbol: string
  readonly token_address: string
  readonly decimals: number
}

async function readTokens(
  db: Kysely<Database>,
  symbol: string | undefined,
): Promise<ReadonlyMap<number, Token>> {
  const rows = await db
    .selectFrom("registry.tokens")
    .select(["token_id", "chain_id", "symbol", "token_address", "decimals"])
    .execute()
  const chosen = rows.filter((row) => symbol === undefined || row.symbol === symbol)
  if (chosen.length === 0 && symbol !== undefined) {
    const known = [...new Set(rows.map((row) => row.symbol))].sort().join(", ") || "none"
    throw new ChainBridgeError(
      "UNKNOWN_TOKEN",
      `there is no token ${JSON.stringify(symbol)}; there are: ${known}`,
    )
  }
  return new Map(chosen.map((row) => [row.token_id, row]))
}

async function pointOf(db: Kysely<Database>, ledgerId: string, at: string | undefined): Promise<LedgerPoint> {
  if (at === undefined) return readHeadPoint(db, ledgerId)
  const moment = parseMoment(at)
  if (moment === undefined) {
    throw new ChainBridgeError(
      "INVALID_MOMENT",
      `--at is ${JSON.stringify(at)}; allowed: the position of an event, or an ISO 8601 time with its zone such as 2024-12-15T10:30:00Z`,
    )
  }
  const point = await findPosition(db, ledgerId, moment, new Date())
  if (!("refused" in point)) return point
  throw new ChainBridgeError(
    "INVALID_MOMENT",
    point.refused === "IN_THE_FUTURE"
      ? `--at ${at} is in the future; leave it out for the balances of now`
      : `--at ${at} is beyond the end of the log, which is position ${point.head.position}`,
  )
}

/** Events never change, so pages that are read one after the other are one picture as long as they are read at one position; no transaction has to stay open. */
async function writeBalances(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
  tokens: ReadonlyMap<number, Token>,
  append: (text: string) => Promise<void>,
): Promise<number> {
  const tokenIds = [...tokens.keys()]
  const total = await countAccounts(db, ledgerId, position, tokenIds)
  const bar = createProgressBar("balances", () => total)
  await append(csvLine(columns))
  let written = 0
  for (let afterAccountId = 0n; ; ) {
    const page = await readLedgerBalancesAt(db, ledgerId, position, {
      afterAccountId,
      limit: pageAccounts,
      tokenIds,
    })
    const last = page.at(-1)
    if (last === undefined) break
    await append(page.map((balance) => toLine(balance, tokens)).join(""))
    written += page.length
    bar.update(written, `${written} accounts`)
    afterAccountId = last.account_id
  }
  bar.end()
  return written
}

async function countAccounts(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
  tokenIds: readonly number[],
): Promise<number> {
  const { rows } = await sql<{ accounts: bigint }>`
    SELECT count(*) AS accounts FROM ledger.accounts
    WHERE ledger_id = ${ledgerId} AND token_id = ANY(${tokenIds}::integer[]) AND opened_position <= ${position}`.execute(
    db,
  )
  return Number(rows[0]?.accounts ?? 0n)
}

function toLine(balance: BalanceAt, tokens: ReadonlyMap<number, Token>): string {
  const token = tokens.get(balance.token_id)
  if (token === undefined)
    throw new ChainBridgeError("INVARIANT_VIOLATED", `account ${balance.account_id} has no token`)
  const { pending, confirmed, locked } = balance
  const figures = [pending, confirmed, locked, pending > locked ? pending - locked : 0n]
  return csvLine([
    balance.user_id,
    token.chain_id.toString(),
    token.symbol,
    token.token_address,
    ...figures.map((figure) => formatAmount(figure, token.decimals)),
    ...figures.map(String),
  ])
}

/** Waits for a slow reader instead of keeping what he has not taken. A reader who leaves ends the command, as he ends others. */
function appendToStdout(text: string): Promise<void> {
  return new Promise((done, failed) => {
    process.stdout.write(text, (error) => {
      if (error === null || error === undefined) done()
      else if ((error as NodeJS.ErrnoException).code === "EPIPE") process.exit(0)
      else failed(error)
    })
  })
}
