import { concatBytes, type Hex, hexToBytes, keccak256, pad, stringToBytes } from "viem"
import { invariant } from "../../platform/errors.ts"

export type WalletAddressInput = {
  /** The chain's WalletManager. */
  readonly walletManager: Hex
  /** What the manager's `walletInitCodeHash()` answers. */
  readonly walletInitCodeHash: Hex
  /** The ledger's uuid. */
  readonly ledgerId: string
  /** The ledger's secret, 32 bytes: without it nobody can tell from an address whose it is. */
  readonly identifierSalt: Hex
  readonly userId: string
}

/**
 * Where a user's wallet is or will be, in lower case. Equal to the manager's `getWalletAddress`: CREATE2 of EIP-1014. A ledger that opens thousands of accounts in a second
 * asks for as many, so it is computed on bytes, without the checksums that viem's own function adds.
 */
export function walletAddress(input: WalletAddressInput): Hex {
  invariant(/^0x[0-9a-fA-F]{40}$/.test(input.walletManager), "a wallet manager has an address of 20 bytes")
  const salt = new Uint8Array(64)
  salt.set(hexToBytes(ledgerIdBytes(input.ledgerId)), 0)
  salt.set(hexToBytes(walletIdentifier(input.identifierSalt, input.userId)), 32)
  const preimage = new Uint8Array(85)
  preimage[0] = 0xff
  preimage.set(hexToBytes(input.walletManager), 1)
  preimage.set(keccak256(salt, "bytes"), 21)
  preimage.set(hexToBytes(input.walletInitCodeHash), 53)
  return `0x${keccak256(preimage).slice(-40)}`
}

/** A ledger's uuid as the contracts take it: left-padded to 32 bytes. */
export function ledgerIdBytes(ledgerId: string): Hex {
  const digits = ledgerId.replaceAll("-", "").toLowerCase()
  invariant(/^[0-9a-f]{32}$/.test(digits), `not a uuid: ${ledgerId}`)
  return pad(`0x${digits}`, { size: 32 })
}

/** The ledger that a contract's 32 bytes name; null where they are no uuid. */
export function ledgerIdOfBytes(bytes: string): string | null {
  const [, a, b, c, d, e] =
    /^0x0{32}([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(bytes) ?? []
  return a === undefined ? null : [a, b, c, d, e].join("-")
}

/** How the contracts know a user: the hash of the ledger's secret and the user id in UTF-8. */
export function walletIdentifier(identifierSalt: Hex, userId: string): Hex {
  invariant(/^0x[0-9a-fA-F]{64}$/.test(identifierSalt), "an identifier salt has 32 bytes")
  // Encoded, every lone surrogate would become the same replacement character, and two users one wallet.
  invariant(userId.isWellFormed(), "a user id is well-formed Unicode")
  return keccak256(concatBytes([hexToBytes(identifierSalt), stringToBytes(userId)]))
}
