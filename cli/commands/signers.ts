import { readSigners } from "../../ledger/store/read-signers.ts"
import { retireSigner } from "../../ledger/store/retire-signer.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { commandInitiator } from "./command-initiator.ts"
import { withDatabase } from "./open-database.ts"

type Options = { readonly dataDir: string }
type ChangeOptions = Options & { readonly chain?: bigint }

/** `chainbridge signers list`: who signs on which chain, and what keeps whom from it. */
export async function listSignersCommand(options: Options): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const signers = await readSigners(db)
    if (signers.length === 0) process.stdout.write("no batcher has registered a signer yet\n")
    for (const { chainId, address, state, unmined, reason } of signers) {
      const why = reason === null ? "" : `: ${reason}`
      process.stdout.write(`chain ${chainId} ${address} ${state}, ${unmined} not mined${why}\n`)
    }
  })
}

/** `chainbridge signers retire`: the signer takes no new nonce. It is done when `list` says so. */
export async function retireSignerCommand(address: string, options: ChangeOptions): Promise<void> {
  await change(address, options, true)
}

/** `chainbridge signers reinstate`: it takes nonces again. */
export async function reinstateSignerCommand(address: string, options: ChangeOptions): Promise<void> {
  await change(address, options, false)
}

async function change(address: string, options: ChangeOptions, isRetired: boolean): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const changed = await retireSigner(db, {
      address: address.toLowerCase(),
      chainId: options.chain ?? null,
      isRetired,
      initiator: commandInitiator(),
    })
    if (changed.length === 0) {
      const state = isRetired ? "is not retired yet" : "is retired"
      throw new ChainBridgeError("NO_SIGNER", `there is no signer ${address} that ${state}`)
    }
    for (const { chainId, address: changedAddress, others } of changed) {
      const alone =
        isRetired && others === 0 ? "; no other signer of the chain is at work, so its lanes will stop" : ""
      process.stdout.write(
        `${changedAddress} ${isRetired ? "takes no more nonces" : "takes nonces again"} on chain ${chainId}${alone}\n`,
      )
    }
  })
}
