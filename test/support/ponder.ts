import { existsSync, mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath, pathToFileURL } from "node:url"
import pg from "pg"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { readLogTail } from "../../cli/stack/log-tail.ts"
import { startGuard } from "../../cli/stack/start-guard.ts"
import { inherited } from "./inherited.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))
const readyTimeoutMs = 150_000

export type PonderOptions = {
  /** Connection of the indexer's login. */
  readonly databaseUrl: string
  readonly schema: string
  readonly chainId: number
  readonly rpcUrl: string
  readonly tokens: readonly string[]
  readonly treasuries?: readonly string[]
  readonly auditAnchor?: string | null
  /** Where the tokens' logs begin; the first block unless named. */
  readonly startBlock?: number
}

export type Ponder = {
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Ends it without a word, as a crash would. */
  kill(): Promise<void>
  stop(): Promise<void>
  /** The last lines of what it logged. */
  logTail(): string
}

/**
 * Runs the indexer itself, as a child that dies with us, and waits until its views are there. A schema that was used
 * before is taken over at once: its last user must be gone.
 */
export async function startPonder(options: PonderOptions): Promise<Ponder> {
  await unlockSchema(options)
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-ponder-"))
  const logFile = join(directory, "ponder.log")
  const port = await findFreePort()
  const guard = await startGuard()
  guard.removeAtEnd(directory)
  let exited: string | undefined
  const ended = new Promise<void>((resolve) => {
    guard.onExit((_name, how) => {
      exited ??= how
      resolve()
    })
  })
  const pid = await guard.run({
    name: "ponder",
    command: process.execPath,
    args: [
      // As the indexer's own process does.
      ...["--import", pathToFileURL(join(repository, "cli/roles/share-sql-parser.ts")).href],
      join(repository, "node_modules/ponder/dist/esm/bin/ponder.js"),
      ...["--root", join(repository, "indexer"), "--log-format", "json", "start"],
      ...["--schema", options.schema, "--views-schema", "chain", "-H", "127.0.0.1", "-p", String(port)],
    ],
    workingDirectory: repository,
    environment: {
      ...inherited,
      DATABASE_URL: options.databaseUrl,
      INDEXER_SOURCES: sourcesOf(options),
      PONDER_TELEMETRY_DISABLED: "true",
    },
    logFile,
    stopTimeoutMs: 8_000,
  })
  const deadline = Date.now() + readyTimeoutMs
  for (;;) {
    const log = existsSync(logFile) ? readFileSync(logFile, "utf8") : ""
    if (log.includes("Port in use")) {
      // Somebody took it since it was found free, and Ponder the next one.
      await guard.close()
      return startPonder(options)
    }
    // Before that it is somebody else who answers there.
    if (log.includes("Created HTTP server") && (await isReady(port))) break
    if (exited !== undefined || Date.now() >= deadline) {
      const why = `the indexer is not ready (${exited ?? "timeout"}): ${readLogTail(logFile, 8)}`
      await guard.close()
      throw new Error(why)
    }
    await sleep(100)
  }
  return {
    ended,
    kill: async () => {
      process.kill(pid, "SIGKILL")
      await guard.close()
    },
    stop: () => guard.close(),
    logTail: () => readLogTail(logFile, 12),
  }
}

function sourcesOf(options: PonderOptions): string {
  const { chainId, rpcUrl, tokens, treasuries = [], auditAnchor, startBlock = 0 } = options
  return JSON.stringify({
    chains: [
      {
        chain_id: chainId,
        rpc_urls: [rpcUrl],
        start_block: startBlock,
        polling_interval_ms: 100,
        requests_per_second: 200,
        tokens: tokens.map((token) => token.toLowerCase()),
        treasuries: treasuries.map((treasury) => treasury.toLowerCase()),
        audit_anchor: auditAnchor ?? null,
      },
    ],
  })
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(5_000) })).ok
  } catch {
    return false
  }
}

/** Ponder keeps its lock when it ends, and the next one would wait up to 25 s for it. */
async function unlockSchema({ databaseUrl, schema }: PonderOptions): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const known = await client.query("SELECT to_regclass($1) AS meta", [`"${schema}"._ponder_meta`])
    if (known.rows[0]?.meta === null) return
    await client.query(
      `UPDATE "${schema}"._ponder_meta SET value = jsonb_set(value, '{is_locked}', to_jsonb(0))`,
    )
  } finally {
    await client.end()
  }
}
