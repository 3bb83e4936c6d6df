import type { Command } from "commander"

const dataDirectory = [
  "--data-dir <directory>",
  "the stack to work on, where DATABASE_URL is not set",
  ".chainbridge",
] as const

/** `chainbridge projections …`: the read models that follow the log on their own time. */
export function addProjectionCommands(program: Command): void {
  const projections = program
    .command("projections")
    .description("read models that follow the log: how far they are, building them again")
  projections
    .command("status")
    .description("how far each is in events, how fast it goes, and what has stopped it")
    .option(...dataDirectory)
    .addHelpText("after", "\nExample:\n  npm run chainbridge -- projections status")
    .action(async (options) => (await import("./projections.ts")).statusCommand(options))
  projections
    .command("rebuild")
    .description(
      "build one again from the first event, beside the tables that serve, and put it in their place",
    )
    .argument("<name>", "as in `projections status`")
    .option(...dataDirectory)
    .option("--wait", "stay until it serves, with its progress", false)
    .addHelpText(
      "after",
      `
The worker builds it; reads and writes go on meanwhile.

Example:
  npm run chainbridge -- projections rebuild history --wait`,
    )
    .action(async (name: string, options) => (await import("./projections.ts")).rebuildCommand(name, options))
  projections
    .command("resume")
    .description("have one that has stopped tried again now")
    .argument("<name>", "as in `projections status`")
    .option(...dataDirectory)
    .addHelpText(
      "after",
      `
Once a minute, and when another version of the program runs, it is tried again anyway.

Example:
  npm run chainbridge -- projections resume history`,
    )
    .action(async (name: string, options) => (await import("./projections.ts")).resumeCommand(name, options))
}
