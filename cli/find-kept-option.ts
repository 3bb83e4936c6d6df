import type { Command } from "commander"

/** Options that npm has a meaning for itself, and tells of also where a configuration file names them. */
const ofNpm: ReadonlySet<string> = new Set(["json", "version", "help", "scope", "email"])

/**
 * An option of the command that npm has kept: without `--` before it, `npm start --port 8080` passes on 8080 at most, and tells of the option in its environment alone.
 * @returns its name, such as `--port`
 */
export function findKeptOption(
  program: Command,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): string | undefined {
  if (env["npm_lifecycle_event"] === undefined) return undefined
  let command = program
  for (const word of words) command = command.commands.find((each) => each.name() === word) ?? command
  return command.options
    .flatMap(({ long }) => long ?? [])
    .find((long) => {
      const name = long.slice(2)
      const isGiven = words.some((word) => word === long || word.startsWith(`${long}=`))
      return !isGiven && !ofNpm.has(name) && env[`npm_config_${name.replaceAll("-", "_")}`] !== undefined
    })
}
