import { type FileHandle, open, readlink, realpath, rename, rm, stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"
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
  // A name of an open file, such as /dev/stdout: what it leads to is somebody else's, and is not to be replaced.
  const isOpenFile = /^\/(dev\/(stdout|stderr|fd\/\d+)|proc\/[^/]+\/fd\/\d+)$/.test(path)
  const target = await targetOf(path)
  const there = await stat(target).catch(() => undefined)
  if (isOpenFile || there?.isFile() === false) return await writeThrough(path, write)
  const draft = `${target}.${process.pid}.tmp`
  const file = await openFor(path, draft, "w")
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

/** Where a link leads to, also where nothing is there yet. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const link = await readlink(path).catch(() => undefined)
    return link === undefined ? path : resolve(dirname(path), link)
  }
}

async function writeThrough<Result>(
  path: string,
  write: (append: (text: string) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const file = await openFor(path, path, "a")
  try {
    return await write(async (text) => {
      await file.writeFile(text)
    })
  } finally {
    await file.close()
  }
}

function openFor(path: string, opened: string, flags: "w" | "a"): Promise<FileHandle> {
  return open(opened, flags, 0o600).catch((cause: unknown) => {
    throw new ChainBridgeError("UNWRITABLE_FILE", `${path} cannot be written`, { cause })
  })
}
