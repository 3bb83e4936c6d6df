import { type Loop, startLoop } from "../../platform/loop.ts"
import type { Batcher } from "../batcher-context.ts"
import { accountSavings } from "./account-savings.ts"
import { calibrateTokens } from "./calibrate-tokens.ts"

const gapMs = 100

/** Measures what gas is saved, beside settlement: nothing waits for it. */
export function runAccounting(batcher: Batcher): Loop {
  const { db, limits, logger } = batcher
  const checkedAtMs = new Map<number, number>()
  return startLoop({
    name: "accounting",
    logger,
    gapMs,
    async turn() {
      // First of all: what is sealed from now on is judged by it.
      await Promise.all(
        [...batcher.chains].map(([chainId, chain]) => calibrateTokens(batcher, chainId, chain, checkedAtMs)),
      )
      const hasMore = await accountSavings(db)
      return hasMore ? 0 : limits.fallbackPollMs
    },
  })
}
