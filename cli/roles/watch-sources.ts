import { setTimeout as sleep } from "node:timers/promises"
import type pg from "pg"
import { registryChangedChannel } from "../../ledger/store/channels.ts"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"

const pollMs = 2_000
/** Several tokens that are registered one after the other are one change. */
const settleMs = 1_000

/**
 * Waits until there is something else to index than what Ponder was started with. The registry announces its changes; whoever missed that looks by himself.
 * @param read what there is to index now
 */
export async function waitForOtherSources(
  client: pg.Client,
  current: string,
  read: () => Promise<string>,
  logger: Logger,
): Promise<string> {
  let wake: () => void = () => undefined
  client.on("notification", () => wake())
  await client.query(`LISTEN ${registryChangedChannel}`)
  let seen = current
  for (;;) {
    const looked = await read().catch((error: unknown) => {
      logger.debug({ error: describeError(error) }, "the registry could not be read")
      return current
    })
    if (looked !== current && looked === seen) return looked
    seen = looked
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    await (looked === current ? Promise.race([sleep(pollMs), woken]) : sleep(settleMs))
  }
}
