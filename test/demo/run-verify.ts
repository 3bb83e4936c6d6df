import { spawn } from "node:child_process"
import { join } from "node:path"

export type Verification = { readonly ok: boolean; readonly said: string }

const program = join(import.meta.dirname, "..", "..", "cli", "main.ts")

/** `chainbridge verify`, as an operator would run it. */
export async function runVerify(dataDirectory: string | undefined): Promise<Verification | undefined> {
  if (dataDirectory === undefined && process.env["DATABASE_URL"] === undefined) return undefined
  const where = dataDirectory === undefined ? [] : ["--data-dir", dataDirectory]
  // The stack's own database, whatever this shell is set to.
  const { DATABASE_URL, ...others } = process.env
  const env = dataDirectory === undefined ? process.env : others
  const child = spawn(process.execPath, [program, "verify", ...where], {
    stdio: ["ignore", "pipe", "pipe"],
    env,
  })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { ok: code === 0, said: said.trim() }
}
