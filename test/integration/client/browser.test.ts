import { execFile } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { afterAll, beforeAll, expect, it } from "vitest"
import { hasBrowser, startBrowser } from "../../support/browser.ts"
import { type ClientWorld, lostAnswers, startClientWorld } from "../../support/client-world.ts"
import type { ExerciseOptions, ExerciseResult } from "../../support/exercise-client.ts"
import { type OneOrigin, startOneOrigin } from "../../support/one-origin.ts"

const run = promisify(execFile)
const root = join(import.meta.dirname, "..", "..", "..")
const rolldown = join(root, "node_modules", "rolldown", "bin", "cli.mjs")

/** Of the whole client, minified and compressed. docs/decisions/client.md has the figure; a page should not have to think about it. */
const gzippedBytesMax = 6_000

let world: ClientWorld
let origin: OneOrigin | undefined
beforeAll(async () => {
  world = await startClientWorld()
})
afterAll(async () => {
  await origin?.close()
  await world?.close()
})

/** By the bundler that Vite uses, for a page. */
async function bundle(name: string, entry: string): Promise<string> {
  const { project } = world.packed
  await writeFile(join(project, `${name}.js`), entry)
  const to = join(project, `${name}.bundle.js`)
  const args = [`${name}.js`, "--file", to, "--format", "esm", "--platform", "browser", "--minify"]
  await run(process.execPath, [rolldown, ...args], { cwd: project })
  return readFile(to, "utf8")
}

it("is small in a bundle, and takes nothing that only Node has", async () => {
  const text = await bundle("all", 'export * from "@chainbridge/client"')
  const bytes = { minified: Buffer.byteLength(text), gzipped: gzipSync(text, { level: 9 }).length }
  console.log(`the client in a bundle: ${bytes.minified} bytes minified, ${bytes.gzipped} with gzip`)
  expect(text).not.toMatch(/\bimport\b|\brequire\b|node:|\bprocess\b|\bBuffer\b/)
  expect(bytes.gzipped).toBeLessThan(gzippedBytesMax)
})

it.skipIf(!hasBrowser)(
  "pays once, sees every event once, and throws what it is told, in a browser (needs chromium)",
  async () => {
    const script = await bundle(
      "page",
      `import { ChainBridgeClient } from "@chainbridge/client"
import { exerciseClient } from "./exercise-client.js"
globalThis.exercise = (options) => exerciseClient(ChainBridgeClient, options)`,
    )
    origin = await startOneOrigin(
      {
        "/": { type: "text/html", text: '<!doctype html><script type="module" src="/page.js"></script>' },
        "/page.js": { type: "text/javascript", text: script },
      },
      { pay: world.faults.url, stream: world.cutter.url, api: world.api.server.url },
    )
    const { url } = origin
    const prepared = world.prepare("user_browser")
    const options: ExerciseOptions = {
      ...prepared,
      payUrl: `${url}/pay`,
      streamUrl: `${url}/stream`,
      apiUrl: url,
    }
    const before = world.cutter.connections()
    const browser = await startBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(url)
      const call = `exercise(${JSON.stringify(options)})`
      const result = await page.evaluate<ExerciseResult>(call)
      expect(world.faults.requests).toHaveLength(lostAnswers.length + 1)
      expect(new Set(world.faults.requests.map(({ body }) => body)).size).toBe(1)
      expect(result.balanceAfter).toBe("5.000000000000000000")
      const ids = Array.from({ length: options.events }, (_, index) =>
        String(Number(result.after) + index + 1),
      )
      expect(result.ids).toEqual(ids)
      expect(world.cutter.connections() - before).toBeGreaterThan(4)
      expect(result.refusal).toEqual({
        ...{ name: "ChainBridgeError", code: "INSUFFICIENT_BALANCE", status: 422 },
      })
    } finally {
      await browser.close()
    }
  },
)
