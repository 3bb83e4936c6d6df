import pg from "pg"
import { describeError } from "./errors.ts"
import type { Logger } from "./logger.ts"

const reconnectDelayMs = 1_000

export type Notification = { readonly channel: string; readonly payload: string }

/**
 * Listens on channels with a connection of its own, for as long as the process lives.
 * @param options.onNotification gets null after the connection was made (again): anything may have been missed
 */
export function listen(options: {
  readonly databaseUrl: string
  readonly applicationName: string
  readonly channels: readonly string[]
  readonly logger: Logger
  readonly onNotification: (notification: Notification | null) => void
}): { stop(): Promise<void> } {
  let isStopping = false
  let current: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let connecting: Promise<void> = Promise.resolve()

  function lost(client: pg.Client, error: unknown): void {
    if (client !== current || isStopping) return
    current = undefined
    client.end().catch(() => undefined)
    options.logger.warn({ fault: describeError(error) }, "the listening connection is lost and is made again")
    timer = setTimeout(() => {
      connecting = connect()
    }, reconnectDelayMs)
  }

  async function connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: options.databaseUrl,
      application_name: options.applicationName,
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    })
    current = client
    client.on("error", (error) => lost(client, error))
    client.on("end", () => lost(client, new Error("the connection ended")))
    client.on("notification", ({ channel, payload }) =>
      options.onNotification({ channel, payload: payload ?? "" }),
    )
    try {
      await client.connect()
      for (const channel of options.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      options.onNotification(null)
    } catch (error) {
      lost(client, error)
    }
  }

  connecting = connect()
  return {
    async stop() {
      isStopping = true
      clearTimeout(timer)
      await connecting
      await current?.end().catch(() => undefined)
    },
  }
}
