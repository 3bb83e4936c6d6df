import { existsSync } from "node:fs"
import { join } from "node:path"
import { readJsonFile } from "./read-json-file.ts"
import { writeDurably } from "./write-durably.ts"

/** What programs need to know of a stack, in <data-dir>/stack.json, readable by its owner alone. */
export type StackFile = {
  readonly api_url: string
  readonly api_key: string
  readonly rpc_url: string
  readonly chain_id: number
  /** The owner's login: it may look at everything. */
  readonly database_url: string
  /** What the processes log in as. */
  readonly app_database_url: string
  readonly indexer_url: string
  readonly token_address: string
  readonly wallet_manager: string
  readonly audit_anchor: string | null
  readonly ledger_id: string
  readonly data_dir: string
  /** The YAML files that it runs on, and the directory that is laid over them; "": none. Absent in a file that an older program wrote. */
  readonly config_dir?: string
  readonly config_overlay?: string
  /** By name; empty when the stack was stopped cleanly. */
  readonly pids: Readonly<Record<string, number>>
}

export function writeStackFile(dataDirectory: string, stack: StackFile): void {
  writeDurably(stackFilePath(dataDirectory), `${JSON.stringify(stack, null, 2)}\n`)
}

export function readStackFile(dataDirectory: string): StackFile | undefined {
  const path = stackFilePath(dataDirectory)
  if (!existsSync(path)) return undefined
  return readJsonFile<StackFile>(path)
}

export function stackFilePath(dataDirectory: string): string {
  return join(dataDirectory, "stack.json")
}
