import type { BatchStrategy } from "./batch-strategy.ts"
import type { AccountFold } from "./fold.ts"

/** For tests: the shipped strategy of CPOP, as the batcher knows it, with few base units as the threshold. */
export const sampleStrategy: BatchStrategy = {
  name: "adaptive",
  optimalSize: 25,
  sizeMax: 40,
  sizeMin: 10,
  maxWaitMs: 900_000,
  valueThresholdBaseUnits: 1_000n,
  gasPriceFloorWei: null,
  networkSizes: { low: 35, medium: 25, high: 15 },
  congestion: {
    windowBlocks: 20,
    newestBlocks: 3,
    highBaseFeePercent: 120,
    highGasUsedPercent: 90,
    lowBaseFeePercent: 100,
    lowGasUsedPercent: 40,
  },
  cost: { wantedMin: 100, wantedMax: 250, worthwhilePercent: 1 },
  dust: null,
  retriesMax: 5,
  retryIntervalMs: 60_000,
  feeBufferPercent: 15,
  errorRate: { windowMs: 600_000, thresholdPercent: 50, failuresMin: 5 },
  pendingAlarmMs: 600_000,
}

/** For tests: a credit of 1 that nobody waits for, recorded at 0 and due at 1,000. */
export function foldedAccount(more: Partial<AccountFold> = {}): AccountFold {
  return {
    accountId: 1n,
    net: 1n,
    gross: 1n,
    positions: [more.accountId ?? 1n],
    priority: 1,
    isUrgent: false,
    deadlineMs: 1_000,
    oldestMs: 0,
    isNewHolder: false,
    ...more,
  }
}

export function foldedAccounts(count: number, more: Partial<AccountFold> = {}, firstId = 1): AccountFold[] {
  return Array.from({ length: count }, (_, index) =>
    foldedAccount({ accountId: BigInt(firstId + index), ...more }),
  )
}
