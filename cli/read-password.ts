import { createInterface } from "node:readline"
import { Writable } from "node:stream"

/** A password that is typed without being shown, or the first line of what is piped in. */
export function readPassword(prompt: string): Promise<string> {
  const { stdin, stderr } = process
  const isTyped = stdin.isTTY === true
  if (isTyped) stderr.write(prompt)
  // What readline would show of the line goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output: nowhere, terminal: isTyped })
  return new Promise((resolve) => {
    let password = ""
    lines.once("line", (line) => {
      password = line
      lines.close()
    })
    lines.once("close", () => {
      if (isTyped) stderr.write("\n")
      resolve(password)
    })
    lines.once("SIGINT", () => process.exit(130))
  })
}
