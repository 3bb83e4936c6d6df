import { toHex } from "viem"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { signerCoins } from "../faults/chain-faults.ts"
import { type ChaosStack, everyRole } from "../stack/open-stack.ts"
import type { Outsiders } from "../workload/outsiders.ts"

const usualBaseFee = toHex(10n ** 9n)

/** Ends every fault. What the system makes of what they left behind is its own business. */
export async function heal(stack: ChaosStack, outsiders: Outsiders): Promise<void> {
  stack.proxy.clear()
  if (!stack.postgres.isRunning()) await stack.postgres.start()
  for (const batcher of stack.roles.batcher) batcher.signal("SIGCONT")
  await callJsonRpc(stack.rpcUrl, "evm_setIntervalMining", [1])
  await callJsonRpc(stack.rpcUrl, "anvil_setBalance", [stack.signer, signerCoins])
  await callJsonRpc(stack.rpcUrl, "anvil_setNextBlockBaseFeePerGas", [usualBaseFee])
  await outsiders.clear()
  await Promise.all(everyRole(stack.roles).map((role) => role.ready()))
}
