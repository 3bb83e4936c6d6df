import type { Command } from "commander"

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
}
