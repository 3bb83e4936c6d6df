// `npm run client:pack`: packs the client as it would be published, and prints where the archive is.
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { packClient } from "./pack-client.ts"

const directory = mkdtempSync(join(tmpdir(), "chainbridge-client-pack-"))
try {
  const { tarball } = await packClient(directory)
  const target = join(import.meta.dirname, "..", "client", basename(tarball))
  copyFileSync(tarball, target)
  console.log(target)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
