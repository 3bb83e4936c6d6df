import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { readStackFile, type StackFile } from "../../../cli/stack/stack-file.ts"
import { root } from "./read-examples.ts"

const run = promisify(execFile)

export type DocsStack = {
  readonly stack: StackFile
  /** Looks like the repository, and takes what the examples write. */
  readonly checkout: string
  /** For what a page's run leaves behind. */
  readonly scratch: string
  /** What `npm start` has printed. */
  readonly said: () => string
  stop(): Promise<void>
}

/** One stack for every page, started as the README says but for the port, in a checkout that may be written to. */
export async function startDocsStack(): Promise<DocsStack> {
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-docs-"))
  const [checkout, scratch] = ["checkout", "scratch"].map((name) =>
    mkdtempSync(join(directory, `${name}-`)),
  ) as [string, string]
  for (const name of readdirSync(root))
    if (!name.startsWith(".")) symlinkSync(join(root, name), join(checkout, name))
  const { DATABASE_URL, CHAINBRIDGE_RPC_URL, ...env } = process.env
  const child = spawn(process.execPath, ["cli/main.ts", "start", "--port", "0"], { cwd: checkout, env })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
  }
  const stop = async (): Promise<void> => {
    await end(child)
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout.on("data", () => {
        if (said.includes("Ctrl-C stops everything")) resolve()
      })
      child.once("close", () => reject(new Error(`start ended before it was ready: ${said}`)))
    })
    const stack = readStackFile(join(checkout, ".chainbridge"))
    if (stack === undefined) throw new Error(`there is no stack.json: ${said}`)
    await pastePrintedLines(said)
    return { stack, checkout, scratch, said: () => said, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What `start` prints for its reader to try. It also is the first event, after which the first checkpoint comes. @throws where one is not answered with 200 */
async function pastePrintedLines(said: string): Promise<void> {
  const lines = said.split("\n").filter((line) => line.startsWith("  curl "))
  if (lines.length < 2) throw new Error(`start shows nothing to paste: ${said}`)
  for (const line of lines) {
    const { stdout } = await run("bash", ["-c", line])
    if ((JSON.parse(stdout) as { code: number }).code !== 200) throw new Error(`${line}\n${stdout}`)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "close")
  child.kill("SIGTERM")
  await ended
}
