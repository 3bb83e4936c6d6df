import { type Address, createPublicClient, type Hex, http } from "viem"
import { auditAnchorAbi } from "../abis/audit-anchor.ts"
import type { CheckedExport } from "../ledger/audit/check-export.ts"
import { ledgerIdBytes } from "../ledger/domain/wallet-address.ts"
import { ChainBridgeError } from "../platform/errors.ts"

export type ChainRoot = {
  /** The newest anchor that the file covers. */
  readonly treeSize: bigint
  readonly chainId: number
  readonly contract: string
  /** Where the contract was asked. */
  readonly blockNumber: bigint
}

const askedMax = 1_000
const askedAtOnce = 20
const noRoot = `0x${"0".repeat(64)}`

/**
 * Compares an export that holds in itself with the newest root that a chain has of its events: whoever changed one of them, and all hashes, signatures and checkpoints after it, could not change that one.
 * @param contract the AuditAnchor; the one that the file names, unless given
 * @returns why they do not agree, where they do not
 * @throws ChainBridgeError RPC_UNREACHABLE
 */
export async function compareWithChain(
  file: CheckedExport,
  rpcUrl: string,
  contract?: string,
): Promise<ChainRoot | { readonly problem: string }> {
  const named = [...file.anchors.values()].at(-1)
  const address = (contract ?? named?.contract)?.toLowerCase()
  if (address === undefined)
    return { problem: "the file names no contract that it is anchored in: give one (--anchor)" }
  const client = createPublicClient({ transport: http(rpcUrl, { retryCount: 2, timeout: 20_000 }) })
  const chainId = await asked(() => client.getChainId())
  const blockNumber = await asked(() => client.getBlockNumber())
  if (contract === undefined && named !== undefined && named.chainId !== chainId)
    return {
      problem: `it is anchored on chain ${named.chainId}, and the endpoint is one of chain ${chainId}`,
    }
  if ((await asked(() => client.getCode({ address: address as Address, blockNumber }))) === undefined)
    return { problem: `chain ${chainId} has no contract at ${address}` }

  const of = { address: address as Address, abi: auditAnchorAbi, blockNumber }
  const ledger = ledgerIdBytes(file.ledgerId)
  const [newest] = await asked(() =>
    client.readContract({ ...of, functionName: "newestCheckpoint", args: [ledger] }),
  )
  const roots = new Map(file.checkpoints).set(file.last, file.root)
  if (newest >= file.first && newest <= file.last && !roots.has(newest))
    return { problem: `the chain has a root of ${newest} events, and the file no checkpoint of them` }
  // Newest first: a root that agrees proves all that is before it.
  const sizes = [...roots.keys()].sort((a, b) => (a > b ? -1 : 1)).slice(0, askedMax)
  for (let start = 0; start < sizes.length; start += askedAtOnce) {
    const some = sizes.slice(start, start + askedAtOnce)
    const found = await asked(() =>
      Promise.all(
        some.map((size) => client.readContract({ ...of, functionName: "rootOf", args: [ledger, size] })),
      ),
    )
    for (const [index, treeSize] of some.entries()) {
      const there = found[index] ?? noRoot
      const ours: Hex = `0x${roots.get(treeSize)?.toString("hex") ?? ""}`
      if (there === ours) return { treeSize, chainId, contract: address, blockNumber }
      if (there !== noRoot)
        return { problem: `the chain has the root ${there} of ${treeSize} events, the file gives ${ours}` }
      if (file.anchors.get(treeSize)?.contract === address)
        return { problem: `it says that ${treeSize} events are anchored, and the chain has no root of them` }
    }
  }
  return { problem: `the contract ${address} on chain ${chainId} has no root of these events` }
}

/** Without viem's own text: it has the URL in it, which may hold a key. */
async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch {
    throw new ChainBridgeError("RPC_UNREACHABLE", "the chain did not answer at the URL that --rpc gives")
  }
}
