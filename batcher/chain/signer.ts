import type { Hex } from "viem"
import type { Fees } from "../domain/fees.ts"

/** What is called, without value, and by which transaction of its chain. */
export type UnpricedCall = {
  readonly chainId: bigint
  readonly nonce: bigint
  readonly to: Hex
  readonly data: Hex
  readonly gasLimit: bigint
}

/** A transaction of either type, told by `type`. Fees in wei per gas. */
export type CallToSign = UnpricedCall & Fees

/** Holds a key and gives it to nobody. */
export type Signer = {
  /** Lower case. */
  readonly address: Hex
  /** The signed transaction, ready to be sent. */
  sign(call: CallToSign): Promise<Hex>
}
