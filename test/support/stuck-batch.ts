import { type Hex, parseTransaction } from "viem"
import type { SettlementFixture } from "./settlement-fixture.ts"
import { waitUntil } from "./wait-until.ts"

/** Long enough for several turns of a desk, short enough to be waited for. */
export const replaceSoon = { replace_after_ms: 1_500n, replace_after_max_ms: 1_500n }

/** Has a batch of one change wait in the node's pool. Whoever settles has to run already, or be started by `start`. */
export async function stickBatch(fixture: SettlementFixture, start: () => unknown): Promise<void> {
  await fixture.rpc("evm_setAutomine", false)
  start()
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.batchesIn("broadcast", 1)
}

/** Waits until that many transactions are saved, and maybe more. */
export const transactionsSaved = (fixture: SettlementFixture, count: number) =>
  waitUntil(
    async () => {
      const transactions = await fixture.transactions()
      return transactions.length >= count && transactions
    },
    { what: `${count} transactions are saved`, describe: () => fixture.batches() },
  )

/** Waits until a node holds this transaction, unmined. */
export const inPool = (fixture: SettlementFixture, hash: string | undefined) =>
  waitUntil(
    async () => {
      const found = (await fixture.rpc("eth_getTransactionByHash", hash)) as { blockNumber: unknown } | null
      return found !== null && found.blockNumber === null
    },
    { what: `${hash} waits in the pool`, describe: () => fixture.transactions() },
  )

/** Mines until every batch has a receipt. */
export const mineAll = (fixture: SettlementFixture, count: number) =>
  waitUntil(
    async () => {
      await fixture.rpc("evm_mine")
      const batches = await fixture.batches()
      return batches.length === count && batches.every(({ state }) => state === "mined") && batches
    },
    { what: `${count} batches are mined`, describe: () => fixture.batches(), timeoutMs: 30_000 },
  )

/** What a node reads in the bytes, without what a replacement may change. */
export function callIn(raw: string) {
  const { type, chainId, nonce, to, data, gas, value } = parseTransaction(raw as Hex)
  return { type, chainId, nonce: nonce ?? 0, to: to?.toLowerCase(), data, gas, value: value ?? 0n }
}
