import { existsSync, readFileSync, renameSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { gunzip } from "node:zlib"
import { keepCanonicalBlocks, type SavedBlock } from "./canonical-blocks.ts"
import { writeDurably } from "./write-durably.ts"

const gunzipAsync = promisify(gunzip)

/**
 * The local chain's saved states in one directory: the newest periodic one, the one before it, and the one that the
 * chain's own process writes when it ends. Each may be cut short by a crash; gzip's checksum and a complete JSON tell.
 */
const NEWEST = "state.json.gz"
const OLDER = "state.older.json.gz"
export const EXIT_DUMP = "state.exit.json"

export type ChainDump = {
  readonly file: string
  readonly blockNumber: number
  readonly json: Buffer
  /** Files that were there and could not be read to their end. */
  readonly damaged: readonly string[]
}

/** Saves a gzipped state as the newest one; the newest of before becomes the older one. */
export function saveChainDump(directory: string, gzipped: Uint8Array): void {
  const newest = join(directory, NEWEST)
  // Between the two renames there is only the older one, which is a whole one.
  if (existsSync(newest)) renameSync(newest, join(directory, OLDER))
  writeDurably(newest, gzipped)
}

/** The readable state with the highest block; undefined when the chain was never saved. */
export async function loadChainDump(directory: string): Promise<ChainDump | undefined> {
  const damaged: string[] = []
  let best: { file: string; blockNumber: number; json: Buffer } | undefined
  for (const file of [EXIT_DUMP, NEWEST, OLDER]) {
    const path = join(directory, file)
    if (!existsSync(path)) continue
    try {
      const bytes = readFileSync(path)
      const json = file.endsWith(".gz") ? await gunzipAsync(bytes) : bytes
      const state = readState(json)
      if (best === undefined || state.blockNumber > best.blockNumber) best = { file, ...state }
    } catch {
      damaged.push(file)
    }
  }
  return best === undefined ? undefined : { ...best, damaged }
}

function readState(json: Buffer): { blockNumber: number; json: Buffer } {
  const state = JSON.parse(json.toString("utf8")) as { best_block_number?: unknown; blocks?: unknown }
  const blockNumber = Number(state.best_block_number)
  if (!Number.isSafeInteger(blockNumber) || !Array.isArray(state.blocks))
    throw new TypeError("not a chain state")
  const blocks = keepCanonicalBlocks(state.blocks as SavedBlock[], blockNumber)
  if (blocks.length === state.blocks.length) return { blockNumber, json }
  return { blockNumber, json: Buffer.from(JSON.stringify({ ...state, blocks })) }
}
