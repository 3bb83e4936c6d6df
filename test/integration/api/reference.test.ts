import { mkdirSync } from "node:fs"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { hasBrowser, startBrowser } from "../../support/browser.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let browser: Browser
beforeAll(async () => {
  if (!hasBrowser && process.env["REQUIRE_SERVICES"] === "1")
    throw new Error("there is no chromium, and REQUIRE_SERVICES=1: install it")
  api = await startTestApi()
  if (hasBrowser) browser = await startBrowser()
})
afterAll(async () => {
  await browser?.close()
  await api.close()
})

type Visit = {
  readonly page: Page
  readonly said: string[]
  readonly asked: URL[]
  readonly failed: string[]
}

/** @param said what the console says that is worse than a note */
async function visit(colorScheme: "light" | "dark"): Promise<Visit> {
  const page = await browser.newPage({ colorScheme, viewport: { width: 1_440, height: 1_000 } })
  const said: string[] = []
  const asked: URL[] = []
  const failed: string[] = []
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) said.push(message.text())
  })
  page.on("pageerror", (error) => said.push(String(error)))
  page.on("request", (request) => asked.push(new URL(request.url())))
  page.on("requestfailed", (request) => failed.push(request.url()))
  page.on("response", (response) => {
    if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`)
  })
  // Whichever of the two somebody types, he is sent on.
  await page.goto(`${api.server.url}${colorScheme === "light" ? "/" : "/docs/"}`)
  expect(new URL(page.url()).pathname).toBe("/docs")
  await page.getByRole("heading", { name: "ChainBridge", exact: true }).waitFor()
  return { page, said, asked, failed }
}

describe.skipIf(!hasBrowser)("the reference in a browser (skipped without chromium)", () => {
  it.each(["light", "dark"] as const)("shows the routes in %s, and asks nobody but us", async (scheme) => {
    const { page, said, asked, failed } = await visit(scheme)
    for (const tag of ["Ledger", "Settlement", "Live updates", "Administration", "Sign-in", "System"])
      await page.getByRole("link", { name: tag }).first().waitFor()
    await page.getByText("Keep an amount back for a later capture").first().waitFor()
    expect(await page.evaluate("document.body.classList.contains('dark-mode')")).toBe(scheme === "dark")
    const directory = process.env["SCREENSHOTS"]
    if (directory !== undefined) {
      mkdirSync(directory, { recursive: true })
      await page.screenshot({ path: `${directory}/docs-${scheme}.png` })
    }
    // What is further down is drawn when it comes into sight.
    await page.mouse.wheel(0, 20_000)
    await page.waitForLoadState("networkidle")
    expect({ said, failed }).toEqual({ said: [], failed: [] })
    const elsewhere = asked.filter(
      ({ protocol, origin }) => protocol.startsWith("http") && origin !== api.server.url,
    )
    expect(elsewhere.map(({ href }) => href)).toEqual([])
    expect(asked.map(({ pathname }) => pathname)).toContain("/openapi.json")
    await page.close()
  })
})

describe("the files of the reference", () => {
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${api.server.url}${path}`, { headers })

  it("may load nothing from elsewhere", async () => {
    const page = await get("/docs")
    const policy = page.headers.get("content-security-policy") ?? ""
    const sources = new Set(policy.split(";").flatMap((directive) => directive.trim().split(" ").slice(1)))
    expect(sources).toEqual(new Set(["'none'", "'self'", "'unsafe-inline'", "data:"]))
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    expect(await page.text()).not.toMatch(/<script>|<style>| on\w+=|https?:/)
  })

  it("are compressed, and sent once only", async () => {
    const html = await (await get("/docs")).text()
    const [, bundle = ""] = /src="(\/docs\/scalar-[\d.]+\.js)"/.exec(html) ?? []
    const plain = await get(bundle, { "accept-encoding": "identity" })
    expect(plain.headers.get("cache-control")).toBe("public, max-age=31536000, immutable")
    const length = (await plain.arrayBuffer()).byteLength
    expect(length).toBeGreaterThan(1_000_000)
    for (const encoding of ["br", "gzip"]) {
      const packed = await get(bundle, { "accept-encoding": encoding })
      expect(packed.headers.get("content-encoding")).toBe(encoding)
      expect(Number(packed.headers.get("content-length"))).toBeLessThan(length / 2)
      expect((await packed.arrayBuffer()).byteLength).toBe(length)
    }
    for (const path of [bundle, "/openapi.json", "/docs"]) {
      const etag = (await get(path)).headers.get("etag") ?? ""
      const again = await get(path, { "if-none-match": etag })
      expect([path, again.status, await again.text()]).toEqual([path, 304, ""])
    }
  })
})
