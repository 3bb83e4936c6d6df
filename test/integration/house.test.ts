import { globSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { ESLint } from "eslint"
import { beforeAll, describe, expect, test } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const eslint = new ESLint({ cwd: root })

/** What ESLint says of a text that stands in place of a file of ours, as `line: message`. */
async function lint(file: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: join(root, file) })
  return (result?.messages ?? []).map(({ line, message }) => `${line}: ${message}`)
}

/** Some file of a folder: types are known only of files that are there. */
function fileIn(folder: string): string {
  const file = globSync(`${folder}/**/*.ts`, { cwd: root, exclude: ["**/*.test.ts", "**/dist/**"] }).sort()[0]
  if (file === undefined) throw new Error(`${folder} has no file`)
  return file
}

// The first file of each TypeScript project takes as long as reading the whole project.
beforeAll(async () => {
  for (const folder of ["platform", "indexer"]) await lint(fileIn(folder), "")
})

describe("dependencies point down", () => {
  const mayImport: Record<string, readonly string[]> = {
    platform: [],
    abis: [],
    client: [],
    ledger: ["platform", "abis"],
    indexer: ["platform", "abis"],
    batcher: ["ledger", "platform", "abis"],
    api: ["ledger", "platform", "abis"],
    cli: ["api", "batcher", "indexer", "ledger", "platform", "abis"],
  }
  const all = [...Object.keys(mayImport), "test", "scripts", "contracts"]

  for (const [folder, allowed] of Object.entries(mayImport)) {
    test(`${folder}/ may import ${allowed.join(", ") || "nothing"}`, async () => {
      const file = fileIn(folder)
      const others = all.filter((other) => other !== folder)
      const wrong: string[] = []
      const text = others.flatMap((other, index) => {
        const from = relative(dirname(file), `${other}/some/file.ts`)
        const forms = [
          `import "${from}"`,
          `import { a${index} } from "${from}"`,
          `import type { B${index} } from "${from}"`,
          `export { c${index} } from "${from}"`,
          `export * from "${from}"`,
          `export const d${index} = () => import("${from}")`,
          `export type E${index} = import("${from}").E`,
        ]
        if (!allowed.includes(other))
          wrong.push(...forms.map((_, form) => `${index * forms.length + form + 1}`))
        return forms
      })
      const said = await lint(file, text.join("\n"))
      expect(said.filter((line) => line.includes("Dependencies point down")).length).toBe(said.length)
      expect(said.map((line) => line.split(":")[0])).toEqual(wrong)
    })
  }
})

const waits = "declare function work(): Promise<void>\n"

const violations: readonly { file: string; text: string; says: RegExp }[] = [
  { file: "ledger/store/append.ts", text: `${waits}work()`, says: /Promises must be awaited/ },
  { file: "test/support/anvil.ts", text: `${waits}work()`, says: /Promises must be awaited/ },
  { file: "indexer/src/token.ts", text: `${waits}work()`, says: /Promises must be awaited/ },
  { file: "api/app.ts", text: `${waits}if (work()) throw new Error()`, says: /Expected non-Promise/ },
  { file: "api/app.ts", text: "export const a = async () => await 1", says: /Unexpected `await`/ },
  {
    file: "api/app.ts",
    text: 'export function f(a: "x" | "y"): void { switch (a) { case "x": return } }',
    says: /Switch is not exhaustive/,
  },
  ...[
    "Number(amount)",
    "Number(row.balance_after)",
    'Number(row["balance_after"])',
    "Number(change.amountBaseUnits / 10n)",
    "Number(BigInt(totalSupply))",
    "deltas.map(Number)",
  ].map((text) => ({ file: "api/app.ts", text, says: /An amount is a bigint/ })),
  ...["parseInt(text)", "parseFloat(text)", "Number.parseInt(text, 10)", "+text"].map((text) => ({
    file: "batcher/domain/fold.ts",
    text,
    says: /take half-numbers/,
  })),
  { file: "api/app.ts", text: 'import { parseUnits } from "viem"', says: /viem rounds/ },
  ...[
    'import { sql } from "kysely"',
    'import pg from "pg"',
    'import { setTimeout } from "node:timers/promises"',
    'import { readFileSync } from "node:fs"',
    'import { env } from "node:process"',
    'import { createPublicClient } from "viem"',
    'import { http } from "viem"',
    'import { getBalance } from "viem/actions"',
    'import { randomUUID } from "node:crypto"',
    'import * as chance from "node:crypto"',
    'process.env["X"]',
    "Date.now()",
    "new Date()",
    "Math.random()",
    "crypto.randomUUID()",
    "performance.now()",
    "globalThis",
  ].flatMap((text) =>
    ["ledger/domain/amount.ts", "batcher/domain/fold.ts"].map((file) => ({
      file,
      text,
      says: /Domain code is pure|so that it can be seen that nothing is random/,
    })),
  ),
]

describe("what the linter refuses", () => {
  for (const { file, text, says } of violations) {
    test(`${file}: ${text.split("\n").at(-1)}`, async () => {
      const said = await lint(file, text)
      expect(said).not.toEqual([])
      for (const message of said) expect(message).toMatch(says)
    })
  }
})

describe("what the linter lets pass", () => {
  const fine = [
    { file: "ledger/store/append.ts", text: `${waits}await work()` },
    { file: "api/app.ts", text: "Number(balance.blockNumber) + Number(row.chain_id) + rows.map(Number)" },
    { file: "api/app.ts", text: "Date.now() + Math.random()" },
    {
      file: "ledger/domain/amount.ts",
      text: 'import type { Kysely } from "kysely"\nimport { keccak256 } from "viem"\nimport { createHash } from "node:crypto"\nnew Date(0)',
    },
    { file: "ledger/domain/amount.test.ts", text: "Math.random()" },
  ]
  for (const { file, text } of fine) {
    test(`${file}: ${text.split("\n").at(-1)}`, async () => {
      expect(await lint(file, text)).toEqual([])
    })
  }
})
