import { spawn } from "node:child_process"
import { join } from "node:path"
import { inherited } from "./inherited.ts"

const main = join(import.meta.dirname, "..", "..", "cli", "main.ts")
const readyTimeoutMs = 60_000

export type ApiProcess = {
  readonly url: string
  readonly pid: number
  /** The signal that ended it, or its exit code. */
  readonly ended: Promise<NodeJS.Signals | number | null>
  kill(signal: NodeJS.Signals): void
  /** What it logged last. */
  log(): string
}

/** The API role as it ships, in a process of its own on a free port, up to the moment where it is ready. It dies with us. */
export function startApiProcess(
  databaseUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ApiProcess> {
  return startRoleProcess("api", databaseUrl, environment)
}

/** The same of any role; one that serves nothing has an empty URL. */
export async function startRoleProcess(
  role: "api" | "worker",
  databaseUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ApiProcess> {
  const child = spawn(process.execPath, [main, role], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: {
      ...inherited,
      DATABASE_URL: databaseUrl,
      PORT: "0",
      LOG_LEVEL: "warn",
      ...environment,
    },
  })
  let log = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-20_000)
    })
  }
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? code))
  })
  const ready = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(reject, readyTimeoutMs, new Error(`the ${role} is not ready: ${log}`))
    child.once("message", (message: { details: { url?: string } }) => {
      clearTimeout(timer)
      resolve(message.details.url ?? "")
    })
    void ended.then((how) => {
      clearTimeout(timer)
      reject(new Error(`the ${role} ended with ${how}: ${log}`))
    })
  })
  try {
    const url = await ready
    return { url, pid: child.pid ?? 0, ended, kill: (signal) => child.kill(signal), log: () => log }
  } catch (error) {
    child.kill("SIGKILL")
    throw error
  }
}
