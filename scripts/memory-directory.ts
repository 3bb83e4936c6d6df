import { accessSync, chmodSync, constants, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs"
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
    const { bavail, bsize } = statfsSync(parent)
    if (bavail * bsize < freeMin || availableMemory() < availableMin) return undefined
    // Short, for sockets in it have short names only.
    directory = mkdtempSync(join(parent, "cb-"))
    // A PostgreSQL that root starts runs as somebody else, and has to get through.
    chmodSync(directory, 0o755)
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
