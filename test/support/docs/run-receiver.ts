import { spawn } from "node:child_process"
import { once } from "node:events"
import { Webhook } from "standardwebhooks"
import { waitUntil } from "../wait-until.ts"
import type { Example } from "./read-examples.ts"
import { type ProgramLanguage, writeProgram } from "./run-program.ts"

/** Whether a page's program waits for requests: it has no end. */
export function isReceiver(examples: readonly Example[]): boolean {
  return examples.some(({ code }) => code.includes(".listen(process.env.PORT)"))
}

/** Starts a page's receiver of webhooks and sends it a message that is signed, and one that is not. @returns faults */
export async function runReceiver(
  language: ProgramLanguage,
  examples: readonly Example[],
  project: string,
  env: Readonly<Record<string, string>>,
): Promise<string[]> {
  const { directory, file } = await writeProgram(language, examples, project, env)
  const child = spawn(process.execPath, [file], {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let said = ""
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
  const ended = once(child, "close")
  try {
    const body = JSON.stringify({
      id: "1",
      type: "balance.adjusted",
      time: new Date().toISOString(),
      data: {},
    })
    const now = new Date()
    const signature = new Webhook(env["WEBHOOK_SECRET"] ?? "").sign("msg_1", now, body)
    const send = async (signedBy: string) => {
      const response = await fetch(`http://127.0.0.1:${env["PORT"]}/`, {
        method: "POST",
        body,
        headers: {
          "webhook-id": "msg_1",
          "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
          "webhook-signature": signedBy,
        },
      })
      return response.status
    }
    const isUp = () => send("v1,none").catch(() => false as const)
    const forged = await waitUntil(async () => (child.exitCode === null ? isUp() : 0), { what: "it listens" })
    if (forged === 0) return [`it ended: ${said}`]
    const signed = await send(signature)
    return [
      ...(forged === 400 ? [] : [`what nobody has signed was answered with ${forged}: ${said}`]),
      ...(signed < 300 ? [] : [`what is signed was answered with ${signed}: ${said}`]),
    ]
  } finally {
    child.kill("SIGKILL")
    await ended
  }
}
