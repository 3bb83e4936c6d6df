import { type Command, InvalidArgumentError } from "commander"
import { operationIdSchema } from "../../api/validation/schemas.ts"

const dataDirectory = [
  "--data-dir <directory>",
  "the stack to work on, where DATABASE_URL is not set",
  ".chainbridge",
] as const

/** Commands that take what a ledger holds out of it, or put it in. */
export function addDataCommands(program: Command): void {
  program
    .command("balances")
    .description("write every balance of a ledger as CSV, as it is now or as it was")
    .option(...dataDirectory)
    .option("--at <moment>", "the position of an event, or an ISO 8601 time; now, unless given")
    .option("--ledger <id or name>", "whose; needed where there are several")
    .option("--token <symbol>", "only this token")
    .option("--out <file>", "write there instead of to standard output; it appears when it is complete")
    .addHelpText(
      "after",
      `
The amounts are in token units and in base units. Values are not altered: a user id that begins with = is a formula to a
spreadsheet, so import the columns as text.

Examples:
  npm run chainbridge -- balances --out balances.csv
  npm run chainbridge -- balances --at 2026-01-01T00:00:00Z --token CPOP --out new-year.csv`,
    )
    .action(async (options) => (await import("./balances.ts")).balancesCommand(options))
  program
    .command("import")
    .description(
      "record a file of adjustments or opening balances, one a line; the same file twice is one import",
    )
    .argument("<file>", "a .csv with a header, or a .ndjson")
    .option(...dataDirectory)
    .option("--ledger <id or name>", "whose; needed where there are several")
    .option("--token <symbol>", "of lines that name no token_symbol")
    .option("--chain <id>", "of lines that name no chain_id", parseChainId)
    .option("--reason <type>", "of lines that name no reason_type")
    .option("--operation-id <id>", "names the import; its content does, unless given", parseOperationId)
    .option(
      "--refused <file>",
      "where refused lines are listed, if there are any; <file>.refused.csv, unless given",
    )
    .addHelpText(
      "after",
      `
Columns: user_id, token_symbol, chain_id, amount (with its sign) or balance (an opening balance, without), reason_type,
reason_detail, metadata (a JSON object), operation_id, sequence, occurred_at. docs/imports.md says more.

A line that is refused costs the others nothing; then the exit code is 1. Interrupted, by whatever, the import goes on
where it was: in a running worker, or when the command is given again.

Examples:
  npm run chainbridge -- import rewards.csv
  npm run chainbridge -- import balances.csv --token CPOP`,
    )
    .action(async (file, options) => (await import("./import.ts")).importCommand(file, options))
  program
    .command("redact")
    .description(
      "erase what was said of a user (reason_detail, metadata) for ever, all of it that is recorded now",
    )
    .option(...dataDirectory)
    .option("--ledger <id or name>", "whose; needed where there are several")
    .requiredOption("--user <id>", "the user")
    .requiredOption("--reason <text>", "stays in the log for ever: name nobody in it", parseReason)
    .addHelpText(
      "after",
      `
Hashes, balances and proofs stay as they are. Interrupted, by whatever, the erasure goes on where it was: in a running
worker, or when the command is given again.

Example:
  npm run chainbridge -- redact --user user_123 --reason "erasure request 4711"`,
    )
    .action(async (options) => (await import("./redact.ts")).redactCommand(options))
}

function parseChainId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError("Allowed: the chain's id, a positive whole number.")
}

function parseOperationId(text: string): string {
  if (operationIdSchema.safeParse(text).success) return text
  throw new InvalidArgumentError("Allowed: 1 to 128 printable characters.")
}

function parseReason(text: string): string {
  if (text.trim() !== "" && text.length <= 200) return text
  throw new InvalidArgumentError("Allowed: 1 to 200 characters.")
}
