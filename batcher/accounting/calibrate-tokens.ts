import { concatHex, type Hex, keccak256, numberToHex, sliceHex, toHex } from "viem"
import { describeError, invariant } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { Batcher, BatcherChain } from "../batcher-context.ts"
import {
  findHolder,
  insertCalibration,
  loadTokensToCalibrate,
  type TokenToCalibrate,
} from "../store/gas-calibrations.ts"
import { measureSingleCalls } from "./measure-single-calls.ts"

// ERC-1967: where a proxy keeps the address of its code.
const implementationSlot = numberToHex(BigInt(keccak256(toHex("eip1967.proxy.implementation"))) - 1n)

/**
 * Measures what single calls cost on every token of a chain that has no figures yet, or old ones, or another code than they were measured with. What cannot be measured keeps
 * nobody: it is tried again. Two processes may do it at once; then there are two calibrations.
 */
export async function calibrateTokens(
  batcher: Batcher,
  chainId: bigint,
  { client, signers }: BatcherChain,
  /** When each token was looked at, by its id: kept by the caller between the calls. */
  checkedAtMs: Map<number, number>,
): Promise<void> {
  const { db, logger } = batcher
  // Which one does not matter: roles that it lacks are given to it in the measurement.
  const [signer] = signers
  invariant(signer !== undefined, `chain ${chainId} has no signer`)
  for (const token of await loadTokensToCalibrate(db, chainId)) {
    const nowMs = batcher.now().getTime()
    const checkedMs = token.newest === null ? undefined : checkedAtMs.get(token.tokenId)
    if (checkedMs !== undefined && nowMs - checkedMs < batcher.limits.calibrationCheckMs) continue
    try {
      await calibrateToken(batcher, client, signer.address, token)
      checkedAtMs.set(token.tokenId, nowMs)
    } catch (error) {
      const log = { chainId: chainId.toString(), token: token.address, fault: describeError(error) }
      logger.warn(log, "what single calls cost could not be measured")
    }
  }
}

async function calibrateToken(
  batcher: Batcher,
  client: ChainClient,
  signer: Hex,
  token: TokenToCalibrate,
): Promise<void> {
  const { db, limits, logger } = batcher
  const { newest } = token
  const block = await client.reads.getBlock({ blockTag: "latest" })
  const codeHash = await hashCode(client, token.address, block.number)
  const isSameCode = newest !== null && newest.codeHash === codeHash
  const measuredAt = batcher.now()
  const ageMs =
    newest === null ? Number.POSITIVE_INFINITY : measuredAt.getTime() - newest.measuredAt.getTime()
  if (isSameCode && newest.problem === null && ageMs < limits.calibrationIntervalMs) return
  const measured = await measureSingleCalls(client, {
    address: token.address,
    decimals: token.decimals,
    signer,
    holder: await findHolder(db, token.tokenId),
    blockNumber: block.number,
  })
  // Figures of the same code outlive a moment in which it cannot be measured, such as while the token is paused.
  if ("problem" in measured && isSameCode) return
  await insertCalibration(db, {
    tokenId: token.tokenId,
    measuredAt,
    blockNumber: block.number,
    blockHash: block.hash.toLowerCase(),
    codeHash,
    measured,
  })
  logger.info(
    {
      token: token.address,
      ...("problem" in measured
        ? { problem: measured.problem }
        : { method: measured.method, mintExisting: measured.costs.mintExisting.toString() }),
    },
    "what single calls cost was measured",
  )
}

/** Of the token's code, and of what stands behind it where it is a proxy. */
async function hashCode(client: ChainClient, address: Hex, blockNumber: bigint): Promise<Hex> {
  const slot = await client.reads.getStorageAt({ address, slot: implementationSlot, blockNumber })
  const implementation = slot === undefined || BigInt(slot) === 0n ? null : sliceHex(slot, 12)
  const codes = await Promise.all(
    [address, ...(implementation === null ? [] : [implementation])].map((at) =>
      client.reads.getCode({ address: at, blockNumber }),
    ),
  )
  return keccak256(concatHex(codes.map((code) => code ?? "0x")))
}
