import { spawnSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A file system of its own that can be filled up. */
export type SmallDisk = {
  readonly directory: string
  /** Takes all the space but so much. */
  fill(leftBytes: number): void
  /** Gives the space back. */
  free(): void
  remove(): void
}

/** @returns undefined where this user may not mount anything */
export function mountSmallDisk(megabytes: number): SmallDisk | undefined {
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-disk-"))
  const options = `size=${megabytes}m,mode=0755`
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", options, "chainbridge-test", directory])
  if (mounted.status !== 0) {
    rmdirSync(directory)
    return undefined
  }
  const ballast = join(directory, "ballast")
  return {
    directory,
    fill(leftBytes) {
      const { bavail, bsize } = statfsSync(directory)
      const file = openSync(ballast, "a")
      const chunk = Buffer.alloc(bsize)
      for (let left = bavail * bsize - leftBytes; left >= bsize; left -= bsize) writeSync(file, chunk)
      closeSync(file)
    },
    free: () => rmSync(ballast, { force: true }),
    remove() {
      // Whoever is still in it keeps it until he ends.
      spawnSync("umount", ["--lazy", directory])
      rmdirSync(directory)
    },
  }
}
