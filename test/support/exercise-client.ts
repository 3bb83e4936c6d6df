import type { ChainBridgeClient } from "../../client/src/chain-bridge-client.ts"

export type ExerciseOptions = {
  /** Where the answers to writes get lost. */
  readonly payUrl: string
  /** Where streams are cut. */
  readonly streamUrl: string
  /** Where nothing happens. */
  readonly apiUrl: string
  readonly apiKey: string
  readonly user: string
  readonly events: number
}

export type ExerciseResult = {
  /** What the write that lost its answers was told in the end. */
  readonly balanceAfter: string | undefined
  /** Behind this position the stream began. */
  readonly after: string
  /** The ids of the events that came. */
  readonly ids: readonly string[]
  readonly refusal: unknown
}

/** What the client has to be able to do wherever it runs: pay once, see every event once, and throw what it is told to. It is handed the client, as it runs in a page, too. */
export async function exerciseClient(
  Client: typeof ChainBridgeClient,
  { payUrl, streamUrl, apiUrl, apiKey, user, events }: ExerciseOptions,
): Promise<ExerciseResult> {
  const credit = { user_id: user, token_symbol: "CPOP", amount: "+5", reason_type: "reward" }
  const paid = await new Client({ url: payUrl, apiKey }).adjustBalance({ adjustments: [credit] })
  const client = new Client({ url: apiUrl, apiKey })
  for (let count = 0; count < events; count += 1) await client.adjustBalance({ adjustments: [credit] })
  const ids: string[] = []
  for await (const event of new Client({ url: streamUrl, apiKey }).stream({
    after: paid.position,
    user_id: user,
    types: ["balance.adjusted"],
  })) {
    ids.push(event.id)
    if (ids.length === events) break
  }
  const refusal = await client
    .adjustBalance({ adjustments: [{ ...credit, amount: "-1000" }] })
    .catch((error: { name: string; code: string; status: number }) => ({
      name: error.name,
      code: error.code,
      status: error.status,
    }))
  return { balanceAfter: paid.balances[0]?.balance_after, after: paid.position, ids, refusal }
}
