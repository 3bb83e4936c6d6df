import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises"
import { dirname } from "node:path"
import { ChainBridgeError } from "../platform/errors.ts"

/**
 * Writes a file piece by piece so that it appears under its name only when all of it is on disk. Whatever fails leaves the name as it was. What a link leads to is
 * written instead of the link, and what is no file, such as /dev/null, gets the pieces as they come: a name in /dev must never be replaced.
 * @param write gets a function that resolves when the piece is with the operating system
 * @throws ChainBridgeError UNWRITABLE_FILE; and what `write` and the file system say
 */
export async function writeStreamDurably<Result>(
  path: string,
  write: (append: (text: string) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const target = await realpath(path).catch(() => path)
  const there = await stat(target).catch(() => undefined)
  if (there?.isFile() === false) return await writeThrough(path, write)
  const draft = `${target}.${process.pid}.tmp`
  const file = await openFor(path, draft)
  try {
    const result = await write(async (text) => {
      await file.writeFile(text)
    })
    await file.sync()
    await file.close()
    await rename(draft, target)
    const directory = await open(dirname(target), "r")
    await directory.sync().finally(() => directory.close())
    return result
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(draft, { force: true })
    throw error
  }
}

async function writeThrough<Result>(
  path: string,
  write: (append: (text: string) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const file = await openFor(path, path)
  try {
    return await write(async (text) => {
      await file.writeFile(text)
    })
  } finally {
    await file.close()
  }
}

function openFor(path: string, opened: string): Promise<FileHandle> {
  return open(opened, "w", 0o600).catch((cause: unknown) => {
    throw new ChainBridgeError("UNWRITABLE_FILE", `${path} cannot be written`, { cause })
  })
}
