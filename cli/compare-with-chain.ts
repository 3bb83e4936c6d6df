import { type Address, createPublicClient, http, type PublicClient } from "viem"
import { auditAnchorAbi } from "../abis/audit-anchor.ts"
import type { CheckedExport } from "../ledger/audit/check-export.ts"
import { ledgerIdBytes } from "../ledger/domain/wallet-address.ts"
import { ChainBridgeError } from "../platform/errors.ts"
import { listAnchoredRoots } from "./list-anchored-roots.ts"
import { readExportRoots } from "./read-export-roots.ts"

export type ChainRoot = {
  /** The newest anchor that the file covers. */
  readonly treeSize: bigint
  /** How many anchors were compared. */
  readonly roots: number
  /** Whether these are all that the chain has of the file's events. */
  readonly isComplete: boolean
  readonly chainId: number
  readonly contract: string
  /** Where the contract was asked. */
  readonly blockNumber: bigint
}

type Asked = {
  readonly client: PublicClient
  readonly contract: Address
  readonly ledgerId: string
  readonly blockNumber: bigint
}

const askedMax = 1_000
const askedAtOnce = 20
const noRoot = `0x${"0".repeat(64)}`

/**
 * Compares an export that holds in itself with every root that a chain has of its events: whoever changed one of them, and all hashes, signatures and checkpoints after it, could not change those.
 * The sizes come from the chain. What the file says of them, or leaves out, must not decide what is compared.
 * @param path where the file is; read again for the roots that none of its checkpoints gives
 * @param given the AuditAnchor; the one that the file names, unless given
 * @returns why they do not agree, where they do not
 * @throws ChainBridgeError RPC_UNREACHABLE
 */
export async function compareWithChain(
  path: string,
  file: CheckedExport,
  rpcUrl: string,
  given?: string,
): Promise<ChainRoot | { readonly problem: string }> {
  const named = [...file.anchors.values()].at(-1)
  const contract = (given ?? named?.contract)?.toLowerCase() as Address | undefined
  if (contract === undefined)
    return { problem: "the file names no contract that it is anchored in: give one (--anchor)" }
  const client = createPublicClient({ transport: http(rpcUrl, { retryCount: 2, timeout: 20_000 }) })
  const chainId = await asked(() => client.getChainId())
  const blockNumber = await asked(() => client.getBlockNumber())
  if (given === undefined && named !== undefined && named.chainId !== chainId)
    return {
      problem: `it is anchored on chain ${named.chainId}, and the endpoint is one of chain ${chainId}`,
    }
  if ((await asked(() => client.getCode({ address: contract, blockNumber }))) === undefined)
    return { problem: `chain ${chainId} has no contract at ${contract}` }

  const { isComplete, roots, newest } = await readChainRoots(
    { client, contract, ledgerId: file.ledgerId, blockNumber },
    file,
  )
  const lost = [...file.anchors].find(([size, at]) => at.contract === contract && !roots.has(size))
  if (lost !== undefined)
    return { problem: `it says that ${lost[0]} events are anchored, and the chain has no root of them` }
  const sizes = [...roots.keys()].filter((size) => size >= file.first - 1n && size <= file.last)
  const ours = await rootsOfFile(path, file, sizes)
  if (ours === null) return { problem: "it was changed while it was checked" }
  const compared = sizes.sort((a, b) => (a < b ? -1 : 1))
  for (const size of compared) {
    const [there, here] = [roots.get(size), `0x${ours.get(size)?.toString("hex") ?? ""}`]
    if (there !== here)
      return { problem: `the chain has the root ${there} of ${size} events, the file gives ${here}` }
  }
  const treeSize = compared.at(-1)
  // Of what is between the newest root that was compared and the file's end the chain may have one more.
  if (!isComplete && newest > file.last && treeSize !== file.last) {
    return {
      problem: `the chain has roots of more events, up to ${newest}, and the endpoint does not list which: take one that answers eth_getLogs, or an export up to event ${newest}`,
    }
  }
  if (treeSize === undefined)
    return { problem: `the contract ${contract} on chain ${chainId} has no root of these events` }
  return { treeSize, roots: compared.length, isComplete, chainId, contract, blockNumber }
}

/** The roots that the chain has of this ledger, by tree size: all of them by its logs, or else those that its state gives of the sizes that the file knows. */
async function readChainRoots(
  of: Asked,
  file: CheckedExport,
): Promise<{ isComplete: boolean; roots: Map<bigint, string>; newest: bigint }> {
  const { client, contract, ledgerId, blockNumber } = of
  const [newest, newestRoot] = await asked(() =>
    client.readContract({
      address: contract,
      abi: auditAnchorAbi,
      blockNumber,
      functionName: "newestCheckpoint",
      args: [ledgerIdBytes(ledgerId)],
    }),
  )
  const listed = await asked(() => listAnchoredRoots(client, contract, ledgerId, blockNumber))
  const roots = listed ?? new Map<bigint, string>()
  const claimed = [...file.anchors].filter(([, at]) => at.contract === contract).map(([size]) => size)
  // Logs that lack what the contract has are not all of them: an endpoint may have thrown old ones away.
  const added = await readRoots(
    of,
    claimed.filter((size) => !roots.has(size)),
  )
  const isComplete =
    listed !== null && added.size === 0 && (newest === 0n || roots.get(newest) === newestRoot)
  if (isComplete) return { isComplete, roots, newest }
  const known = new Set([file.last, ...file.checkpoints.keys()].filter((size) => !roots.has(size)))
  const more = await readRoots(of, [...known].sort((a, b) => (a > b ? -1 : 1)).slice(0, askedMax))
  const own: [bigint, string][] = newest === 0n ? [] : [[newest, newestRoot]]
  return { isComplete, roots: new Map([...roots, ...added, ...more, ...own]), newest }
}

/** Those that there are. */
async function readRoots(
  { client, contract, ledgerId, blockNumber }: Asked,
  sizes: readonly bigint[],
): Promise<Map<bigint, string>> {
  const roots = new Map<bigint, string>()
  const of = { address: contract, abi: auditAnchorAbi, blockNumber, functionName: "rootOf" } as const
  const ledger = ledgerIdBytes(ledgerId)
  for (let start = 0; start < sizes.length; start += askedAtOnce) {
    const some = sizes.slice(start, start + askedAtOnce)
    const found = await asked(() =>
      Promise.all(some.map((size) => client.readContract({ ...of, args: [ledger, size] }))),
    )
    for (const [index, size] of some.entries()) {
      const root = found[index] ?? noRoot
      if (root !== noRoot) roots.set(size, root)
    }
  }
  return roots
}

async function rootsOfFile(
  path: string,
  file: CheckedExport,
  sizes: readonly bigint[],
): Promise<ReadonlyMap<bigint, Buffer> | null> {
  const known = new Map(file.checkpoints).set(file.last, file.root)
  const missing = new Set(sizes.filter((size) => !known.has(size)))
  if (missing.size === 0) return known
  const read = await readExportRoots(path, missing, file.root)
  return read === null ? null : new Map([...known, ...read])
}

/** Without viem's own text: it has the URL in it, which may hold a key. */
async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch {
    throw new ChainBridgeError("RPC_UNREACHABLE", "the chain did not answer at the URL that --rpc gives")
  }
}
