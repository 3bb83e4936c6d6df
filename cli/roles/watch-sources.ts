import { setTimeout as sleep } from "node:timers/promises"
import type pg from "pg"
import { registryChangedChannel } from "../../ledger/store/channels.ts"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"

const pollMs = 2_000
/** Several tokens that are registered one after the other are one change. */
const settleMs = 1_000

type Sources = {
  read(): Promise<string>
  findProblem(sources: string): Promise<string | null>
}

/**
 * Waits until there is something else to index than what Ponder was started with, and it could be started with it: whoever ends for a chain that does not answer leaves the others without an indexer.
 * The registry announces its changes; whoever missed that looks by himself.
 * @param sources.read what there is to index now
 * @param sources.findProblem why nothing could be started with it; null: it could
 */
export async function waitForOtherSources(
  client: pg.Client,
  current: string,
  { read, findProblem }: Sources,
  logger: Logger,
): Promise<string> {
  let wake: () => void = () => undefined
  client.on("notification", () => wake())
  await client.query(`LISTEN ${registryChangedChannel}`)
  let seen = current
  let told: string | null = null
  for (;;) {
    const looked = await read().catch((error: unknown) => {
      logger.debug({ error: describeError(error) }, "the registry could not be read")
      return current
    })
    const isSettled = looked === seen
    if (looked !== current && isSettled) {
      const problem = await findProblem(looked)
      if (problem === null) return looked
      if (problem !== told)
        logger.warn({ problem }, "there is something else to index that cannot be started: it waits")
      told = problem
    }
    seen = looked
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    await (looked === current || isSettled ? Promise.race([sleep(pollMs), woken]) : sleep(settleMs))
  }
}
