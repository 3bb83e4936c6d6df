import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const page = readFileSync(join(root, "docs", "security", "owasp-api-top-ten.md"), "utf8")
const sections = page.split(/^## /m).slice(1)

/** The titles of a file's tests, as they are written, also of those that run once for each of a table. */
function titlesIn(path: string): string[] {
  const titles: string[] = []
  const file = ts.createSourceFile(path, readFileSync(join(root, path), "utf8"), ts.ScriptTarget.Latest)
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test)\b/.test(node.expression.getText(file))) {
      const [title] = node.arguments
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return titles
}

it("has a section for each of the ten", () => {
  const numbers = sections.map((section) => section.split(" ", 1)[0])
  expect(numbers).toEqual(Array.from({ length: 10 }, (_, index) => `API${index + 1}`))
})

describe("every test that the page names is there", () => {
  it.each(sections.map((section) => [section.split("\n", 1)[0], section] as const))("%s", (_, section) => {
    const bullets = section.split("\n").filter((line) => line.startsWith("- "))
    const named = bullets.map((line) => /^- `([^`]+\.test\.ts)`: (.+)$/.exec(line))
    expect(named.length).toBeGreaterThan(0)
    const missing = named.flatMap((match, index) => {
      const [, path = "", title = ""] = match ?? []
      return existsSync(join(root, path)) && path !== "" && titlesIn(path).includes(title)
        ? []
        : [bullets[index]]
    })
    expect(missing).toEqual([])
  })
})
