import { type Hex, toFunctionSelector } from "viem"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { ChainBridgeError, causesOf } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { Batcher } from "../batcher-context.ts"
import { releaseClaims } from "../store/claims.ts"
import { loadTokensToSettle, type TokenToSettle } from "../store/lanes.ts"
import type { SignerKey } from "../store/leases.ts"
import { type SignerStanding, subjectOfRole } from "../store/signer-standing.ts"
import { lockSigners, resumeWorkableLanes, stopUnworkableLanes } from "../store/stop-unworkable-lanes.ts"
import { encodeProbes } from "./encode-batch.ts"

// A role that was there goes only by somebody's doing, and then a simulation says so.
const heldIntervalMs = 600_000

const roleErrors = [
  "AccessControlUnauthorizedAccount(address,bytes32)",
  "OwnableUnauthorizedAccount(address)",
].map((signature) => toFunctionSelector(signature))

// No batch has this number: its ledger would be the one without an id.
const noBatch: Hex = `0x${"0".repeat(63)}1`

/** Remembers over a desk's turns which tokens its signer may settle. */
export type RoleWatch = {
  /**
   * Looks on the chain where it is time to, raises and clears the alarms.
   * @returns the ids of the tokens that the signer may settle
   */
  check(standing: SignerStanding): Promise<number[]>
  /** A simulation said that the role is gone: the next look is taken at once. */
  doubt(tokenId: number): void
}

export function createRoleWatch(batcher: Batcher, client: ChainClient, key: SignerKey): RoleWatch {
  const { db, limits } = batcher
  const seen = new Map<number, { readonly holds: boolean; readonly atMs: number }>()

  async function look(token: TokenToSettle): Promise<{ readonly holds: boolean; readonly isNews: boolean }> {
    const nowMs = batcher.now().getTime()
    const last = seen.get(token.tokenId)
    if (last !== undefined && nowMs - last.atMs < (last.holds ? heldIntervalMs : limits.fallbackPollMs))
      return { holds: last.holds, isNews: false }
    const holds = await holdsRole(client, token, key.address as Hex)
    // Nodes have many ways not to try a call. What was known stands, and at first simulations decide.
    if (holds === null) return { holds: last?.holds ?? true, isNews: false }
    seen.set(token.tokenId, { holds, atMs: nowMs })
    return { holds, isNews: true }
  }

  return {
    async check({ tokensWithoutRole }) {
      const allowed: number[] = []
      for (const token of await loadTokensToSettle(db, key.chainId)) {
        const isAlarmed = tokensWithoutRole.includes(token.tokenId)
        const { holds, isNews } = await look(token)
        if (holds) {
          allowed.push(token.tokenId)
          if (isAlarmed) await clear(batcher, key, token)
        } else if (isNews || !isAlarmed) {
          // Said again with each look: whoever could settle in its place may have gone.
          await alarm(batcher, key, token)
        }
      }
      return allowed
    },
    doubt: (tokenId) => seen.delete(tokenId),
  }
}

/** The signer takes no batch of this token; its lanes stop where nobody else may settle it. */
async function alarm({ db }: Batcher, key: SignerKey, token: TokenToSettle): Promise<void> {
  const message = `signer ${key.address} on chain ${key.chainId} may not settle ${token.symbol}: grant it the role on ${token.treasury ?? token.address}, and it goes on`
  await db.transaction().execute(async (trx) => {
    await lockSigners(trx, key)
    await releaseClaims(trx, key)
    await stopUnworkableLanes(
      trx,
      key.chainId,
      { reason: message, by: "signer" },
      { without: key.address, tokenId: token.tokenId },
    )
    const subject = subjectOfRole(key, token.tokenId)
    await raiseAlarm(trx, { kind: "signer_role", subject, ledgerId: null, message })
  })
}

async function clear({ db, logger }: Batcher, key: SignerKey, token: TokenToSettle): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockSigners(trx, key)
    await clearAlarm(trx, "signer_role", subjectOfRole(key, token.tokenId))
    await resumeWorkableLanes(trx, key.chainId)
  })
  logger.info({ chainId: key.chainId.toString(), signer: key.address, token: token.symbol }, "may settle now")
}

/**
 * Tries calls that are refused only for reasons that have nothing to do with anybody's account. A signer lacks the role where each of them is refused for that; whatever else a token says, or
 * does not say, is for its simulations to decide.
 * @returns null where no node tries them
 */
async function holdsRole(client: ChainClient, token: TokenToSettle, signer: Hex): Promise<boolean | null> {
  const { credits, debits } = token.traits
  for (const batchCall of new Set([credits, debits])) {
    if (batchCall === null) continue
    const probes = encodeProbes({ batchCall, batchId: noBatch, tokenAddress: token.address }, signer)
    const to = batchCall === "treasury_settle" ? (token.treasury ?? token.address) : token.address
    const refused = await Promise.all(probes.map((data) => isRefusedForRole(client, { to, data, signer })))
    if (refused.includes(null)) return null
    if (refused.every((isRefused) => isRefused === true)) return false
  }
  return true
}

async function isRefusedForRole(
  client: ChainClient,
  { to, data, signer }: { readonly to: Hex; readonly data: Hex; readonly signer: Hex },
): Promise<boolean | null> {
  try {
    await client.reads.call({ account: signer, to, data })
    return false
  } catch (error) {
    const causes = causesOf(error)
    if (causes.some((cause) => cause instanceof ChainBridgeError && cause.retryable)) return null
    return causes.some((cause) => isRoleError((cause as { data?: unknown }).data))
  }
}

function isRoleError(data: unknown): boolean {
  // Some nodes wrap the bytes in an object.
  const inner = typeof data === "object" && data !== null && "data" in data ? data.data : data
  return typeof inner === "string" && roleErrors.some((selector) => inner.toLowerCase().startsWith(selector))
}
