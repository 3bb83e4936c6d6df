import { open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { ChainBridgeError } from "../platform/errors.ts"

/**
 * Writes a file piece by piece so that it appears under its name only when all of it is on disk. Whatever fails leaves the name as it was.
 * @param write gets a function that resolves when the piece is with the operating system
 * @throws ChainBridgeError UNWRITABLE_FILE; and what `write` and the file system say
 */
export async function writeStreamDurably<Result>(
  path: string,
  write: (append: (text: string) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const draft = `${path}.${process.pid}.tmp`
  const file = await open(draft, "w", 0o600).catch((cause: unknown) => {
    throw new ChainBridgeError("UNWRITABLE_FILE", `${path} cannot be written`, { cause })
  })
  try {
    const result = await write(async (text) => {
      await file.writeFile(text)
    })
    await file.sync()
    await file.close()
    await rename(draft, path)
    const directory = await open(dirname(path), "r")
    await directory.sync().finally(() => directory.close())
    return result
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(draft, { force: true })
    throw error
  }
}
