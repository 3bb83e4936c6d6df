import { Command } from "commander"
import { openProgress } from "./runner/progress-file.ts"
import { runCampaign } from "./runner/run-campaign.ts"

const program = new Command("chaos")
  .description(
    "Runs the whole system while everything fails that can fail: processes are killed and stopped, nodes lie and forget, the chain reorganises. Then it heals, drains, and a program of its own checks every balance.",
  )
  .option("--seed <number>", "of the first run; the next ones count on", String(Date.now() % 1_000_000))
  .option("--runs <number>", "how many", "1")
  .option("--resume <file>", "leave out what has passed at this commit, and note there what passes")
  .option("--keep", "keep journals and logs of what passes, too", false)
  .addHelpText("after", "\nExample:\n  npm run chaos -- --seed 7 --runs 3")

try {
  const flags = program.parse().opts<{ seed: string; runs: string; resume?: string; keep: boolean }>()
  const isGood = await runCampaign({
    seed: wholeNumber("seed", flags.seed),
    runs: wholeNumber("runs", flags.runs),
    progress: flags.resume === undefined ? null : openProgress(flags.resume),
    isKept: flags.keep,
    say: (text) => console.log(text),
  })
  process.exit(isGood ? 0 : 1)
} catch (error) {
  console.error(`FAILED: ${error instanceof Error ? error.stack : String(error)}`)
  process.exit(1)
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Error(`--${name} is "${text}"; allowed: a whole number`)
}
