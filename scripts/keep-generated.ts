import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/**
 * Writes a file that follows from the code. With --check among the program's arguments it only says whether the file is as the code is, by the program's exit code.
 * @param path from the root of the repository
 * @param command what writes it, for who reads the message
 */
export function keepGenerated(path: string, text: string, command: string): void {
  const file = join(import.meta.dirname, "..", path)
  if (!process.argv.includes("--check")) writeFileSync(file, text)
  else if (readOrNothing(file) !== text) {
    console.error(`${path} is not what the code says: ${command}, and commit what it writes`)
    process.exitCode = 1
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ""
    throw error
  }
}
