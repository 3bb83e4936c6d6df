import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from "node:fs"
import { join, resolve } from "node:path"
import { ChainBridgeError } from "../../platform/errors.ts"
import { type DataDirectoryLock, lockDataDirectory } from "./data-directory-lock.ts"

/** Raised when what lies in a data directory can no longer be read by the version before. */
const FORMAT = "1"
const FREE_BYTES_MIN = 512 * 1024 * 1024

export type DataDirectory = {
  readonly path: string
  readonly lock: DataDirectoryLock
  readonly isNew: boolean
}

/**
 * Makes or opens the directory that holds everything `start` keeps, and takes its lock.
 * @throws ChainBridgeError NO_DISK_SPACE, DATA_DIR_VERSION, DATA_DIR_FOREIGN, DATA_DIR_IN_USE, DATA_DIR_UNUSABLE
 */
export function openDataDirectory(given: string, readFreeBytes = freeBytes): DataDirectory {
  const path = resolve(given)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new ChainBridgeError(
      "DATA_DIR_UNUSABLE",
      `${path} cannot be made: choose another with --data-dir`,
      { cause },
    )
  }
  const formatFile = join(path, "format")
  if (existsSync(formatFile)) {
    const format = readFileSync(formatFile, "utf8").trim()
    if (format !== FORMAT) {
      throw new ChainBridgeError(
        "DATA_DIR_VERSION",
        `${path} was made by another version of ChainBridge (data format ${format}, this one reads ${FORMAT}): run that version, or choose another directory with --data-dir`,
      )
    }
  } else if (readdirSync(path).some((name) => !name.startsWith("lock"))) {
    throw new ChainBridgeError(
      "DATA_DIR_FOREIGN",
      `${path} is not empty and not a ChainBridge data directory: choose another with --data-dir`,
    )
  }
  const free = readFreeBytes(path)
  if (free < FREE_BYTES_MIN) {
    throw new ChainBridgeError(
      "NO_DISK_SPACE",
      `only ${Math.floor(free / 1024 / 1024)} MB are free where ${path} is, 512 MB are needed: make room, or choose another place with --data-dir`,
    )
  }
  const lock = lockDataDirectory(path)
  const isNew = !existsSync(formatFile)
  if (isNew) writeFileSync(formatFile, `${FORMAT}\n`, { mode: 0o600 })
  chmodSync(path, 0o700)
  mkdirSync(join(path, "logs"), { recursive: true, mode: 0o700 })
  return { path, lock, isNew }
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}
