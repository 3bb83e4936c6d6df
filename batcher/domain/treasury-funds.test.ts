import { expect, it } from "vitest"
import { judgeTreasury } from "./treasury-funds.ts"

it("is low when what waits cannot be paid, or the next batches could not", () => {
  const judge = (available: bigint, owed: bigint, paidPerBatch: bigint | null) =>
    judgeTreasury({ available, owed, paidPerBatch }, 10)
  expect(judge(0n, 0n, null)).toBe("enough")
  expect(judge(99n, 100n, null)).toBe("low")
  expect(judge(100n, 100n, null)).toBe("between")
  expect(judge(120n, 100n, null)).toBe("enough")
  expect(judge(999n, 100n, 100n)).toBe("low")
  expect(judge(1_000n, 100n, 100n)).toBe("between")
  expect(judge(1_200n, 1_000n, 100n)).toBe("enough")
})
