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
    // A write for every line would be one of the larger parts of a request.
    destination({ fd: 2, sync: false, minLength: 4_096, periodicFlush: 100 }),
  )
}
