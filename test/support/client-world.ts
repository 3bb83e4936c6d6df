import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import ts from "typescript"
import { type AnswerFaults, startAnswerFaults } from "./answer-faults.ts"
import type { ExerciseOptions } from "./exercise-client.ts"
import { type InstalledClient, installClient } from "./install-client.ts"
import { type StreamCutter, startStreamCutter } from "./stream-cutter.ts"
import { startTestApi, type TestApi } from "./test-api.ts"

export type ClientWorld = {
  readonly api: TestApi
  readonly packed: InstalledClient
  readonly faults: AnswerFaults
  readonly cutter: StreamCutter
  /** Plans what goes wrong in the next run. */
  prepare(user: string): ExerciseOptions
  close(): Promise<void>
}

/** Behind each of these the write has to be sent again. */
export const lostAnswers = ["cut after", "half", "cut before", "cut after"] as const

/** The client as it is published, installed in a project beside `exercise-client.js`, and an API whose answers get lost. */
export async function startClientWorld(): Promise<ClientWorld> {
  const directory = await mkdtemp(join(tmpdir(), "chainbridge-client-"))
  const api = await startTestApi({ limits: { heartbeatMs: 200 } })
  const faults = await startAnswerFaults(api.server.url)
  const cutter = await startStreamCutter(api.server.url)
  const packed = await installClient(directory)
  const source = await readFile(join(import.meta.dirname, "exercise-client.ts"), "utf8")
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  await writeFile(join(packed.project, "exercise-client.js"), outputText)
  return {
    ...{ api, packed, faults, cutter },
    prepare(user) {
      faults.plan(...lostAnswers)
      let cuts = 0
      cutter.limit = () => {
        cuts += 1
        return cuts > 6 ? undefined : 1_500 + cuts * 97
      }
      return {
        ...{ payUrl: faults.url, streamUrl: cutter.url, apiUrl: api.server.url },
        ...{ apiKey: api.apiKey, user, events: 20 },
      }
    },
    async close() {
      await cutter.close()
      await faults.close()
      await api.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
