import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it } from "vitest"
import { retryDelaysMs } from "../../../../api/webhooks/retry-schedule.ts"

it("the table of the guide is the schedule", async () => {
  const guide = await readFile(join(import.meta.dirname, "../../../../docs/webhooks.md"), "utf8")
  const words = { seconds: 1_000, minutes: 60_000, hours: 3_600_000 } as const
  const rows = [...guide.matchAll(/^\| ([\d, ]+) \| (\d+) (seconds|minutes|hours)(?: each)? \|$/gm)]
  const waits = rows.flatMap(([, attempts = "", count, word]) =>
    attempts.split(",").map(() => Number(count) * words[word as keyof typeof words]),
  )
  expect(waits).toEqual(retryDelaysMs)
})
