import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { delimiter, join } from "node:path"

/** What is fetched where the machine has no Node of that major version. */
const versions = { 20: "20.20.2", 22: "22.23.3", 24: "24.21.0" } as const

export type NodeMajor = keyof typeof versions

const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "chainbridge", "nodes")

/**
 * A Node of a major version: our own, the machine's, or one that npm brings. That stays in a cache outside of the repository, so that installing it stays as small as it is.
 * @returns its path; undefined where there is none and npm cannot fetch one
 */
export function findNode(major: NodeMajor): string | undefined {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((directory) => join(directory, "node"))
  const cached = join(cache, versions[major], "bin", "node")
  const has = (node: string) => existsSync(node) && majorOf(node) === major
  const found = [process.execPath, ...onPath, cached].find(has)
  if (found !== undefined) return found
  return fetchNode(versions[major]) && has(cached) ? cached : undefined
}

function majorOf(node: string): number {
  const { stdout } = spawnSync(node, ["-p", "process.versions.node.split('.')[0]"], { encoding: "utf8" })
  return Number(stdout)
}

function fetchNode(version: string): boolean {
  const directory = join(cache, `${version}.${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const name = `node-${process.platform}-${process.arch}@${version}`
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { cwd: directory, encoding: "utf8" })
  const packed = run("npm", "pack", "--silent", name)
  const isThere = packed.status === 0 && run("tar", "xzf", packed.stdout.trim()).status === 0
  // Of two that fetch it at once, the second finds it there.
  if (isThere && !existsSync(join(cache, version)))
    renameSync(join(directory, "package"), join(cache, version))
  rmSync(directory, { recursive: true, force: true })
  return isThere
}
