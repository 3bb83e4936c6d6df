import { Command, CommanderError, Help } from "commander"
import { describeError } from "../platform/errors.ts"
import { version } from "../platform/version.ts"
import { endWithOutput } from "./closed-output.ts"
import { addCommands } from "./commands/add-commands.ts"
import { findKeptOption } from "./find-kept-option.ts"

// A role's own modules are imported when the role runs: starting one must not pay for all of them.
const program = new Command("chainbridge")
  .description("A ledger for Web2 backends that settles itself on EVM chains.")
  .version(version)
  .showHelpAfterError("(chainbridge --help shows what there is)")
  .configureHelp({
    optionDescription(option) {
      const text = new Help().optionDescription(option)
      return option.mandatory ? `${text} (required)` : text
    },
  })
  .exitOverride()
addCommands(program)

endWithOutput()
const kept = findKeptOption(program, process.argv.slice(2), process.env)
if (kept !== undefined) {
  const words = process.env["npm_lifecycle_event"] === "start" ? "npm start -- " : "npm run chainbridge -- … "
  process.stderr.write(
    `chainbridge: npm has kept ${kept} for itself; options stand behind --, as in ${words}${kept}\n`,
  )
  process.exit(1)
}
try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode)
  process.stderr.write(`chainbridge: ${describeError(error)}\n`)
  process.exit(1)
}
