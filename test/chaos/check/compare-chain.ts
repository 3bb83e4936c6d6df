import type { FoldedBatch, FoldedLog } from "./fold-log.ts"
import type { TokenLog, TokenState } from "./read-token.ts"

const zeroAddress = `0x${"0".repeat(40)}`

/**
 * Each sealed batch is on the chain once, with what was sealed, and one that was taken apart is not; each other transfer of an account of ours is a deposit or a withdrawal of
 * the log. Nothing of the kind is on the chain besides. Other ledgers may settle on the same token, if they leave our accounts alone.
 */
export function compareBatches(
  log: Pick<FoldedLog, "ledgerId" | "batches" | "accounts" | "moves">,
  token: TokenState,
): string[] {
  const problems: string[] = []
  const settled = new Map<string, TokenLog[]>()
  const transfers = new Map<string, TransferLog[]>()
  const ours = new Set([...log.accounts.values()].map(({ address }) => address))
  const isOfOthers = new Set<string>()
  for (const entry of token.logs) {
    if (entry.kind === "Transfer") {
      transfers.set(entry.transactionHash, [...(transfers.get(entry.transactionHash) ?? []), entry])
    } else if (isOfLedger(entry.batchId, log.ledgerId)) {
      if (entry.kind !== "DebitSkipped")
        settled.set(entry.batchId, [...(settled.get(entry.batchId) ?? []), entry])
    } else isOfOthers.add(entry.transactionHash)
  }
  for (const [sequence, batch] of log.batches) {
    const found = settled.get(batch.batchId) ?? []
    settled.delete(batch.batchId)
    const [entry] = found
    if (batch.isDissolved) {
      if (entry !== undefined) problems.push(`batch ${sequence} was taken apart and is on the chain`)
      continue
    }
    if (batch.isCancelled && entry?.kind === "BatchCancelled" && found.length === 1) continue
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
    else if (batch.place !== null && entry.place !== batch.place)
      problems.push(`batch ${sequence} is confirmed by a block that the chain has not`)
    problems.push(...compareTransfers(sequence, batch, log, transfers.get(entry.transactionHash) ?? []))
    transfers.delete(entry.transactionHash)
  }
  for (const batchId of settled.keys())
    problems.push(`the chain has batch ${batchId}, which the log never sealed`)
  const outside = [...transfers.values()].flat().filter(({ from, to }) => ours.has(from) || ours.has(to))
  for (const { transactionHash } of outside)
    if (isOfOthers.has(transactionHash))
      problems.push(`transaction ${transactionHash} of another ledger moves an account of ours`)
  return [...problems, ...compareMoves(log, outside)]
}

type TransferLog = Extract<TokenLog, { kind: "Transfer" }>

/** The ledger's id stands in front of the batch's number. */
function isOfLedger(batchId: string, ledgerId: string): boolean {
  return batchId.slice(2, -16).endsWith(ledgerId.replaceAll("-", ""))
}

/** Every transfer that nobody settled, seen from each end that is ours, is in the log once. */
function compareMoves(log: Pick<FoldedLog, "accounts" | "moves">, outside: readonly TransferLog[]): string[] {
  const ids = new Map([...log.accounts].map(([id, { address }]) => [address, id]))
  const wanted = outside.flatMap(({ from, to, value, place }) => [
    ...(ids.has(from) ? [`${ids.get(from)} ${-value} ${place}`] : []),
    ...(ids.has(to) ? [`${ids.get(to)} ${value} ${place}`] : []),
  ])
  const found = [...log.moves.values()].map(
    ({ accountId, amount, place }) => `${accountId} ${amount} ${place}`,
  )
  const problems: string[] = []
  for (const move of wanted) {
    const at = found.indexOf(move)
    if (at < 0) problems.push(`the chain has a transfer that the log has not observed: ${move}`)
    else found.splice(at, 1)
  }
  return [...problems, ...found.map((move) => `the log observed a transfer that the chain has not: ${move}`)]
}

function compareTransfers(
  sequence: string,
  batch: FoldedBatch,
  log: Pick<FoldedLog, "accounts">,
  transfers: readonly TokenLog[],
): string[] {
  const wanted = [...batch.nets]
    .filter(([id]) => !batch.deferred.has(id))
    .map(([id, net]) => `${log.accounts.get(id)?.address ?? id} ${net}`)
  const found = transfers.flatMap((entry) => {
    if (entry.kind !== "Transfer") return []
    return [entry.from === zeroAddress ? `${entry.to} ${entry.value}` : `${entry.from} ${-entry.value}`]
  })
  return wanted.sort().join() === found.sort().join()
    ? []
    : [`batch ${sequence} moved other amounts than were sealed`]
}

/** What the dead letters keep from being settled, by user. */
export type DeadLetters = ReadonlyMap<string, { readonly changes: number; readonly amount: bigint }>

/** Every change that was accepted is settled, or in the dead letters with all that its account has waiting. */
export function compareUnsettled(
  log: Pick<FoldedLog, "accounts" | "unsettled">,
  deadLetters: DeadLetters,
): string[] {
  const problems: string[] = []
  const open = new Map(deadLetters)
  for (const [id, { changes, amount }] of log.unsettled) {
    const userId = log.accounts.get(id)?.userId ?? id
    const letter = open.get(userId)
    open.delete(userId)
    if (letter === undefined)
      problems.push(`account ${id} (${userId}) has ${changes} changes that are neither settled nor given up`)
    else if (letter.changes !== changes || letter.amount !== amount)
      problems.push(
        `account ${id} (${userId}) has ${changes} changes waiting, its dead letter ${letter.changes}`,
      )
  }
  return [
    ...problems,
    ...[...open.keys()].map((userId) => `${userId} has a dead letter and nothing that waits`),
  ]
}

/**
 * Everybody's balance is what the token says, but for what is in the dead letters; and with what others hold it is the token's supply.
 * @param balances by address: of our accounts, and of everybody else who ever had a token
 */
export function compareHoldings(
  log: Pick<FoldedLog, "accounts" | "unsettled">,
  token: Pick<TokenState, "totalSupply">,
  balances: ReadonlyMap<string, bigint>,
): string[] {
  const problems: string[] = []
  const others = new Map(balances)
  let sum = 0n
  for (const [id, { userId, address, pending, confirmed }] of log.accounts) {
    const held = balances.get(address)
    others.delete(address)
    const settled = pending - (log.unsettled.get(id)?.amount ?? 0n)
    sum += settled
    if (settled !== confirmed || settled !== held)
      problems.push(`account ${id} (${userId}): log ${settled}, confirmed ${confirmed}, chain ${held}`)
  }
  for (const held of others.values()) sum += held
  if (sum !== token.totalSupply) problems.push(`all together have ${sum}, the supply is ${token.totalSupply}`)
  return problems
}
