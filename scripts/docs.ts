// `npm run docs`: writes the pages that follow from the code. With --check it only says whether they are as the code is.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { renderErrors } from "./error-page.ts"
import { renderPermissions } from "./permission-page.ts"

const root = join(import.meta.dirname, "..")
const pages = [
  { path: "docs/permissions.md", render: renderPermissions },
  { path: "docs/errors.md", render: renderErrors },
]

const isCheck = process.argv.includes("--check")
for (const { path, render } of pages) {
  const file = join(root, path)
  const text = render()
  if (!isCheck) writeFileSync(file, text)
  else if (readOrNothing(file) !== text) {
    console.error(`${path} is not what the code says: npm run docs, and commit what it writes`)
    process.exitCode = 1
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}
