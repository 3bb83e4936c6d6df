import { Command } from "commander"
import { findStack, type StackFlags } from "./find-stack.ts"
import { runDemo } from "./run-demo.ts"

type Flags = StackFlags & {
  readonly file?: string
  readonly run?: string
  readonly seed: string
  readonly adjustments: string
  readonly users: string
  readonly concurrency: string
}

const program = new Command("demo")
  .description(
    "Streams a game's day of balance changes into a running stack, through its API, and adds up what became of them.",
  )
  .option("--data-dir <directory>", "the stack to use", ".chainbridge")
  .option("--url <url>", "the API of a stack elsewhere, with --key and --rpc-url")
  .option("--key <key>", "an API key with the scope admin")
  .option("--rpc-url <url>", "the chain's RPC endpoint")
  .option("--file <file>", "a stream file (NDJSON, one request body a line) instead of a generated one")
  .option("--run <name>", "names the run's users and operations; the name of an earlier run resumes it")
  .option("--seed <number>", "another day", "1")
  .option("--adjustments <number>", "how many, of the generated file", "20000")
  .option("--users <number>", "of how many users", "2000")
  .option("--concurrency <number>", "requests in flight", "32")
  .addHelpText(
    "after",
    `
Examples:
  npm run demo
  npm run demo -- --adjustments 1000 --users 100
  npm run demo -- --data-dir /var/lib/chainbridge --run day-2 --seed 2`,
  )

try {
  const flags = program.parse().opts<Flags>()
  const stack = await findStack(flags)
  const problems = await runDemo(stack, {
    file: flags.file,
    run: flags.run,
    seed: wholeNumber("seed", flags.seed, 0),
    adjustments: wholeNumber("adjustments", flags.adjustments, 1),
    users: wholeNumber("users", flags.users, 1),
    concurrency: wholeNumber("concurrency", flags.concurrency, 1),
  })
  for (const problem of problems) console.error(`demo: ${problem}`)
  process.exit(problems.length === 0 ? 0 : 1)
} catch (error) {
  const cause = error instanceof Error && error.cause !== undefined ? ` (${String(error.cause)})` : ""
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}${cause}`)
  process.exit(1)
}

function wholeNumber(name: string, text: string, min: number): number {
  const number = Number(text)
  if (/^\d{1,9}$/.test(text) && number >= min) return number
  throw new Error(`--${name} is "${text}"; allowed: a whole number from ${min}`)
}
