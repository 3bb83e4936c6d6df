import { expect, test } from "vitest"
import { createProgressBar } from "./progress-bar.ts"

function recorder(isTTY: boolean) {
  const written: string[] = []
  return { written, terminal: { isTTY, write: (text: string) => written.push(text) } }
}

test("draws over itself on a terminal and says how long it will take", () => {
  const { written, terminal } = recorder(true)
  let at = 0
  const bar = createProgressBar(
    "import",
    () => 200,
    terminal,
    () => at,
  )
  bar.update(0)
  at = 50
  bar.update(10)
  at = 10_000
  bar.update(50, "500 lines")
  at = 90_000
  bar.update(200)
  bar.end()
  expect(written).toEqual([
    `\rimport ${"░".repeat(24)} 0 %  0 s\u001b[K`,
    `\rimport ${"█".repeat(6)}${"░".repeat(18)} 25 %  500 lines  10 s, 30 s left\u001b[K`,
    `\rimport ${"█".repeat(24)} 100 %  1 min 30 s\u001b[K`,
    `\rimport ${"█".repeat(24)} 100 %  1 min 30 s\u001b[K`,
    "\n",
  ])
})

test("writes a line now and then where nobody looks at a terminal", () => {
  const { written, terminal } = recorder(false)
  let at = 0
  const bar = createProgressBar(
    "balances",
    () => 0,
    terminal,
    () => at,
  )
  bar.update(1)
  at = 5_000
  bar.update(2)
  bar.end()
  expect(written).toEqual([`balances ${"░".repeat(24)} 0 %  5 s\n`, `balances ${"░".repeat(24)} 0 %  5 s\n`])
})
