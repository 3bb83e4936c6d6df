import { pino } from "pino"
import { ChainBridgeError } from "./errors.ts"
import { createLogOutput, type LogOutput } from "./log-output.ts"

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"]

/** One for all loggers of the process. */
let stderr: LogOutput | undefined

export type Logger = import("pino").Logger

/**
 * JSON lines on stderr; stdout belongs to what a command prints. Secrets are cut out by path.
 * @param usual the level where LOG_LEVEL is not set
 * @throws ChainBridgeError CONFIG_INVALID
 */
export function createLogger(role: string, usual = "info"): Logger {
  const level = process.env.LOG_LEVEL || usual
  if (!levels.includes(level)) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `LOG_LEVEL is ${JSON.stringify(level)}; allowed: ${levels.join(", ")}`,
    )
  }
  stderr ??= createLogOutput(2)
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
    stderr,
  )
}
