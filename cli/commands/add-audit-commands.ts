import { type Command, InvalidArgumentError } from "commander"

/** What an auditor takes with him, and how he checks it. */
export function addAuditCommands(program: Command): void {
  const audit = program.command("audit").description("take the log of a ledger out, and check it without us")
  audit
    .command("export")
    .description("write the log with its hashes and checkpoints to a file that proves itself")
    .requiredOption("--out <file>", "it appears when it is complete")
    .option("--data-dir <directory>", "the stack to work on, where DATABASE_URL is not set", ".chainbridge")
    .option("--ledger <id or name>", "whose; needed where there are several")
    .option("--from <position>", "the first event; 1, unless given", parsePosition)
    .option("--to <position>", "the last event; the newest, unless given", parsePosition)
    .option("--no-details", "leave out what callers said in free words")
    .addHelpText(
      "after",
      `
AUDIT_SIGNING_KEY  signs the last line; a stack's own key is in its data directory. Without a key the file is not signed.

Examples:
  npm run chainbridge -- audit export --out ledger.ndjson
  npm run chainbridge -- audit export --from 100001 --no-details --out tail.ndjson`,
    )
    .action(async (options) => (await import("./audit-export.ts")).auditExportCommand(options))
  audit
    .command("verify")
    .description("check such a file, without a database; exits with 1 and the first bad line otherwise")
    .argument("<file>", "the export")
    .option(
      "--checkpoint <file>",
      "a signed checkpoint that it has to agree with; may be repeated",
      collect,
      [],
    )
    .option("--public-key <hex>", "who may have signed; may be repeated", collectKey, [])
    .option("--allow-unsigned", "a file that nobody signed is not refused", false)
    .option("--rpc <url>", "also compare with every root that a chain has of these events")
    .option(
      "--anchor <address>",
      "the AuditAnchor there; the one that the file names, unless given, which proves nothing of its own",
      parseAddress,
    )
    .addHelpText(
      "after",
      `
Examples:
  npm run chainbridge -- audit verify ledger.ndjson
  npm run chainbridge -- audit verify ledger.ndjson --public-key 8a88… --checkpoint march.note
  npm run chainbridge -- audit verify ledger.ndjson --rpc https://… --anchor 0x5fbd…`,
    )
    .action(async (file, options) => (await import("./audit-verify.ts")).auditVerifyCommand(file, options))
}

function parsePosition(text: string): bigint {
  if (/^[1-9]\d{0,15}$/.test(text)) return BigInt(text)
  throw new InvalidArgumentError("Allowed: the position of an event, 1 or more.")
}

function parseAddress(text: string): string {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return text
  throw new InvalidArgumentError("Allowed: an address, 0x and 40 hex digits.")
}

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text]
}

function collectKey(text: string, before: readonly string[]): string[] {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return [...before, text]
  throw new InvalidArgumentError("Allowed: the 32 bytes of an Ed25519 public key as 64 hex digits.")
}
