import { resolve } from "node:path"
import { outliveOutput } from "../closed-output.ts"
import { parsePort } from "../parse-port.ts"
import type { ProcessList } from "../stack/leftovers.ts"
import { createProgress, formatSeconds, type Progress } from "../stack/progress.ts"
import { runStack } from "../stack/run-stack.ts"
import type { StackFile } from "../stack/stack-file.ts"
import { type RolePrograms, roleNames } from "../stack/stack-roles.ts"
import { createStopSequence } from "../stack/stop-sequence.ts"

export type StartCommandOptions = {
  readonly port: string
  readonly dataDir: string
  readonly configDir: string
  readonly overlay: string
  readonly rpcUrl?: string
  readonly json: boolean
  readonly ephemeral: boolean
}

/**
 * `chainbridge start`: everything on one machine, until SIGINT or SIGTERM. Ends the process.
 * @param programs of a test that puts its own in a role's place
 */
export async function startCommand(options: StartCommandOptions, programs?: RolePrograms): Promise<void> {
  outliveOutput()
  const began = performance.now()
  const progress = createProgress(options.json)
  const stops = createStopSequence()
  let processes: ProcessList | undefined
  let exitCode = 0
  async function end(): Promise<never> {
    await stops.run((message) => progress.note(`while stopping: ${message}`))
    progress.note("stopped")
    process.exit(exitCode)
  }
  const fail = (error: unknown) => {
    if (stops.isStopping()) return
    exitCode = 1
    progress.failed(error)
    void end()
  }
  const interrupt = (signal: string) => {
    if (stops.isStopping()) {
      // The chain and PostgreSQL are the guard's, which ends them cleanly once we are gone: the chain would lose its tail.
      processes?.killNow(roleNames)
      process.exit(130)
    }
    progress.note(`${signal}: stopping`)
    void end()
  }
  process.on("SIGINT", () => interrupt("SIGINT"))
  process.on("SIGTERM", () => interrupt("SIGTERM"))
  process.on("SIGHUP", () => interrupt("SIGHUP"))
  try {
    const stack = await runStack(
      {
        dataDirectory: resolve(options.dataDir),
        isEphemeral: options.ephemeral,
        apiPort: parsePort("--port", options.port),
        rpcUrl: options.rpcUrl ?? (process.env["CHAINBRIDGE_RPC_URL"] || undefined),
        databaseUrl: process.env["DATABASE_URL"] || undefined,
        configuration: {
          directory: resolve(options.configDir),
          overlay: options.overlay === "" ? undefined : options.overlay,
        },
        programs,
      },
      {
        progress,
        stops,
        onGivenUp: fail,
        onProcessList: (list) => {
          processes = list
        },
      },
    )
    if (!stops.isStopping()) announce(progress, stack, performance.now() - began)
  } catch (error) {
    if (stops.isStopping()) await end()
    else fail(error)
  }
}

function announce(progress: Progress, stack: StackFile, ms: number): void {
  const body =
    '{"adjustments":[{"user_id":"user_123","token_symbol":"CPOP","amount":"+100","reason_type":"reward"}]}'
  progress.ready({ ...stack, ms: Math.round(ms) }, [
    `ChainBridge is ready after ${formatSeconds(ms)}.`,
    "",
    `  API        ${stack.api_url}/api/v1   (reference: ${stack.api_url}/docs)`,
    `  API key    ${stack.api_key}`,
    `  Chain      ${stack.rpc_url} (chain ${stack.chain_id}, token ${stack.token_address})`,
    `  Data       ${stack.data_dir} (addresses in stack.json, logs in logs/)`,
    "",
    "Give somebody 100 CPOP:",
    "",
    `  curl -s ${stack.api_url}/api/v1/balance/adjust -H 'Authorization: Bearer ${stack.api_key}' -H 'Content-Type: application/json' -d '${body}'`,
    "",
    "and see it confirmed some seconds later:",
    "",
    `  curl -s ${stack.api_url}/api/v1/balance/user_123 -H 'Authorization: Bearer ${stack.api_key}'`,
    "",
    "Ctrl-C stops everything; the next start resumes from here.",
  ])
}
