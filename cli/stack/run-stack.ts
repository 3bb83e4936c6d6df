import { existsSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { type Configuration, loadConfiguration } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import type { Applied } from "../registry/apply-configuration.ts"
import { describeLeftEntry, describeRuntimeChange } from "../registry/apply-documents.ts"
import { checkTokens, tokensOf } from "../registry/check-tokens.ts"
import { checkChain } from "./check-chain.ts"
import { openDataDirectory } from "./data-directory.ts"
import { checkDatabaseUrl } from "./database-url.ts"
import { assertPortIsFree, choosePort } from "./free-port.ts"
import { awaitLeftovers, openProcessList, type ProcessList } from "./leftovers.ts"
import type { Progress } from "./progress.ts"
import { openSecrets } from "./secrets.ts"
import { LOCAL_CHAIN_ID, openExternalChain, openLocalChain } from "./stack-chain.ts"
import { type ChainContents, fillChain, fillRegistry, rewriteConfiguration } from "./stack-contents.ts"
import { checkExternalDatabase, prepareDatabase, startEmbeddedPostgres } from "./stack-database.ts"
import { readStackFile, type StackFile, writeStackFile } from "./stack-file.ts"
import {
  type RoleName,
  type RolePrograms,
  roleNames,
  type StackRolesOptions,
  startStackRole,
} from "./stack-roles.ts"
import { startGuard } from "./start-guard.ts"
import type { StopSequence } from "./stop-sequence.ts"
import { watchConfiguration } from "./watch-configuration.ts"

export type StackOptions = {
  readonly dataDirectory: string
  /** A directory of its own in the system's temporary one, deleted at the end. */
  readonly isEphemeral: boolean
  /** 0: any free one. */
  readonly apiPort: number
  /** Instead of the local chain. */
  readonly rpcUrl: string | undefined
  /** Instead of the embedded PostgreSQL: the owner's login. */
  readonly databaseUrl: string | undefined
  readonly configuration: { readonly directory: string; readonly overlay: string | undefined }
  readonly programs?: RolePrograms | undefined
}

export type StackEvents = {
  readonly progress: Progress
  readonly stops: StopSequence
  /** Told of the list of processes, which grows from then on. */
  readonly onProcessList: (processes: ProcessList) => void
  /** Something that the stack cannot go on without is gone for good. */
  readonly onGivenUp: (error: ChainBridgeError) => void
}

/** Starts everything, in order; whatever was started is in `stops` from that moment on. */
export async function runStack(options: StackOptions, events: StackEvents): Promise<StackFile> {
  const { progress, stops, onGivenUp } = events
  const { note, step } = progress
  const configuration = loadConfiguration(options.configuration)
  for (const key of configuration.unread) note(`${key} changes nothing: nothing reads it`)
  try {
    await assertPortIsFree(options.apiPort, "--port")
  } catch (error) {
    // Whoever has it may be the stack of this very directory: then that is what to say.
    if (!options.isEphemeral && existsSync(options.dataDirectory))
      openDataDirectory(options.dataDirectory).lock.release()
    throw error
  }
  // Before anything is written: what was made for another chain would be in the way of the next start.
  if (options.databaseUrl !== undefined) {
    checkDatabaseUrl(options.databaseUrl)
    if (options.isEphemeral)
      throw new ChainBridgeError(
        "CONFIG_INVALID",
        "--ephemeral with DATABASE_URL would leave a ledger there whose keys are gone: leave out one of them, or name a --data-dir",
      )
  }
  const external = options.rpcUrl === undefined ? undefined : await openExternalChain(options.rpcUrl)
  if (external !== undefined && !isConfigured(configuration, external.chainId))
    throw new ChainBridgeError("CONFIG_INVALID", `chains.yaml has no chain with chain_id ${external.chainId}`)

  const directory = openDataDirectory(
    options.isEphemeral ? mkdtempSync(join(tmpdir(), "chainbridge-")) : options.dataDirectory,
  )
  stops.add(() => directory.lock.release())
  const leftovers = await awaitLeftovers(directory.path)
  if (leftovers > 0) note(`waited for ${leftovers} processes of the last start to end`)
  const before = readLastStack(directory.path, note)
  const secrets = openSecrets(directory.path)
  let stack: StackFile | undefined
  const processes = openProcessList(directory.path, () => {
    if (stack === undefined || stops.isStopping()) return
    stack = { ...stack, pids: processes.pids() }
    writeStackFile(directory.path, stack)
  })
  events.onProcessList(processes)

  const guard = await startGuard()
  stops.add(async () => {
    await guard.close()
    // Where the system could not tie them to the guard, a guard that was killed leaves the programs behind.
    if (!options.isEphemeral) await awaitLeftovers(directory.path, ["chainbridge"], 1_000)
  })
  processes.add("chainbridge", process.pid)
  processes.add("guard", guard.pid)
  if (options.isEphemeral) guard.removeAtEnd(directory.path)
  guard.onExit((name, how) => {
    if (stops.isStopping() || name !== "guard") return
    onGivenUp(new ChainBridgeError("STACK_BROKEN", `the guard process ended (${how}): start again to resume`))
  })

  const [database, chain] = await settleBoth(
    step(
      "database",
      async () => {
        const ownerUrl =
          options.databaseUrl === undefined
            ? await startEmbeddedPostgres({
                guard,
                dataDirectory: directory.path,
                password: secrets.postgres_password,
                preferredPort: portOf(before?.database_url),
                onPid: (pid) => processes.add("postgres", pid),
                isStopping: stops.isStopping,
                onNote: note,
                onGivenUp,
              })
            : await checkExternalDatabase(options.databaseUrl, secrets)
        return await prepareDatabase(ownerUrl, secrets)
      },
      ({ ownerUrl, migrationsApplied }) =>
        `PostgreSQL at ${new URL(ownerUrl).host}${migrationsApplied > 0 ? `, ${migrationsApplied} migrations` : ""}`,
    ),
    step(
      "chain",
      () =>
        external === undefined
          ? openLocalChain({
              guard,
              dataDirectory: directory.path,
              secrets,
              preferredPort: portOf(before?.rpc_url),
              blockTimeMs: findBlockTime(configuration),
              onPid: (pid) => processes.add("anvil", pid),
              isStopping: stops.isStopping,
              onNote: note,
              onGivenUp,
            })
          : Promise.resolve(external),
      ({ chainId, isLocal, resumedAt }) =>
        `${isLocal ? "local chain" : "chain"} ${chainId}${resumedAt === undefined ? "" : `, resumed at block ${resumedAt}`}`,
    ),
  )
  const pool = createPool({
    databaseUrl: database.appUrl,
    applicationName: "chainbridge-start",
    connectionsMax: 2,
  })
  stops.add(() => pool.end())
  const db: Kysely<Database> = createKysely<Database>(pool)
  const { genesisHash, lostTail } = await checkChain(
    db,
    chain.rpcUrl,
    chain.chainId,
    `start afresh with another data directory (npm start -- --data-dir <directory>)`,
  )
  if (lostTail !== null) note(lostTail)
  const fill = () => fillChain({ dataDirectory: directory.path, configuration, chain, genesisHash })
  // Only a chain that was found good may replace the saved states.
  chain.keep(async () => {
    // What it lost may be contracts.
    await fill()
  })
  stops.add(() => chain.stopDumps())

  const contents: ChainContents = await step("contracts", fill, ({ deployment }) =>
    deployment.deployedNow > 0 ? `${deployment.deployedNow} deployed` : "already deployed",
  )
  const app = await step(
    "registry",
    async () => {
      await checkTokens(
        db,
        { chainId: chain.chainId, rpcUrls: [chain.rpcUrl], signer: chain.accounts.operator },
        tokensOf(configuration, chain.chainId, contents.deployment),
        note,
      )
      return fillRegistry({ db, configuration, contents, apiKey: secrets.api_key })
    },
    ({ isNew }) => `${isNew ? "made" : "found"} app demo`,
  )
  noteKept(app.applied, note)

  const indexerPort = await choosePort(portOf(before?.indexer_url))
  const roles: StackRolesOptions = {
    dataDirectory: directory.path,
    database,
    chain,
    auditSigningKey: secrets.audit_signing_key,
    authTokenSecret: secrets.auth_token_secret,
    webhookSecretKey: secrets.webhook_secret_key,
    indexerPort,
    apiPort: options.apiPort,
    configuration: options.configuration,
    programs: options.programs,
    onPid: (role, pid) => processes.add(role, pid),
    onNote: note,
    onGivenUp,
  }
  const startRole = (role: RoleName, stopTimeoutMs: number) =>
    step(role, async () => {
      const running = await startStackRole(role, roles)
      return { details: running.details, stop: () => running.stop(stopTimeoutMs) }
    })
  const started = await Promise.allSettled(
    roleNames.map((role) => startRole(role, role === "api" ? 3_000 : 4_000)),
  )
  const running = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []))
  stops.add(async () => {
    // The API goes first: nothing new comes in while the others finish.
    if (started[3]?.status === "fulfilled") await started[3].value.stop()
    await Promise.all(running.map((role) => role.stop()))
  })
  const failed = started.find((result) => result.status === "rejected")
  if (failed !== undefined) throw failed.reason
  const apiPort = started[3]?.status === "fulfilled" ? started[3].value.details["port"] : undefined

  const token = Object.values(contents.deployment.tokens)[0]
  stack = {
    api_url: `http://127.0.0.1:${apiPort ?? options.apiPort}`,
    api_key: secrets.api_key,
    rpc_url: chain.rpcUrl,
    chain_id: chain.chainId,
    database_url: database.ownerUrl,
    app_database_url: database.appUrl,
    indexer_url: `http://127.0.0.1:${indexerPort}`,
    token_address: (token?.address ?? "").toLowerCase(),
    wallet_manager: contents.deployment.walletManager.toLowerCase(),
    audit_anchor: contents.deployment.auditAnchor?.toLowerCase() ?? null,
    ledger_id: app.ledgerId,
    data_dir: directory.path,
    config_dir: options.configuration.directory,
    config_overlay: options.configuration.overlay ?? "",
    pids: processes.pids(),
  }
  writeStackFile(directory.path, stack)
  const watch = watchConfiguration({
    source: options.configuration,
    apply: async (changed) => noteKept(await rewriteConfiguration(db, changed, contents), note),
    onNote: note,
  })
  stops.add(() => watch.stop())
  const final = stack
  stops.add(() => writeStackFile(directory.path, { ...final, pids: {} }))
  return stack
}

function noteKept({ changed, left }: Applied, note: (message: string) => void): void {
  for (const change of changed) note(`changed at run time, and kept: ${describeRuntimeChange(change)}`)
  for (const entry of left) note(describeLeftEntry(entry))
}

/** Waits for both even when one fails: whatever the other one starts has to be known before the end begins. */
async function settleBoth<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return [await first, await second]
}

function portOf(url: string | undefined): number | undefined {
  return Number(URL.parse(url ?? "")?.port) || undefined
}

/** The stack of the last start. All that it is needed for here are ports that others may have been told: without it, others are chosen. */
function readLastStack(directory: string, note: (message: string) => void): StackFile | undefined {
  try {
    return readStackFile(directory)
  } catch (error) {
    note(`${describeError(error)}; it is written anew`)
    return undefined
  }
}

function isConfigured(configuration: Configuration, chainId: number): boolean {
  return Object.values(configuration.chains).some((chain) => chain.chain_id === chainId)
}

function findBlockTime(configuration: Configuration): number {
  const chain = Object.values(configuration.chains).find((entry) => entry.chain_id === LOCAL_CHAIN_ID)
  if (chain !== undefined) return chain.block_time
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    `chains.yaml has no chain with chain_id ${LOCAL_CHAIN_ID}, the local one`,
  )
}
