import { destination, pino } from "pino"

export type Logger = import("pino").Logger

/** JSON lines on stderr; stdout belongs to what a command prints. Secrets are cut out by path. */
export function createLogger(role: string, level = process.env.LOG_LEVEL ?? "info"): Logger {
  return pino(
    {
      level,
      base: { role, pid: process.pid },
      redact: {
        paths: [
          "api_key",
          "authorization",
          "*.api_key",
          "*.authorization",
          "*.privateKey",
          "headers.*",
          "raw",
        ],
        censor: "[redacted]",
      },
    },
    destination({ fd: 2, sync: false }),
  )
}
