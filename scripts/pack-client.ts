import { execFile } from "node:child_process"
import { copyFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
const root = join(import.meta.dirname, "..")
const tsc = join(root, "node_modules", "typescript", "bin", "tsc")

export type PackedClient = {
  /** What would be published. */
  readonly tarball: string
  /** Of what is in it. */
  readonly files: readonly string[]
  /** The package as it was before it was packed. */
  readonly source: string
}

/** Builds the client below `directory`, and packs it as `npm publish` would. */
export async function packClient(directory: string): Promise<PackedClient> {
  // A package of its own, so that nothing that lies in dist from before is in it.
  const source = join(directory, "client")
  await run(process.execPath, [tsc, "-p", join(root, "client"), "--outDir", join(source, "dist")])
  for (const name of ["package.json", "README.md", "LICENSE"])
    await copyFile(join(root, "client", name), join(source, name))
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", directory], { cwd: source })
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  const tarball = join(directory, packed.filename)
  return { tarball, files: packed.files.map(({ path }) => path), source }
}
