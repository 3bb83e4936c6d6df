import { readFileSync } from "node:fs"
import { ChainBridgeError } from "../../platform/errors.ts"

/**
 * A file of a data directory. They are written whole or not at all: one that cannot be read was changed by somebody else.
 * @throws ChainBridgeError DATA_DIR_DAMAGED, which names the file and repeats nothing of it: there may be secrets in it
 */
export function readJsonFile<Content extends object>(path: string): Content {
  try {
    const content: unknown = JSON.parse(readFileSync(path, "utf8"))
    if (typeof content === "object" && content !== null) return content as Content
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new ChainBridgeError(
    "DATA_DIR_DAMAGED",
    `${path} is not the JSON that was written there: bring it back`,
  )
}
