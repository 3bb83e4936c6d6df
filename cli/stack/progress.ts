import { ChainBridgeError, describeError } from "../../platform/errors.ts"

/** What `start` says while it works: lines for people, or one JSON object a line for programs. */
export type Progress = {
  /** Runs a step and reports its end with the time it took; the result may say something worth knowing. */
  step<Result>(name: string, work: () => Promise<Result>, say?: (result: Result) => string): Promise<Result>
  note(message: string): void
  ready(stack: Readonly<Record<string, unknown>>, lines: readonly string[]): void
  failed(error: unknown): void
}

export function createProgress(isJson: boolean): Progress {
  const print = (object: unknown, line: string) =>
    process.stdout.write(isJson ? `${JSON.stringify(object)}\n` : `${line}\n`)
  return {
    async step(name, work, say) {
      const began = performance.now()
      const result = await work()
      const ms = Math.round(performance.now() - began)
      const detail = say?.(result) ?? ""
      print(
        { step: name, ms, detail },
        `  ✓ ${name.padEnd(14)} ${formatSeconds(ms).padStart(7)}   ${detail}`.trimEnd(),
      )
      return result
    },
    note: (message) => print({ note: message }, `  • ${message}`),
    ready: (stack, lines) => print({ ready: true, ...stack }, ["", ...lines].join("\n")),
    failed(error) {
      const code = error instanceof ChainBridgeError ? error.code : "UNEXPECTED"
      const message = describeError(error)
      if (isJson) print({ error: { code, message } }, "")
      process.stderr.write(`chainbridge: ${message}\n`)
    },
  }
}

export function formatSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}
