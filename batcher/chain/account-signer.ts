import type { Hex, TransactionSerializable } from "viem"
import type { Signer } from "./signer.ts"

/** A signer from what signs a serialisable transaction: an account of viem, or a remote service. */
export function signerOf(account: {
  readonly address: Hex
  signTransaction(transaction: TransactionSerializable): Promise<Hex>
}): Signer {
  return {
    address: `0x${account.address.slice(2).toLowerCase()}`,
    sign(call) {
      const common = {
        chainId: Number(call.chainId),
        nonce: Number(call.nonce),
        to: call.to,
        data: call.data,
        value: 0n,
        gas: call.gasLimit,
      }
      return call.type === "legacy"
        ? account.signTransaction({ ...common, type: "legacy", gasPrice: call.gasPrice })
        : account.signTransaction({
            ...common,
            type: "eip1559",
            maxFeePerGas: call.maxFeePerGas,
            maxPriorityFeePerGas: call.maxPriorityFeePerGas,
          })
    },
  }
}
