import { cpSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { watchConfiguration } from "./watch-configuration.ts"

let directory: string
let applied: Configuration[]
let notes: string[]
let fault: Error | undefined
let watch: { stop(): Promise<void> }
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-config-"))
  cpSync(join(import.meta.dirname, "../../config"), directory, { recursive: true })
  applied = []
  notes = []
  fault = undefined
  watch = watchConfiguration({
    source: { directory, overlay: "development" },
    apply: (configuration) => {
      if (fault !== undefined) return Promise.reject(fault)
      applied.push(configuration)
      return Promise.resolve()
    },
    onNote: (message) => notes.push(message),
    intervalMs: 20,
  })
})
afterEach(async () => {
  await watch.stop()
  rmSync(directory, { recursive: true, force: true })
})

const overlay = () => join(directory, "development", "batch_strategy.yaml")
const maxWait = (text: string) =>
  writeFileSync(overlay(), `batch_triggers:\n  CPOP:\n    max_wait_time: ${text}\n`)

async function noted(count: number): Promise<void> {
  for (let tries = 0; notes.length < count && tries < 250; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(notes).toHaveLength(count)
}

it("applies what changed, once, and nothing as long as nothing does", async () => {
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(applied).toEqual([])
  maxWait("7s")
  await noted(1)
  expect(applied).toHaveLength(1)
  expect(applied[0]?.batchStrategy.batch_triggers["CPOP"]?.max_wait_time).toBe(7_000)
  unlinkSync(overlay())
  await noted(2)
  expect(applied[1]?.batchStrategy.batch_triggers["CPOP"]?.max_wait_time).toBe(900_000)
})

it("says once what is wrong, changes nothing, and goes on when it is right", async () => {
  maxWait("soon")
  await noted(1)
  expect(applied).toEqual([])
  expect(notes[0]).toContain('max_wait_time is "soon"; allowed: a duration')
  maxWait("8s")
  await noted(2)
  expect(applied).toHaveLength(1)
})

it("does not take a file that is only half written", async () => {
  await watch.stop()
  const patient = watchConfiguration({
    source: { directory, overlay: "development" },
    apply: (configuration) => Promise.resolve(void applied.push(configuration)),
    onNote: (message) => notes.push(message),
    intervalMs: 200,
  })
  try {
    for (let round = 0; round < 6; round += 1) {
      maxWait("half")
      await new Promise((resolve) => setTimeout(resolve, 150))
      maxWait(`${round + 10}s`)
      await new Promise((resolve) => setTimeout(resolve, 450))
    }
    expect(notes.filter((note) => note.includes("not in effect"))).toEqual([])
    expect(applied.length).toBeGreaterThanOrEqual(5)
  } finally {
    await patient.stop()
  }
})

it("says once what kept files that are right from taking effect, and tries again", async () => {
  fault = new Error("the database is away")
  maxWait("9s")
  await noted(1)
  expect(notes[0]).toContain("not in effect: the database is away")
  expect(applied).toEqual([])
  fault = undefined
  await noted(2)
  expect(applied).toHaveLength(1)
})
