import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs"
import { dirname } from "node:path"

/** Replaces a file so that after a crash it holds either the old content or the new one, readable by us alone. */
export function writeDurably(path: string, content: string | Uint8Array): void {
  const draft = `${path}.${process.pid}.tmp`
  const file = openSync(draft, "w", 0o600)
  try {
    const bytes = typeof content === "string" ? Buffer.from(content) : content
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(draft, path)
  syncDirectory(dirname(path))
}

/** Has what was made, renamed and removed in a directory outlive a crash. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, "r")
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
