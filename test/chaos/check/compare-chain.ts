import type { FoldedBatch, FoldedLog } from "./fold-log.ts"
import type { TokenLog, TokenState } from "./read-token.ts"

const zeroAddress = `0x${"0".repeat(40)}`

/** Each sealed batch is on the chain once, with what was sealed; and the chain has no batch and no transfer besides. */
export function compareBatches(log: Pick<FoldedLog, "batches" | "accounts">, token: TokenState): string[] {
  const problems: string[] = []
  const settled = new Map<string, TokenLog[]>()
  const transfers = new Map<string, TokenLog[]>()
  for (const entry of token.logs) {
    const [map, key] =
      entry.kind === "Transfer" ? [transfers, entry.transactionHash] : [settled, entry.batchId]
    map.set(key, [...(map.get(key) ?? []), entry])
  }
  for (const [sequence, batch] of log.batches) {
    const found = settled.get(batch.batchId) ?? []
    settled.delete(batch.batchId)
    const [entry] = found
    if (entry?.kind !== "BatchSettled" || found.length > 1) {
      problems.push(
        `batch ${sequence}: the chain has ${found.map(({ kind }) => kind).join(", ") || "nothing"}`,
      )
      continue
    }
    if (batch.confirmations !== 1)
      problems.push(`batch ${sequence} is on the chain and has ${batch.confirmations} confirmations`)
    if (entry.contentHash !== batch.contentHash) problems.push(`batch ${sequence} settled another content`)
    if (batch.transactionHash !== null && entry.transactionHash !== batch.transactionHash)
      problems.push(`batch ${sequence} was confirmed by another transaction`)
    problems.push(...compareTransfers(sequence, batch, log, transfers.get(entry.transactionHash) ?? []))
    transfers.delete(entry.transactionHash)
  }
  for (const batchId of settled.keys())
    problems.push(`the chain has batch ${batchId}, which the log never sealed`)
  for (const [hash, moved] of transfers)
    problems.push(`${moved.length} transfers of transaction ${hash} belong to no batch`)
  return problems
}

function compareTransfers(
  sequence: string,
  batch: FoldedBatch,
  log: Pick<FoldedLog, "accounts">,
  transfers: readonly TokenLog[],
): string[] {
  const wanted = [...batch.nets].map(([id, net]) => `${log.accounts.get(id)?.address ?? id} ${net}`)
  const found = transfers.flatMap((entry) => {
    if (entry.kind !== "Transfer") return []
    return [entry.from === zeroAddress ? `${entry.to} ${entry.value}` : `${entry.from} ${-entry.value}`]
  })
  return wanted.sort().join() === found.sort().join()
    ? []
    : [`batch ${sequence} moved other amounts than were sealed`]
}

/** Everybody's folded balance is what the token says, and together they are its supply. */
export function compareHoldings(
  log: Pick<FoldedLog, "accounts">,
  token: Pick<TokenState, "totalSupply">,
  balances: ReadonlyMap<string, bigint>,
): string[] {
  const problems: string[] = []
  let sum = 0n
  for (const [id, { userId, address, pending, confirmed }] of log.accounts) {
    const held = balances.get(address)
    sum += pending
    if (pending !== confirmed || pending !== held)
      problems.push(`account ${id} (${userId}): log ${pending}, confirmed ${confirmed}, chain ${held}`)
  }
  if (sum !== token.totalSupply)
    problems.push(`the log adds up to ${sum}, the supply is ${token.totalSupply}`)
  return problems
}
