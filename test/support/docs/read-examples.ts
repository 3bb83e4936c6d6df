import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { marked, type Token, type Tokens } from "marked"

export const root = join(import.meta.dirname, "..", "..", "..")

export type Example = {
  /** The page's path in the repository. */
  readonly page: string
  /** Of its first line of code. */
  readonly line: number
  readonly language: string
  /** What stands behind the language. */
  readonly note: string
  readonly code: string
}

/** Every page that has something to show: the READMEs of the repository and the client, CONTRIBUTING, and all of docs/. */
export function listPages(): string[] {
  const pages = ["README.md", "CONTRIBUTING.md", "client/README.md", "docs/*.md"]
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...pages], {
    cwd: root,
    encoding: "utf8",
  })
  const found = [...new Set(listed.trim().split("\n"))]
  // In docs, the first ones that somebody reads come first.
  return found.sort((a, b) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1))
}

/** Every block of code of a page, fenced or indented, wherever it stands. */
export function readExamples(page: string, text = readFileSync(join(root, page), "utf8")): Example[] {
  const examples: Example[] = []
  let from = 0
  const visit = (token: Token): void => {
    if (token.type !== "code") return
    const { raw, lang = "", text: code } = token as Tokens.Code
    // In a list the lines are indented in the page and not in the block: its first line is enough to find it.
    const at = text.indexOf(raw.split("\n", 1)[0] ?? raw, from)
    from = at + 1
    const isFenced = /^\s{0,3}(```|~~~)/.test(raw)
    const [language = "", ...note] = lang.trim().split(/\s+/)
    examples.push({
      page,
      line: text.slice(0, at).split("\n").length + (isFenced ? 1 : 0),
      language: isFenced ? language : "(indented)",
      note: note.join(" "),
      code: `${code}\n`,
    })
  }
  void marked.walkTokens(marked.lexer(text), visit)
  return examples
}

export function whereOf({ page, line }: Example): string {
  return `${page}:${line}`
}
