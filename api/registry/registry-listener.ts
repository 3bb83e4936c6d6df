import pg from "pg"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"

/** Says that something in schema `registry` changed; the payload is free. */
const registryChangedChannel = "registry_changed"

/** Calls `onChange` on every notification, and after each reconnect, when one may have been missed. */
export function listenToRegistry(options: {
  readonly databaseUrl: string
  readonly logger: Logger
  readonly onChange: () => void
}): { stop(): Promise<void> } {
  const { databaseUrl, logger, onChange } = options
  let client: pg.Client | undefined
  let retry: NodeJS.Timeout | undefined
  let isStopping = false

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: databaseUrl, application_name: "chainbridge-api-listen" })
    let isLost = false
    const lost = (error?: Error): void => {
      if (isLost) return
      isLost = true
      client = undefined
      next.end().catch(() => undefined)
      if (isStopping) return
      logger.warn({ reason: describeError(error ?? "ended") }, "the registry's notifications were lost")
      retry = setTimeout(() => void connect(), 1_000)
    }
    next.on("error", lost)
    next.on("end", () => lost())
    next.on("notification", onChange)
    try {
      await next.connect()
      if (isStopping) return await next.end()
      client = next
      await next.query(`LISTEN ${registryChangedChannel}`)
      onChange()
    } catch (error) {
      lost(error instanceof Error ? error : new Error(String(error)))
    }
  }

  void connect()
  return {
    async stop() {
      isStopping = true
      clearTimeout(retry)
      await client?.end().catch(() => undefined)
    },
  }
}
