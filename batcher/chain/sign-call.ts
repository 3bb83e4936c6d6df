import {
  type Hex,
  parseTransaction,
  recoverTransactionAddress,
  type TransactionSerializedEIP1559,
  type TransactionSerializedLegacy,
} from "viem"
import { invariant } from "../../platform/errors.ts"
import type { Fees } from "../domain/fees.ts"
import type { CallToSign, Signer, UnpricedCall } from "./signer.ts"

/** Signs, and reads the result as a node would: a signer that is a remote service must not be able to make us save another call than we asked for. */
export async function signCall(signer: Signer, call: CallToSign): Promise<Hex> {
  const raw = await signer.sign(call)
  const sender = await recoverTransactionAddress({
    serializedTransaction: raw as TransactionSerializedEIP1559 | TransactionSerializedLegacy,
  })
  const signed = readSigned(raw)
  const isAsAsked =
    sender.toLowerCase() === signer.address &&
    signed.chainId === call.chainId &&
    signed.nonce === call.nonce &&
    signed.to === call.to.toLowerCase() &&
    signed.data === call.data &&
    signed.value === 0n &&
    signed.gasLimit === call.gasLimit &&
    !signed.hasAccessList &&
    areFees(signed, call)
  invariant(isAsAsked, "the signer signed something else than it was asked to")
  return raw
}

/** What stored bytes call, and what they offer. */
export function readSigned(
  raw: Hex,
): UnpricedCall & Fees & { readonly value: bigint; readonly hasAccessList: boolean } {
  const parsed = parseTransaction(raw as TransactionSerializedEIP1559 | TransactionSerializedLegacy)
  const { to, gas } = parsed
  invariant(
    to !== undefined && to !== null && gas !== undefined,
    "what was signed is no transaction that calls something",
  )
  const call = {
    // A legacy transaction without a chain is valid on every one.
    chainId: BigInt(parsed.chainId ?? 0),
    nonce: BigInt(parsed.nonce ?? 0),
    to: to.toLowerCase() as Hex,
    data: parsed.data ?? "0x",
    gasLimit: gas,
    value: parsed.value ?? 0n,
    hasAccessList: "accessList" in parsed && (parsed.accessList ?? []).length > 0,
  }
  if (parsed.type === "legacy") return { ...call, type: "legacy", gasPrice: parsed.gasPrice ?? 0n }
  invariant(parsed.type === "eip1559", "what was signed is neither a legacy nor an EIP-1559 transaction")
  return {
    ...call,
    type: "eip1559",
    maxFeePerGas: parsed.maxFeePerGas ?? 0n,
    maxPriorityFeePerGas: parsed.maxPriorityFeePerGas ?? 0n,
  }
}

function areFees(signed: Fees, asked: Fees): boolean {
  if (signed.type === "legacy") return asked.type === "legacy" && signed.gasPrice === asked.gasPrice
  return (
    asked.type === "eip1559" &&
    signed.maxFeePerGas === asked.maxFeePerGas &&
    signed.maxPriorityFeePerGas === asked.maxPriorityFeePerGas
  )
}
