import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./read-examples.ts"
import type { NamedProgram } from "./run-shell.ts"

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>
}

/** They run for minutes, write to the repository, or are what runs these tests. Of those the script is looked at, and the options that it knows. */
const long =
  /^(start|test|check|format|lock|docs|contracts|protections|demo|chaos(:\w+)?|bench:[\w-]+|client:\w+|fuzz:\w+)$/

/** @returns faults of how a page calls a program that is not run for it */
export function checkLongProgram({ script, args }: NamedProgram): string[] {
  if (!long.test(script)) return [`no rule says what becomes of npm run ${script}: see long-programs.ts`]
  const command = scripts[script]
  if (command === undefined) return [`package.json has no script ${script}`]
  const [, file] = /^node (\S+)/.exec(command) ?? []
  const options = args.match(/(?<=^|\s)--[\w-]+/g) ?? []
  const source = file === undefined ? "" : readFileSync(join(root, file), "utf8")
  return options
    .map((option) => option.slice(2))
    .filter((name) => !new RegExp(`(--|["\\s{])${name}(["\\s]*[:= <"])`).test(source))
    .map((name) => `${file ?? command} knows no --${name}`)
}
