import { destination, pino } from "pino"
import { ChainBridgeError } from "./errors.ts"

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"]

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
  const output = openOutput()
  const logger = pino(
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
    output,
  )
  let lost = 0
  output.on("drop", () => {
    lost += 1
  })
  output.on("write", () => {
    if (lost === 0) return
    logger.warn({ lines: lost }, "lines of this log are lost: for a while they could not be written")
    lost = 0
  })
  return logger
}

/** More than this is not kept of what cannot be written. */
const keptBytesMax = 1_048_576

/** stderr. Where it takes nothing, such as a file on a disk that is full, the process goes on: its answers are worth more than its log. */
function openOutput(): ReturnType<typeof destination> {
  // A write for every line would be one of the larger parts of a request.
  const output = destination({
    ...{ fd: 2, sync: false, minLength: 4_096, periodicFlush: 100, maxLength: keptBytesMax },
  })
  let isTaken = true
  output.on("error", () => {
    isTaken = false
  })
  output.on("write", () => {
    isTaken = true
  })
  // At the end of the process it would be tried until it succeeds.
  const flushSync = output.flushSync.bind(output)
  output.flushSync = () => {
    if (isTaken) flushSync()
  }
  return output
}
