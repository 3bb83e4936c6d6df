import { Command } from "commander"
import { runSmoke } from "./run-smoke.ts"

const program = new Command("chaos:smoke")
  .description(
    "Kills a stack with SIGKILL, everything but the chain at once, again and again while a game's day is streamed into it; then checks that nothing was lost and nothing happened twice.",
  )
  .option("--kills <number>", "how many times", "10")
  .option("--count <number>", "adjustments in the stream", "20000")
  .option("--users <number>", "of how many users", "2000")
  .option("--seed <number>", "the stream and the moments of the kills", String(Date.now() % 1_000_000))
  .option("--keep", "keep the data directory, whatever the verdict", false)
  .addHelpText("after", "\nExample:\n  npm run chaos:smoke -- --kills 3 --count 3000 --users 300 --seed 7")

try {
  const flags = program
    .parse()
    .opts<{ kills: string; count: string; users: string; seed: string; keep: boolean }>()
  const isGood = await runSmoke({
    kills: wholeNumber("kills", flags.kills),
    count: wholeNumber("count", flags.count),
    users: wholeNumber("users", flags.users),
    seed: wholeNumber("seed", flags.seed),
    isKept: flags.keep,
  })
  process.exit(isGood ? 0 : 1)
} catch (error) {
  console.error(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Error(`--${name} is "${text}"; allowed: a whole number`)
}
