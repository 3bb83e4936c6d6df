import { Command, CommanderError } from "commander"
import { describeError } from "../platform/errors.ts"
import { version } from "../platform/version.ts"
import { addCommands } from "./commands/add-commands.ts"

// A role's own modules are imported when the role runs: starting one must not pay for all of them.
const program = new Command("chainbridge")
  .description("A ledger for Web2 backends that settles itself on EVM chains.")
  .version(version)
  .showHelpAfterError("(chainbridge --help shows what there is)")
  .exitOverride()
addCommands(program)

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode)
  process.stderr.write(`chainbridge: ${describeError(error)}\n`)
  process.exit(1)
}
