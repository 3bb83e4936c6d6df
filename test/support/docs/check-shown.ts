import { type Example, readExamples, whereOf } from "./read-examples.ts"

/** What a page shows of what was printed: numbers and addresses may be others, `…` may be anything, and there may be more lines. @returns faults */
export function checkShown(shown: string, printed: string): string[] {
  const lines = printed.split("\n").map(normalise)
  return shown
    .split("\n")
    .filter((line) => line.trim() !== "")
    .filter((line) => {
      const pattern = new RegExp(`^${normalise(line).split("…").map(escapePattern).join(".*")}$`)
      return !lines.some((other) => pattern.test(other))
    })
    .map((line) => `nothing printed looks like: ${line}`)
}

function normalise(line: string): string {
  return line
    .trim()
    .replaceAll(/\s+/g, " ")
    .replaceAll(/0x[0-9a-f…]+/gi, "0x#")
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b/g, "#")
    .replaceAll(/\d[\d,.]*\d|\d/g, "#")
}

/** What a page shows of a program that only a test of its own runs: of each row of a table its name. @returns faults */
export function checkShownOf(page: string, program: string, printed: string): string[] {
  const shown = readExamples(page).filter((example) => isOutputOf(example, program))
  if (shown.length === 0) return [`${page} shows nothing of ${program}`]
  return shown.flatMap((example) =>
    checkShown(example.code.replaceAll(/^( +\S.*?) {2,}\S.*$/gm, "$1 …"), printed).map(
      (fault) => `${whereOf(example)}: ${fault}`,
    ),
  )
}

export function isOutputOf({ language, note }: Example, program: string): boolean {
  return language === "text" && note === `output of ${program}`
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
}
