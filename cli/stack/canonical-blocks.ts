import { type Hex, keccak256, toRlp } from "viem"

/** A block as it stands in anvil's saved state: numbers are hex quantities. */
export type SavedBlock = { readonly header: Readonly<Record<string, Hex | undefined>> }

// The order that a header is hashed in; the later ones came with forks and may be absent.
const HASHED: readonly { readonly name: string; readonly isNumber?: true }[] = [
  { name: "parentHash" },
  { name: "sha3Uncles" },
  { name: "miner" },
  { name: "stateRoot" },
  { name: "transactionsRoot" },
  { name: "receiptsRoot" },
  { name: "logsBloom" },
  { name: "difficulty", isNumber: true },
  { name: "number", isNumber: true },
  { name: "gasLimit", isNumber: true },
  { name: "gasUsed", isNumber: true },
  { name: "timestamp", isNumber: true },
  { name: "extraData" },
  { name: "mixHash" },
  { name: "nonce" },
  { name: "baseFeePerGas", isNumber: true },
  { name: "withdrawalsRoot" },
  { name: "blobGasUsed", isNumber: true },
  { name: "excessBlobGas", isNumber: true },
  { name: "parentBeaconBlockRoot" },
  { name: "requestsHash" },
]

/**
 * The blocks that the newest one stands on. anvil saves others too: each load leaves the first block that it had made
 * before it loaded, and at the next load any of them may become "the" first block, which would make it another chain.
 */
export function keepCanonicalBlocks<Block extends SavedBlock>(
  blocks: readonly Block[],
  newest: number,
): Block[] {
  const byNumber = new Map<number, Block[]>()
  for (const block of blocks) {
    const number = Number(block.header["number"])
    byNumber.set(number, [...(byNumber.get(number) ?? []), block])
  }
  const kept: Block[] = []
  let child: Block | undefined
  for (let number = newest; number >= 0; number--) {
    const candidates = byNumber.get(number) ?? []
    const wanted = child?.header["parentHash"]
    // A hash is worth computing only where there is a choice.
    const block =
      candidates.length > 1 && wanted !== undefined
        ? candidates.find((candidate) => hashHeader(candidate) === wanted)
        : candidates[0]
    if (block === undefined)
      throw new TypeError(`the saved chain has no block ${number} that its successor stands on`)
    kept.push(block)
    child = block
  }
  return kept.reverse()
}

function hashHeader({ header }: SavedBlock): Hex {
  const fields: Hex[] = []
  for (const { name, isNumber } of HASHED) {
    const value = header[name]
    if (value === undefined || value === null) continue
    fields.push(isNumber === true ? toMinimalBytes(value) : value)
  }
  return keccak256(toRlp(fields))
}

/** A quantity without leading zeros; zero is no byte at all. */
function toMinimalBytes(quantity: Hex): Hex {
  const digits = BigInt(quantity).toString(16)
  if (digits === "0") return "0x"
  return `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`
}
