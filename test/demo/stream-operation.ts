import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

export type StreamAdjustment = {
  readonly user_id: string
  readonly token_symbol: string
  readonly amount: string
  readonly reason_type: string
  readonly reason_detail?: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** A line of a stream file: the body of one POST /balance/adjust. */
export type StreamOperation = {
  readonly operation_id: string
  readonly adjustments: readonly StreamAdjustment[]
}

export function writeStreamFile(path: string, operations: Iterable<StreamOperation>): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, [...operations].map((operation) => `${JSON.stringify(operation)}\n`).join(""))
}

/** @throws Error that names the first line that is no operation */
export function readStreamFile(path: string): StreamOperation[] {
  const lines = readFileSync(path, "utf8").split("\n")
  return lines.flatMap((line, index) => {
    if (line.trim() === "") return []
    try {
      const value = JSON.parse(line) as StreamOperation
      if (typeof value.operation_id === "string" && Array.isArray(value.adjustments)) return [value]
    } catch (cause) {
      throw new Error(`${path}:${index + 1} is not JSON`, { cause })
    }
    throw new Error(`${path}:${index + 1} has no operation_id and adjustments`)
  })
}

/** The same operation as a run of its own: nobody else has these users, and nothing has been recorded under this id. */
export function ofRun(run: string, operation: StreamOperation): StreamOperation {
  return {
    operation_id: `${run}-${operation.operation_id}`,
    adjustments: operation.adjustments.map((adjustment) => ({
      ...adjustment,
      user_id: `${run}-${adjustment.user_id}`,
    })),
  }
}
