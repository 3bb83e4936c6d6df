import { fileURLToPath } from "node:url"
import { type Command, InvalidArgumentError, Option } from "commander"
import { addAuditCommands } from "./add-audit-commands.ts"
import { addDataCommands } from "./add-data-commands.ts"
import { addIdentityCommands } from "./add-identity-commands.ts"
import { addProjectionCommands } from "./add-projection-commands.ts"
import { addSignerCommands } from "./add-signer-commands.ts"

const shippedConfiguration = fileURLToPath(new URL("../../config", import.meta.url))

/** Every subcommand with its help. What a command does is imported when it runs. */
export function addCommands(program: Command): void {
  program.addHelpText(
    "after",
    `
Examples:
  npm start                                        everything on this machine
  npm run -s chainbridge -- start --port 0 --json  the same for a program
  npm run chainbridge -- verify                    replay the ledger and compare
  npm run chainbridge -- config check              are the YAML files valid?`,
  )
  addStart(program)
  addRoles(program)
  addDatabase(program)
  addDataCommands(program)
  addProjectionCommands(program)
  addSignerCommands(program)
  addAuditCommands(program)
  addConfig(program)
  addIdentityCommands(program)
}

function addStart(program: Command): void {
  program
    .command("start")
    .description("run everything on this machine: PostgreSQL, a local chain and every role")
    .option("--port <number>", "port of the API, 0 for any free one", "3000")
    .option(
      "--data-dir <directory>",
      "where everything is kept; the next start resumes from there",
      ".chainbridge",
    )
    .addOption(configDirectory())
    .option("--overlay <name>", "a directory below it that is laid over; '' for none", "development")
    .option("--rpc-url <url>", "a chain instead of the local one (also CHAINBRIDGE_RPC_URL)")
    .option("--json", "one JSON object a line instead of text", false)
    .option("--ephemeral", "keep nothing: a temporary data directory", false)
    .addHelpText(
      "after",
      `
DATABASE_URL       a PostgreSQL (owner's login) instead of the embedded one
SIGNER_PRIVATE_KEY with --rpc-url: the key of a funded account, which deploys and settles

Examples:
  npm start
  npm start -- --port 8080 --data-dir /var/lib/chainbridge
  npm start -- --ephemeral --port 0 --json`,
    )
    .action(async (options) => {
      const { startCommand } = await import("./start.ts")
      await startCommand(options)
    })
}

function configDirectory(): Option {
  return new Option("--config-dir <directory>", "the YAML files").default(shippedConfiguration, "config")
}

const roles = [
  {
    name: "api",
    does: "the HTTP API",
    needs:
      "DATABASE_URL, PORT, HOST, CHAINBRIDGE_RPC_URLS_<chain_id>, AUTH_TOKEN_SECRET (64 hex digits; without it people cannot sign in), WEBHOOK_SECRET_KEY (64 hex digits; without it there can be no webhooks), TRUSTED_PROXIES (whose X-Forwarded-For is believed; nobody's, unless set), CORS_ORIGINS (whose pages may call from a browser; nobody's, unless set), OIDC_ISSUER with OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_REDIRECT_URI (an identity provider)",
  },
  {
    name: "worker",
    does: "confirmations, reconciliation, checkpoints, projections and webhooks",
    needs:
      "DATABASE_URL, CHAINBRIDGE_RPC_URLS_<chain_id>, AUDIT_SIGNING_KEY (64 hex digits; without it nothing is signed), WEBHOOK_SECRET_KEY (64 hex digits; without it no webhook is delivered)",
  },
  {
    name: "batcher",
    does: "settlement",
    needs:
      "DATABASE_URL, CHAINBRIDGE_RPC_URLS_<chain_id>, and the keys that settle, one or several with commas: SIGNER_KEYSTORE with SIGNER_KEYSTORE_PASSWORD_FILE, SIGNER_KMS_KEY_ID, or SIGNER_PRIVATE_KEY (and CHAINBRIDGE_PRIVATE_RPC_URL_<chain_id>, if there is one)",
  },
  {
    name: "indexer",
    does: "Ponder",
    needs:
      "DATABASE_URL (the indexer's login), CHAINBRIDGE_RPC_URLS_<chain_id> (or INDEXER_SOURCES), INDEXER_PORT",
  },
] as const

function addRoles(program: Command): void {
  for (const { name, does, needs } of roles) {
    program
      .command(name)
      .description(`run one role: ${does}`)
      .addHelpText(
        "after",
        `\nEnvironment: ${needs}, LOG_LEVEL\n\nExample:\n  npm run chainbridge -- ${name}`,
      )
      .action(async () => {
        if (name === "api") await (await import("../roles/api.ts")).runApi()
        else if (name === "worker") await (await import("../roles/worker.ts")).runWorkerRole()
        else if (name === "batcher") await (await import("../roles/batcher.ts")).runBatcherRole()
        else await (await import("../roles/indexer.ts")).runIndexer()
      })
  }
}

const dataDirectory = [
  "--data-dir <directory>",
  "the stack to work on, where DATABASE_URL is not set",
  ".chainbridge",
] as const

function addDatabase(program: Command): void {
  program
    .command("migrate")
    .description("bring the database schema up to date")
    .option(...dataDirectory)
    .addHelpText(
      "after",
      `
DATABASE_URL                   the owner's login
CHAINBRIDGE_APP_PASSWORD,      when both are set: makes the users chainbridge_app_login and
CHAINBRIDGE_INDEXER_PASSWORD   chainbridge_indexer_login, which the roles log in as, with these passwords

Example:
  DATABASE_URL=postgres://… npm run chainbridge -- migrate`,
    )
    .action(async (options) => (await import("./migrate.ts")).migrateCommand(options))
  program
    .command("verify")
    .description("replay every ledger from its first event and compare; exits with 1 on a difference")
    .option(...dataDirectory)
    .option("--ledger <name>", "only the ledger of this app, by name or id")
    .addHelpText("after", "\nExample:\n  npm run chainbridge -- verify --data-dir .chainbridge")
    .action(async (options) => (await import("./verify.ts")).verifyCommand(options))
  program
    .command("archive")
    .description("list the partitions of the event log, or move old ones to the archive")
    .option(...dataDirectory)
    .option("--through <position>", "archive every partition that ends at or before it", parsePosition)
    .addHelpText(
      "after",
      `
Everything goes on to be read and verified as before; writers wait while a partition is moved.
DATABASE_URL   the owner's login

Examples:
  npm run chainbridge -- archive
  npm run chainbridge -- archive --through 20000000`,
    )
    .action(async (options) => (await import("./archive.ts")).archiveCommand(options))
  program
    .command("flush")
    .description("settle what waits now")
    .option(...dataDirectory)
    .option("--token <symbol>", "only this token")
    .addHelpText("after", "\nExample:\n  npm run chainbridge -- flush --token CPOP")
    .action(async (options) => (await import("./flush.ts")).flushCommand(options))
  program
    .command("pause")
    .description("stop settlement until it is resumed")
    .option(...dataDirectory)
    .option("--token <symbol>", "only this token")
    .requiredOption("--reason <text>", "why; shown wherever the lane is", parseReason)
    .addHelpText(
      "after",
      '\nExample:\n  npm run chainbridge -- pause --token CPOP --reason "the token is being upgraded"',
    )
    .action(async (options) => (await import("./pause.ts")).pauseCommand(options))
  program
    .command("batches")
    .description("what becomes of a batch")
    .command("cancel <batch_id>")
    .description(
      "take a batch's id out of use on the chain, so that its changes can be settled by another one",
    )
    .option(...dataDirectory)
    .requiredOption("--reason <text>", "why", parseReason)
    .addHelpText(
      "after",
      '\nExample:\n  npm run chainbridge -- batches cancel 0x… --reason "its transaction reverts every time"',
    )
    .action(async (batchId, options) =>
      (await import("./cancel-batch.ts")).cancelBatchCommand(batchId, options),
    )
  program
    .command("resume")
    .description("let paused settlement go on, whatever paused it")
    .option(...dataDirectory)
    .option("--token <symbol>", "only this token")
    .addHelpText("after", "\nExample:\n  npm run chainbridge -- resume --token CPOP")
    .action(async (options) => (await import("./pause.ts")).resumeCommand(options))
}

function addConfig(program: Command): void {
  const config = program
    .command("config")
    .description("look at the configuration files and put them into effect")
  const files = (command: Command) =>
    command
      .addOption(configDirectory())
      .option("--overlay <name>", "a directory below it that is laid over, such as development; '' for none")
  files(config.command("check"))
    .description("validate the files; every fault is named")
    .addHelpText("after", "\nExample:\n  npm run chainbridge -- config check --overlay development")
    .action(async (options) => (await import("./config.ts")).checkCommand(options))
  files(config.command("apply"))
    .description("write chains, tokens and reasons to the registry of a running system")
    .option(...dataDirectory)
    .option("--deploy", "put our contracts on configured chains that are new to the registry", false)
    .option("--overwrite", "also what was changed at run time since", false)
    .option("--keep", "leave what was changed at run time as it is", false)
    .addHelpText(
      "after",
      `
What was changed at run time (docs/registry.md) and is otherwise in the files is named, and nothing is applied, unless one of
--overwrite and --keep says what to do. Unless --config-dir or --overlay is named, a stack of npm start gets the files that it was started with.

CHAINBRIDGE_RPC_URLS_<chain_id>  with --deploy: where each new chain is reached
SIGNER_PRIVATE_KEY               with --deploy: the key of a funded account, which deploys and may settle

Example:
  npm run chainbridge -- config apply`,
    )
    .action(async (options, command: Command) => {
      const { applyCommand } = await import("./config.ts")
      await applyCommand(options, {
        dataDir: command.getOptionValueSource("dataDir") !== "default",
        configDir: command.getOptionValueSource("configDir") !== "default",
      })
    })
}

function parseReason(text: string): string {
  const reason = text.trim()
  if (/^[^\p{Cc}]{1,500}$/u.test(reason)) return reason
  throw new InvalidArgumentError("Allowed: 1 to 500 printable characters.")
}

function parsePosition(text: string): bigint {
  if (/^[1-9]\d{0,17}$/.test(text)) return BigInt(text)
  throw new InvalidArgumentError("Allowed: a position of the log, a whole number above 0.")
}
