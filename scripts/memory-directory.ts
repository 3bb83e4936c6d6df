import {
  accessSync,
  chmodSync,
  constants,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { availableMemory } from "node:process"

const gibibyte = 2 ** 30
/** What the suites have been seen to keep there at once, several times over. */
const freeMin = 6 * gibibyte
/** What their processes need beside it. */
const availableMin = 10 * gibibyte

/**
 * Makes a directory in memory for what tests would put on a disk and delete again. Every copy of a database is thousands of files, and what a file system like ext4 does to make and
 * delete them was seen to cost an eighth of all that a run of the tests costs.
 * @returns undefined where there is no such file system, or it is small, or runs no programs, or memory is short
 */
export function makeMemoryDirectory(parent = "/dev/shm"): string | undefined {
  let directory: string | undefined
  try {
    removeLeft(parent)
    const { bavail, bsize } = statfsSync(parent)
    if (bavail * bsize < freeMin || availableMemory() < availableMin) return undefined
    // Short, for sockets in it have short names only.
    directory = makeOpenDirectory(join(parent, `cb-${process.pid}-`))
    const program = join(directory, "program")
    writeFileSync(program, "", { mode: 0o700 })
    accessSync(program, constants.X_OK)
    rmSync(program)
    return directory
  } catch {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
    return undefined
  }
}

/** One that everybody may pass through: a PostgreSQL that root starts runs as somebody else. */
export function makeOpenDirectory(prefix: string): string {
  const directory = mkdtempSync(prefix)
  chmodSync(directory, 0o755)
  return directory
}

/** What runs have left that were ended with -9: nobody else gives that memory back. */
function removeLeft(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = /^cb-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || isAlive(Number(pid))) continue
    try {
      rmSync(join(parent, name), { recursive: true, force: true })
    } catch {
      // Somebody else's.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}
