// `npm run client:check`: is the client, packed as it would be published, a package that everybody can install and import?
//   npm run client:check                     packs it first
//   npm run client:check -- some.tgz         an archive that is there
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { packClient } from "./pack-client.ts"

const root = join(import.meta.dirname, "..")
const attw = join(root, "node_modules", "@arethetypeswrong", "cli", "dist", "index.js")

const directory = mkdtempSync(join(tmpdir(), "chainbridge-client-check-"))
try {
  const tarball = process.argv[2] ?? (await packClient(directory)).tarball
  const faults = [...(await lint(tarball)), ...findTypeFaults(tarball)]
  for (const fault of faults) console.error(fault)
  if (faults.length > 0) process.exitCode = 1
  else console.log("publint and attw: nothing to say")
} finally {
  rmSync(directory, { recursive: true, force: true })
}

/** Suggestions count, too. */
async function lint(tarball: string): Promise<string[]> {
  const bytes = readFileSync(tarball)
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
    level: "suggestion",
    strict: true,
  })
  return messages.map((message) => `publint: ${formatMessage(message, pkg ?? {}) ?? message.code}`)
}

/** The package is ESM alone: from 20.19 on, Node can also require that. */
function findTypeFaults(tarball: string): string[] {
  const args = [attw, tarball, "--profile", "esm-only", "--format", "ascii", "--no-color"]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" })
  return status === 0 ? [] : [`attw: ${stdout}${stderr}`]
}
