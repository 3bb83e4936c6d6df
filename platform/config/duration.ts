import { z } from "zod"

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** "500ms", "5s", "15m", "1h", "7d" as milliseconds; undefined when it is none of them. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  const unit = unitMs[match?.[2] ?? ""]
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}

/** A duration in a configuration file, read as milliseconds. */
export const durationSchema = z.string({ error: durationError }).transform((text, context) => {
  const milliseconds = parseDuration(text)
  if (milliseconds !== undefined) return milliseconds
  context.addIssue({ code: "custom", message: durationError() })
  return z.NEVER
})

function durationError(): string {
  return 'a duration such as "500ms", "5s", "15m", "1h" or "7d"'
}
