import {
  BaseError,
  formatTransaction,
  type Hex,
  keccak256,
  numberToHex,
  type RpcTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  type TransactionSerializable,
} from "viem"
import { z } from "zod"
import { ChainBridgeError, causesOf } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"

/** The transaction by which a nonce was used up. Hashes and addresses in lower case. */
export type Consumer = {
  readonly hash: Hex
  readonly to: Hex | null
  readonly data: Hex
  readonly blockNumber: bigint
  readonly blockHash: Hex
}

const hash = z.string().regex(/^0x[0-9a-fA-F]{64}$/)
const blockSchema = z.object({
  hash,
  transactions: z.array(z.looseObject({ hash, from: z.string(), nonce: z.string() })),
})

/**
 * Looks for the transaction that used up a nonce, in blocks that all endpoints agree on. That a node counts more transactions than we know of proves nothing; one that is signed by our own
 * key is what nobody can make up.
 * @param of.through the last block that counts
 * @returns why there is none that could be shown: a node may not have old states, and then nobody knows
 */
export async function findConsumer(
  client: ChainClient,
  of: { readonly signer: Hex; readonly nonce: bigint; readonly through: bigint },
): Promise<Consumer | { readonly unknown: string }> {
  try {
    return await find(client, of)
  } catch (error) {
    // Nothing else has to wait until the endpoints agree about this.
    const unknown = describeDoubt(error)
    if (unknown === null) throw error
    return { unknown }
  }
}

/** Why the endpoints do not show something, in their words; null for what is no trouble of theirs. */
export function describeDoubt(error: unknown): string | null {
  for (const cause of causesOf(error)) {
    if (cause instanceof ChainBridgeError) return cause.retryable ? cause.message : null
    if (cause instanceof BaseError) return cause.shortMessage
  }
  return null
}

async function find(
  client: ChainClient,
  { signer, nonce, through }: Parameters<typeof findConsumer>[1],
): Promise<Consumer | { readonly unknown: string }> {
  const countAt = (block: bigint) => client.transactionCountAt(signer, block)
  if ((await countAt(through)) <= nonce)
    return { unknown: `nonce ${nonce} is not used up in block ${through}` }
  // Back in steps that double, until the nonce was not used; then the block in between, by halves.
  let used = through
  let unused = -1n
  for (let step = 1n; used > 0n; step *= 2n) {
    const block = used > step ? used - step : 0n
    if ((await countAt(block)) <= nonce) {
      unused = block
      break
    }
    used = block
  }
  while (used - unused > 1n) {
    const middle = (used + unused) / 2n
    if ((await countAt(middle)) > nonce) used = middle
    else unused = middle
  }
  const block = await client.readAgreed("eth_getBlockByNumber", [numberToHex(used), true], (answer) => {
    const { hash: blockHash, transactions } = blockSchema.parse(answer)
    const transaction = transactions.find(
      (each) => each.from.toLowerCase() === signer && BigInt(each.nonce) === nonce,
    )
    return { blockHash: blockHash.toLowerCase() as Hex, transaction }
  })
  const { transaction, blockHash } = block
  if (transaction === undefined)
    return { unknown: `block ${used} has no transaction of ${signer} with nonce ${nonce}` }
  const signed = formatTransaction(transaction as unknown as RpcTransaction)
  if (!(await isSignedBy(signer, nonce, signed)))
    return { unknown: `${signed.hash} in block ${used} is not signed by ${signer} for nonce ${nonce}` }
  return {
    hash: signed.hash.toLowerCase() as Hex,
    to: signed.to === null ? null : (signed.to.toLowerCase() as Hex),
    data: signed.input,
    blockNumber: used,
    blockHash,
  }
}

/** Puts the bytes together again that were signed: their hash and their signer are computed here, not believed. */
async function isSignedBy(
  signer: Hex,
  nonce: bigint,
  signed: ReturnType<typeof formatTransaction>,
): Promise<boolean> {
  const { r, s, v, yParity, input, hash: said } = signed
  if (r === undefined || s === undefined || v === undefined) return false
  const unsigned = { ...signed, data: input } as unknown as TransactionSerializable
  const raw = serializeTransaction(unsigned, { r, s, v, ...(yParity === undefined ? {} : { yParity }) })
  if (keccak256(raw) !== said.toLowerCase() || BigInt(signed.nonce) !== nonce) return false
  const sender = await recoverTransactionAddress({
    serializedTransaction: raw as Parameters<typeof recoverTransactionAddress>[0]["serializedTransaction"],
  })
  return sender.toLowerCase() === signer
}
