import { execFile } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ClientWorld, lostAnswers, startClientWorld } from "../../support/client-world.ts"
import type { ExerciseResult } from "../../support/exercise-client.ts"
import { findNode, type NodeMajor } from "../../support/find-node.ts"

const run = promisify(execFile)

let world: ClientWorld
let program = ""
beforeAll(async () => {
  world = await startClientWorld()
  program = join(world.packed.project, "main.js")
  await writeFile(
    program,
    `import { ChainBridgeClient } from "@chainbridge/client"
import { exerciseClient } from "./exercise-client.js"
const result = await exerciseClient(ChainBridgeClient, JSON.parse(process.argv[2]))
console.log(JSON.stringify({ ...result, major: Number(process.versions.node.split(".")[0]) }))
`,
  )
})
afterAll(() => world?.close())

describe.each<NodeMajor>([20, 22, 24])("in Node %i the published client", (major) => {
  const node = findNode(major)

  it.skipIf(node === undefined)("pays once, sees every event once, and throws what it is told", async () => {
    const options = world.prepare(`user_${major}`)
    const before = world.cutter.connections()
    const { stdout } = await run(node ?? "", [program, JSON.stringify(options)], { timeout: 45_000 })
    const result = JSON.parse(stdout) as ExerciseResult & { major: number }
    expect(result.major).toBe(major)

    expect(world.faults.requests).toHaveLength(lostAnswers.length + 1)
    expect(new Set(world.faults.requests.map(({ body }) => body)).size).toBe(1)
    expect(result.balanceAfter).toBe("5.000000000000000000")

    const ids = Array.from({ length: options.events }, (_, index) => String(Number(result.after) + index + 1))
    expect(result.ids).toEqual(ids)
    expect(world.cutter.connections() - before).toBeGreaterThan(4)
    expect(result.refusal).toEqual({
      ...{ name: "ChainBridgeError", code: "INSUFFICIENT_BALANCE", status: 422 },
    })
    const reply = await world.api.call("GET", `/api/v1/balance/${options.user}`)
    expect(reply.body.data.balances[0].available_balance).toBe("105.000000000000000000")
  })
})
