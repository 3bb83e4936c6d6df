import "./share-sql-parser.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import pg from "pg"
import { parseIndexerSources } from "../../indexer/sources.ts"
import { type Configuration, loadConfiguration } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { createLogger, type Logger } from "../../platform/logger.ts"
import { rpcUrlsFromEnvironment } from "../../platform/rpc/rpc-urls.ts"
import { parsePort } from "../parse-port.ts"
import { buildIndexerSources } from "../registry/indexer-sources.ts"
import { checkDatabaseUrl, databaseUnreachable } from "../stack/database-url.ts"
import { assertPortIsFree, findFreePort, portTaken } from "../stack/free-port.ts"
import type { RoleRestarting } from "../stack/role-message.ts"
import { answerForLostBlocks } from "./answer-for-lost-blocks.ts"
import { chainClientOf } from "./chain-client-of.ts"
import { configurationSource, requireEnvironment } from "./environment.ts"
import { findSourcesProblem } from "./find-sources-problem.ts"
import { type IndexerSources, nameSchema, prepareSchema, pruneSchemas } from "./indexer-schema.ts"
import { findStanding } from "./lost-blocks.ts"
import { waitForOtherSources } from "./watch-sources.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const watchedEveryPolls = 10
const watchMsMin = 1_000
const watchMsMax = 30_000

/**
 * Runs Ponder inside this process, so that the two can only end together. PostgreSQL's types are left as Ponder
 * expects them: nothing here may import platform/postgres.ts.
 */
export async function runIndexer(): Promise<void> {
  const logger = createLogger("indexer")
  const databaseUrl = checkDatabaseUrl(requireEnvironment("DATABASE_URL"))
  process.on("disconnect", () => endSelf(logger, "the process that started this one is gone"))
  const client = await watchDatabase(databaseUrl, logger)
  // Ponder's configuration reads it from there.
  const isGiven = Boolean(process.env["INDEXER_SOURCES"])
  const configuration = loadConfiguration(configurationSource())
  if (!isGiven) process.env["INDEXER_SOURCES"] = await deriveSources(client, configuration)
  const started = process.env["INDEXER_SOURCES"] ?? ""
  const sources = parseIndexerSources(process.env["INDEXER_SOURCES"])
  const given = parsePort("INDEXER_PORT", process.env["INDEXER_PORT"] || "0")
  await assertPortIsFree(given, "INDEXER_PORT")
  const wanted = given || (await findFreePort())
  const schema = await nameSchema(root, sources)
  const prepared = await prepareSchema(client, schema, sources)
  logger.info({ schema: schema.name, port: wanted, ...prepared }, "starting Ponder")
  globalThis.fetch = answerForLostBlocks(globalThis.fetch)
  watchForLostBlocks(client, schema.name, sources, logger)
  await startPonder(schema.name, wanted)
  const port = await waitUntilListening()
  if (given !== 0 && port !== given) throw portTaken(given, "EADDRINUSE", "INDEXER_PORT")
  await waitUntilCaughtUp(client, port, sources)
  await pruneSchemas(client, schema.name).catch((error: unknown) =>
    logger.warn({ error: describeError(error) }, "old schemas stay"),
  )
  logger.info({ port }, "ready")
  process.send?.({ kind: "ready", details: { port, schema: schema.name } })
  if (isGiven) return
  const read = () => deriveSources(client, configuration)
  await waitForOtherSources(client, started, { read, findProblem: findSourcesProblem }, logger)
  // Ponder takes its list at its start. The next one indexes beside what is there, from the logs that are kept, and takes over when it has caught up.
  restartSelf(logger, "there is something else to index")
}

/** Whoever runs this process starts it again: a supervisor of ours is told that nothing is wrong. */
function restartSelf(logger: Logger, why: string): void {
  const message: RoleRestarting = { kind: "restarting", why }
  if (process.send === undefined) endSelf(logger, why)
  else process.send(message, () => endSelf(logger, why))
}

/**
 * An idle connection whose end says that the server went away. Ponder does not wait for its commits to be on disk: it
 * has to read back what is there after a crash, and does that only when it is started again.
 */
async function watchDatabase(databaseUrl: string, logger: Logger): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "chainbridge-indexer",
    keepAlive: true,
  })
  client.on("error", (error) => {
    logger.error({ error: describeError(error) }, "the database went away")
    process.kill(process.pid, "SIGKILL")
  })
  try {
    await client.connect()
  } catch (error) {
    throw databaseUnreachable(databaseUrl, error)
  }
  return client
}

/** Without INDEXER_SOURCES: every token of the registry, on the chains that have RPC endpoints here. */
async function deriveSources(client: pg.Client, configuration: Configuration): Promise<string> {
  const sources = await buildIndexerSources(client, configuration, (chainId) =>
    rpcUrlsFromEnvironment(chainId, process.env),
  )
  if ((JSON.parse(sources) as IndexerSources).chains.length > 0) return sources
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    "there is nothing to index: the registry has no token on a chain whose CHAINBRIDGE_RPC_URLS_<chain_id> is set",
  )
}

async function startPonder(schema: string, port: number): Promise<void> {
  // PORT wins over -p, and DATABASE_SCHEMA over --schema.
  for (const name of ["PORT", "DATABASE_SCHEMA", "DATABASE_PRIVATE_URL", "INDEXER_PORT"])
    delete process.env[name]
  process.env["PONDER_TELEMETRY_DISABLED"] = "true"
  const program = new URL("./bin/ponder.js", import.meta.resolve("ponder"))
  process.argv = [
    ...[
      process.execPath,
      fileURLToPath(program),
      "--root",
      fileURLToPath(new URL("../../indexer", import.meta.url)),
    ],
    ...["--log-format", "json", "start", "--schema", schema, "--views-schema", "chain"],
    ...["-H", "127.0.0.1", "-p", String(port)],
  ]
  await import(program.href)
}

/**
 * Where the port was taken since it was found free, Ponder listens on the next one and says so only in its log.
 * @returns where it listens
 */
async function waitUntilListening(): Promise<number> {
  for (;;) {
    await sleep(100)
    // Its own name for what all of it shares. The port is there for its metrics, as soon as it listens.
    const { PONDER_COMMON: common } = globalThis as { PONDER_COMMON?: { metrics: { port?: number } } }
    if (common?.metrics.port !== undefined) return common.metrics.port
  }
}

/** Ready means: the views are there, and the head they show is no older than the chain's head was a moment ago. */
async function waitUntilCaughtUp(client: pg.Client, port: number, sources: IndexerSources): Promise<void> {
  for (;;) {
    await sleep(100)
    const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined)
    if (answer?.status === 200) break
  }
  for (const chain of sources.chains) {
    const head = Number(await chainClientOf(chain).headNumber())
    for (;;) {
      const { rows } = await client.query<{ block_number: string }>(
        "SELECT block_number::text FROM chain.head WHERE chain_id = $1",
        [chain.chain_id],
      )
      if (Number(rows[0]?.block_number ?? -1) >= head) break
      await sleep(100)
    }
  }
}

/**
 * A chain that goes back below what Ponder takes for final: it would try again for ten minutes, and serve what it has until then. The next start finds the same and begins
 * anew.
 */
function watchForLostBlocks(
  client: pg.Client,
  schema: string,
  sources: IndexerSources,
  logger: Logger,
): void {
  for (const chain of sources.chains) {
    const intervalMs = Math.min(
      Math.max(chain.polling_interval_ms * watchedEveryPolls, watchMsMin),
      watchMsMax,
    )
    const watch = async (): Promise<void> => {
      for (;;) {
        await sleep(intervalMs)
        // An endpoint that fails, or tables that Ponder has not made yet, say nothing about the chain.
        const standing = await findStanding(client, schema, chain).catch((error: unknown) => {
          logger.debug({ error: describeError(error) }, "the chain could not be compared")
        })
        if (standing !== "lost") continue
        return endSelf(
          logger,
          `chain ${chain.chain_id} lost blocks that were indexed for good; they are indexed anew`,
        )
      }
    }
    void watch()
  }
}

function endSelf(logger: Logger, why: string): void {
  logger.info({ why }, "stopping")
  setTimeout(() => process.kill(process.pid, "SIGKILL"), 3_000).unref()
  process.kill(process.pid, "SIGTERM")
}
