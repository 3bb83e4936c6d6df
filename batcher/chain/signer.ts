import type { Hex } from "viem"

/** An EIP-1559 call without value. Fees in wei per gas. */
export type CallToSign = {
  readonly chainId: bigint
  readonly nonce: bigint
  readonly to: Hex
  readonly data: Hex
  readonly gasLimit: bigint
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

/** Holds a key and gives it to nobody. */
export type Signer = {
  /** Lower case. */
  readonly address: Hex
  /** The signed transaction, ready to be sent. */
  sign(call: CallToSign): Promise<Hex>
}
