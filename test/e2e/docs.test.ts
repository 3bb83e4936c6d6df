import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { type ApiDocument, checkJson } from "../support/docs/check-json.ts"
import { checkShown, isOutputOf } from "../support/docs/check-shown.ts"
import { checkYaml } from "../support/docs/check-yaml.ts"
import { type DocsStack, startDocsStack } from "../support/docs/docs-stack.ts"
import { checkLongProgram } from "../support/docs/long-programs.ts"
import { openPlaceholders, programVariables, takesCheckpoint } from "../support/docs/placeholders.ts"
import { type Example, listPages, readExamples, whereOf } from "../support/docs/read-examples.ts"
import { runHttp } from "../support/docs/run-http.ts"
import { isProgram, runProgram } from "../support/docs/run-program.ts"
import { isReceiver, runReceiver } from "../support/docs/run-receiver.ts"
import { runShell } from "../support/docs/run-shell.ts"
import { runSql } from "../support/docs/run-sql.ts"
import { installClient } from "../support/install-client.ts"

const examples = listPages().flatMap((page) => readExamples(page))
const pagesWith = (isOne: (example: Example) => boolean) => [
  ...new Set(examples.filter(isOne).map(({ page }) => page)),
]
const isShell = ({ language }: Example) => language === "sh"
const isOutput = ({ language, note }: Example) => language === "text" && note === "output"

let docs: DocsStack
let project = ""
beforeAll(async () => {
  docs = await startDocsStack()
  project = (await installClient(mkdtempSync(join(docs.scratch, "client-")))).project
})
afterAll(() => docs?.stop())

test("every example is of a kind that is run or checked", () => {
  expect(examples.filter((example) => !isCovered(example)).map(whereOf)).toEqual([])
  expect(examples.length).toBeGreaterThan(40)
})

// They come first: there is one app then, as after the first start.
describe("the commands, from top to bottom", () => {
  const isLate = (page: string) => examples.some((one) => one.page === page && takesCheckpoint(one.code))
  const pages = pagesWith(isShell).sort((a, b) => Number(isLate(a)) - Number(isLate(b)))

  test.each(pages)("of %s", async (page) => {
    const shown = examples.filter((example) => example.page === page)
    const commands = shown.filter(isShell)
    const { env, release } = await openPlaceholders(docs, commands.map(({ code }) => code).join(""))
    const { wrong, said, programs } = await runShell(page, commands, docs, env).finally(release)
    expect(wrong).toBe("")
    const faults = programs.flatMap((program) =>
      checkLongProgram(program).map((fault) => `${page}:${program.line}: ${fault}`),
    )
    expect(faults).toEqual([])
    const printed = programs.some(({ script }) => script === "start") ? docs.said() + said : said
    for (const output of shown.filter(isOutput))
      expect(checkShown(output.code, printed), whereOf(output)).toEqual([])
  })
})

describe("the programs", () => {
  const programs = examples.flatMap((example) =>
    isProgram(example.language) ? [{ ...example, language: example.language }] : [],
  )
  const runs = [...new Set(programs.map(({ page, language }) => `${language} ${page}`))]

  test.each(runs)("print what they say: %s", async (name) => {
    const mine = programs.filter(({ page, language }) => `${language} ${page}` === name)
    const [first] = mine
    if (first === undefined) throw new Error(`${name} has no examples`)
    const env = programVariables(docs.stack.api_url, createAppWithKey(first.page), await findFreePort())
    if (isReceiver(mine)) return expect(await runReceiver(first.language, mine, project, env)).toEqual([])
    const { printed, promised } = await runProgram(first.language, mine, project, env)
    expect(printed).toEqual(promised)
  })
})

describe("what is not run", () => {
  const each = (language: string) => examples.filter((example) => example.language === language)

  test("JSON is as the API's description has it", async () => {
    const api = (await (await fetch(`${docs.stack.api_url}/openapi.json`)).json()) as ApiDocument
    for (const example of each("json")) expect(checkJson(example, api), whereOf(example)).toEqual([])
  })

  test("YAML is what the configuration takes", () => {
    for (const example of each("yaml")) expect(checkYaml(example), whereOf(example)).toEqual([])
  })

  test("SQL is what the database takes", async () => {
    for (const example of each("sql")) await runSql(example, docs.stack.database_url)
  })

  test("requests are answered as shown", async () => {
    for (const example of each("http"))
      expect(await runHttp(example, docs.stack.api_url, docs.stack.api_key), whereOf(example)).toEqual([])
  })
})

/** An app of the page's own: what its programs print depends on nothing else. */
function createAppWithKey(page: string): string {
  const scopes = ["ledger:write", "ledger:read", "webhooks:write", "audit:read", "admin"]
  const name = page.toLowerCase().replaceAll(/[^a-z]+/g, "-")
  const args = ["cli/main.ts", "keys", "create", "--app", name, "--scope", ...scopes]
  return execFileSync(process.execPath, args, { cwd: docs.checkout, encoding: "utf8" }).trim()
}

/** The narrow rules: a block that none of them is about has no test, and may not be. */
function isCovered(example: Example): boolean {
  const { page, language, note, code } = example
  if (isShell(example) || isProgram(language)) return note === ""
  if (["json", "yaml", "http"].includes(language)) return true
  if (language === "sql") return note === ""
  if (language !== "text") return false
  // What the page's own commands print.
  if (note === "output") return examples.some((other) => other.page === page && isShell(other))
  // A picture or a formula: it has lines or signs that no command and no answer has.
  if (note === "drawing") return /[─│▶‖]/.test(code)
  const [, program = ""] = /^output of (\w+)$/.exec(note) ?? []
  return isOutputOf(example, program) && isComparedElsewhere(page, program)
}

/** By the test that runs the program. */
function isComparedElsewhere(page: string, program: string): boolean {
  return readdirSync(import.meta.dirname).some((name) =>
    readFileSync(join(import.meta.dirname, name), "utf8").includes(`checkShownOf("${page}", "${program}",`),
  )
}
