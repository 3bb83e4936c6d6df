import { appendFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { entryOf, openJournal, readJournal } from "../../demo/journal.ts"

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-journal-"))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const entry = (id: string) =>
  entryOf({ operation_id: id, adjustments: [] }, { outcome: "refused", code: "INVALID_AMOUNT" })

test("a line that a kill cut short was never written, and what follows stands on a line of its own", () => {
  const path = join(directory, "deep", "run.ndjson")
  const first = openJournal(path)
  first.add(entry("one"))
  first.close()
  appendFileSync(path, JSON.stringify(entry("two")).slice(0, -3))

  const second = openJournal(path)
  expect([...second.entries.keys()]).toEqual(["one"])
  second.add(entry("three"))
  second.close()
  expect(readJournal(path)).toEqual([entry("one"), entry("three")])
})
