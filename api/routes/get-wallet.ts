import { z } from "@hono/zod-openapi"
import type { Address } from "viem"
import { walletAddress } from "../../ledger/domain/wallet-address.ts"
import { describeError } from "../../platform/errors.ts"
import { within } from "../chain/within.ts"
import { defineRoute } from "../route.ts"
import type { Services } from "../services.ts"
import { userIdSchema } from "../validation/schemas.ts"

const walletSchema = z.object({
  chain_id: z.int(),
  chain_name: z.string(),
  aa_address: z
    .string()
    .openapi({ description: "The same before and after deployment; it can receive at once" }),
  is_deployed: z.boolean().nullable().openapi({ description: "null where the chain did not answer" }),
  deployment_tx: z.string().nullable(),
  master_signer: z.string().nullable(),
  estimated_deploy_time: z.int().nullable(),
})

/** The addresses need no chain: whoever asks for them does not wait for one that is down. */
const chainTimeoutMs = 1_000

export const getWallet = defineRoute({
  method: "get",
  path: "/wallet/{user_id}",
  tag: "Wallets",
  summary: "A user's address on each chain",
  permission: "wallets.read",
  params: z.object({ user_id: userIdSchema }),
  answer: z.object({ user_id: z.string(), wallets: z.array(walletSchema) }),
  refusals: [],
  async handle(services, { params, caller }) {
    const { chains } = await services.registry.current()
    const wallets = await Promise.all(
      [...chains.values()].map(async (chain) => {
        const address = walletAddress({
          walletManager: chain.walletManager,
          walletInitCodeHash: chain.walletInitCodeHash,
          ledgerId: caller.ledgerId,
          identifierSalt: caller.identifierSalt,
          userId: params.user_id,
        })
        return {
          chain_id: Number(chain.chainId),
          chain_name: chain.name,
          aa_address: address,
          is_deployed: await isDeployed(services, chain.chainId, address),
          deployment_tx: null,
          master_signer: null,
          estimated_deploy_time: null,
        }
      }),
    )
    return { data: { user_id: params.user_id, wallets } }
  },
})

async function isDeployed(services: Services, chainId: bigint, address: Address): Promise<boolean | null> {
  const { rpc } = services
  if (rpc === undefined) return null
  try {
    return await within(rpc.isDeployed(chainId, address), chainTimeoutMs)
  } catch (error) {
    services.logger.debug(
      { chain_id: chainId.toString(), reason: describeError(error) },
      "no deployment state",
    )
    return null
  }
}
