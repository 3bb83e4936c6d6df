import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { readStackFile } from "../../cli/stack/stack-file.ts"

export type StackFlags = {
  readonly dataDir: string
  readonly url?: string
  readonly key?: string
  readonly rpcUrl?: string
}

export type FoundStack = {
  readonly apiUrl: string
  readonly apiKey: string
  readonly rpcUrl: string
  /** Where the run's files go. */
  readonly workDirectory: string
  /** Where `chainbridge verify` finds the database; undefined for a stack that is known by its URL alone. */
  readonly dataDirectory: string | undefined
}

/**
 * The running stack that the flags or a stack.json name.
 * @throws Error that says what to do, when there is none
 */
export async function findStack(flags: StackFlags): Promise<FoundStack> {
  const stack = flags.url === undefined ? fromDataDirectory(flags) : fromFlags(flags)
  if (await answers(`${stack.apiUrl}/livez`)) return stack
  throw new Error(`nothing answers at ${stack.apiUrl}: ${howToStart}`)
}

const howToStart =
  "start the stack with `npm start` in another terminal, or name a running one with --data-dir, or with --url, --key and --rpc-url"

function fromDataDirectory(flags: StackFlags): FoundStack {
  const directory = resolve(flags.dataDir)
  const stack = readStackFile(directory)
  if (stack === undefined || Object.keys(stack.pids).length === 0)
    throw new Error(`no stack runs in ${directory}: ${howToStart}`)
  return {
    apiUrl: stack.api_url,
    apiKey: flags.key ?? stack.api_key,
    rpcUrl: flags.rpcUrl ?? stack.rpc_url,
    workDirectory: join(directory, "demo"),
    dataDirectory: directory,
  }
}

function fromFlags({ url, key, rpcUrl }: StackFlags): FoundStack {
  if (url === undefined || key === undefined || rpcUrl === undefined)
    throw new Error("--url needs --key (of an app with the scope admin) and --rpc-url (of the app's chain)")
  return {
    apiUrl: url.replace(/\/+$/, ""),
    apiKey: key,
    rpcUrl,
    workDirectory: join(tmpdir(), "chainbridge-demo"),
    dataDirectory: undefined,
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok
  } catch {
    return false
  }
}
