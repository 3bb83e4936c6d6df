import { execFile } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { DocsStack } from "./docs-stack.ts"
import { type Example, root } from "./read-examples.ts"

/** A program that the page starts and that takes too long to run here. */
export type NamedProgram = { readonly line: number; readonly script: string; readonly args: string }

export type ShellRun = {
  /** What went otherwise than the page says; empty when all went well. */
  readonly wrong: string
  /** What its commands printed. */
  readonly said: string
  readonly programs: readonly NamedProgram[]
}

const timeoutMs = 200_000
const prelude = join(import.meta.dirname, "prelude.sh")

/** Runs a page's shell examples as one script, from top to bottom, against the stack. @param env the variables that the page takes for granted */
export async function runShell(
  page: string,
  examples: readonly Example[],
  { stack, checkout, scratch }: DocsStack,
  env: Readonly<Record<string, string>>,
): Promise<ShellRun> {
  const directory = join(scratch, page.replaceAll("/", "_"))
  mkdirSync(directory)
  const script = join(directory, "script.sh")
  // Each command stands on the line that it has in the page.
  const lines: string[] = []
  for (const { line, code } of examples)
    lines.splice(line - 1, 0, ...padding(lines, line), ...code.split("\n"))
  writeFileSync(script, lines.join("\n"))
  const ended = await new Promise<string>((resolve) => {
    const child = execFile(
      "bash",
      ["-c", 'source "$0"; source "$1"', prelude, script],
      {
        cwd: checkout,
        timeout: timeoutMs,
        env: {
          ...inherited(),
          ...env,
          ...{ DOCS_PAGE: page, DOCS_SCRIPT: script, DOCS_SCRATCH: directory, DOCS_API: stack.api_url },
        },
      },
      (error, _stdout, stderr) => resolve(error === null ? "" : `${error.message}\n${stderr}`),
    )
    child.stdin?.end()
  })
  const read = (name: string) =>
    existsSync(join(directory, name)) ? readFileSync(join(directory, name), "utf8") : ""
  const programs = read("programs")
    .split("\n")
    .filter((text) => text !== "")
    .map((text) => {
      const [line, script_ = "", args = ""] = text.split("\t")
      return { line: Number(line), script: script_, args }
    })
  return { wrong: [read("wrong"), ended].join(""), said: read("said"), programs }
}

function padding(lines: readonly string[], line: number): string[] {
  return Array.from({ length: Math.max(0, line - 1 - lines.length) }, () => "")
}

/** Nothing of the machine's that a command would take for its own. */
function inherited(): Record<string, string> {
  const { PATH = "", HOME = "" } = process.env
  // The same Node for every command, whatever the machine has.
  return { PATH: `${join(root, "node_modules", ".bin")}:${PATH}`, HOME, NO_COLOR: "1" }
}
