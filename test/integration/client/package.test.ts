import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { installClient } from "../../support/install-client.ts"
import { type HandSettlement, settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

const run = promisify(execFile)
const root = join(import.meta.dirname, "..", "..", "..")
const tsc = join(root, "node_modules", "typescript", "bin", "tsc")

let api: TestApi
let settlement: HandSettlement
let directory = ""
let project = ""
let source = ""
let tarball = ""
/** What is in the archive. */
let files: readonly string[] = []
let readme = ""

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "chainbridge-client-"))
  api = await startTestApi()
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
  const packed = await installClient(directory)
  files = packed.files
  project = packed.project
  source = packed.source
  tarball = packed.tarball
  readme = await readFile(join(source, "README.md"), "utf8")
})
afterAll(async () => {
  await api?.close()
  await rm(directory, { recursive: true, force: true })
})

describe("the package", () => {
  it("has what it needs and nothing else", async () => {
    const others = files.filter((path) => !/^dist\/[a-z-]+(\.d\.ts|\.js)$/.test(path))
    expect(others.sort()).toEqual(["LICENSE", "README.md", "package.json"])
    expect(files).toContain("dist/index.d.ts")
    const sources = files.filter((path) => path.endsWith(".js"))
    for (const path of sources) {
      const text = await readFile(join(source, path), "utf8")
      const imported = [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, name]) => name)
      for (const name of imported) expect(name, path).toMatch(/^\.\/[a-z-]+\.js$/)
    }
    const { stdout } = await run("npm", ["ls", "--all", "--parseable"], { cwd: project })
    expect(stdout.trim().split("\n")).toHaveLength(2)
  })

  it("is one that publint and attw have nothing to say of", async () => {
    const { stdout } = await run(process.execPath, [join(root, "scripts", "client-check.ts"), tarball])
    expect(stdout).toBe("publint and attw: nothing to say\n")
  })

  it.each([
    ["a program for Node", "nodenext", "es2022"],
    ["a page for a bundler", "bundler", "es2022,dom,dom.iterable"],
  ])("has types for %s", async (_, moduleResolution, lib) => {
    await writeFile(
      join(project, "uses.ts"),
      `import { ChainBridgeClient, type Balance } from "@chainbridge/client"
export async function read(client: ChainBridgeClient): Promise<string | undefined> {
  const balance: Balance = await client.getBalance("ann", { token_symbol: "CPOP" })
  // @ts-expect-error an amount is a string
  await client.placeHold({ user_id: "ann", token_symbol: "CPOP", amount: 20, reason_type: "consumption" })
  return balance.balances[0]?.available_balance
}
`,
    )
    const module = moduleResolution === "nodenext" ? "nodenext" : "esnext"
    // Node's own types stand for those of the platform where there is no page.
    const types = lib.includes("dom")
      ? []
      : ["--types", "node", "--typeRoots", join(root, "node_modules/@types")]
    await run(
      process.execPath,
      [
        ...[tsc, "--noEmit", "--strict", "--module", module, "--moduleResolution", moduleResolution],
        ...["--lib", lib, "--target", "es2022", ...types, "uses.ts"],
      ],
      { cwd: project },
    ).catch((error: { stdout: string }) => {
      throw new Error(error.stdout)
    })
  })
})

describe("the examples of its README", () => {
  const examples = () => [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""]) => code)
  /** What stands behind `console.log(…) // `. */
  const promised = (code: string) =>
    [...code.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, said]) => said)
  async function execute(code: string): Promise<string[]> {
    const file = join(project, "example.js")
    await writeFile(file, code)
    const env = { ...process.env, CHAINBRIDGE_URL: api.server.url, CHAINBRIDGE_API_KEY: api.apiKey }
    const { stdout } = await run(process.execPath, [file], { cwd: project, env, timeout: 45_000 })
    return stdout.trim().split("\n")
  }

  it("print what they say, one after the other as one program", async () => {
    const code = examples().join("\n")
    expect(promised(code).length).toBeGreaterThanOrEqual(examples().length)
    let isOver = false
    const settle = async () => {
      while (!isOver) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        await settlement.takeIn()
        const sequence = await settlement.seal()
        if (sequence !== null) await settlement.confirm(sequence)
      }
    }
    const settled = settle()
    try {
      expect(await execute(code)).toEqual(promised(code))
    } finally {
      isOver = true
      await settled
    }
  })
})
