import { execFile } from "node:child_process"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { type PackedClient, packClient } from "../../scripts/pack-client.ts"

export type InstalledClient = PackedClient & {
  /** An empty project that has installed it and nothing else. */
  readonly project: string
}

/** Packs the client below `directory`, and installs it in a project of its own. */
export async function installClient(directory: string): Promise<InstalledClient> {
  const packed = await packClient(directory)
  const project = join(directory, "project")
  await mkdir(project)
  await writeFile(join(project, "package.json"), '{ "type": "module", "private": true }')
  await promisify(execFile)("npm", ["install", "--offline", "--no-audit", packed.tarball], { cwd: project })
  return { ...packed, project }
}
