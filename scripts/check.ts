// `npm run check`: everything that can be said about the sources without running them. Every check runs, each prints a
// line with its time, and those that failed show what they said.
import { execFileSync, spawn } from "node:child_process"
import { lstatSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { delimiter, join } from "node:path"
import { findFileFaults } from "./file-faults.ts"

type Outcome = { readonly isGood: boolean; readonly said: string }
type Check = { readonly name: string; run(): Promise<Outcome> }

const root = join(import.meta.dirname, "..")
const programs = join(root, "node_modules", ".bin")

// The slowest first: what is short fills the gaps.
const checks: readonly Check[] = [
  command("lint: promises, directions, amounts", "eslint", "--max-warnings=0", "."),
  command("types", "tsc"),
  command("types of the indexer", "tsc", "--noEmit", "-p", "indexer"),
  command("generated ABIs", "node", "contracts/scripts/build.ts", "--check"),
  command("types of the client", "tsc", "--noEmit", "-p", "client"),
  command("generated types of the client", "node", "scripts/client-types.ts", "--check"),
  command("generated docs", "node", "scripts/docs.ts", "--check"),
  command("dead code and dependencies", "knip", "--treat-config-hints-as-errors"),
  command("format and lint", "biome", "check", "--error-on-warnings", "--max-diagnostics=50", "."),
  { name: "length of files and work put off", run: checkFiles },
]

const failed: Check[] = []
const waiting = [...checks]
const workers = Array.from({ length: Math.max(2, availableParallelism()) }, async () => {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const began = performance.now()
    const { isGood, said } = await check
      .run()
      .catch((error: unknown) => ({ isGood: false, said: String(error) }))
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    console.log(`${isGood ? "ok    " : "FAILED"}  ${check.name.padEnd(36)} ${seconds.padStart(6)} s`)
    if (isGood) continue
    failed.push(check)
    console.log(said.trim().replaceAll(/^/gm, "        "))
  }
})
await Promise.all(workers)
console.log(
  failed.length === 0 ? "all checks passed" : `failed: ${failed.map(({ name }) => name).join("; ")}`,
)
if (failed.length > 0) process.exitCode = 1

function command(name: string, program: string, ...args: readonly string[]): Check {
  return {
    name,
    run: () =>
      new Promise((resolve) => {
        const path = `${programs}${delimiter}${process.env["PATH"] ?? ""}`
        const executable = program === "node" ? process.execPath : join(programs, program)
        const child = spawn(executable, args, { cwd: root, env: { ...process.env, PATH: path } })
        let said = ""
        for (const stream of [child.stdout, child.stderr]) {
          stream.on("data", (chunk: Buffer) => {
            said += chunk.toString()
          })
        }
        child.once("error", (error) => resolve({ isGood: false, said: error.message }))
        child.once("close", (code) => resolve({ isGood: code === 0, said }))
      }),
  }
}

async function checkFiles(): Promise<Outcome> {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  })
  const faults = [...new Set(list.split("\0"))]
    .filter((path) => lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile())
    .flatMap((path) => findFileFaults(path, readFileSync(join(root, path), "utf8")))
  return { isGood: faults.length === 0, said: faults.join("\n") }
}
