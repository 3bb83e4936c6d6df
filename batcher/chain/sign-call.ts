import {
  type Hex,
  parseTransaction,
  recoverTransactionAddress,
  type TransactionSerializedEIP1559,
} from "viem"
import { invariant } from "../../platform/errors.ts"
import type { CallToSign, Signer } from "./signer.ts"

/** Signs, and reads the result as a node would: a signer that is a remote service must not be able to make us save another call than we asked for. */
export async function signCall(signer: Signer, call: CallToSign): Promise<Hex> {
  const raw = await signer.sign(call)
  invariant(raw.startsWith("0x02"), "the signer did not return an EIP-1559 transaction")
  const signed = raw as TransactionSerializedEIP1559
  const parsed = parseTransaction(signed)
  const sender = await recoverTransactionAddress({ serializedTransaction: signed })
  const isAsAsked =
    sender.toLowerCase() === signer.address &&
    BigInt(parsed.chainId) === call.chainId &&
    BigInt(parsed.nonce ?? 0) === call.nonce &&
    parsed.to?.toLowerCase() === call.to.toLowerCase() &&
    (parsed.data ?? "0x") === call.data &&
    (parsed.value ?? 0n) === 0n &&
    parsed.gas === call.gasLimit &&
    parsed.maxFeePerGas === call.maxFeePerGas
  invariant(isAsAsked, "the signer signed something else than it was asked to")
  return raw
}
