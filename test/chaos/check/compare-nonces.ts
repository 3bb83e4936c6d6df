import type { PublicClient } from "viem"

type Pool = { readonly pending: Sections; readonly queued: Sections }
type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Whoever signed a settlement has nothing left in the pool: neither a transaction that waits for a block nor one that waits for an earlier nonce. */
export async function compareNonces(
  client: PublicClient,
  settlements: readonly `0x${string}`[],
): Promise<{ readonly signers: ReadonlyMap<string, number>; readonly problems: string[] }> {
  const problems: string[] = []
  const signers = new Map<string, number>()
  for (const hash of settlements) {
    const { from } = await client.getTransaction({ hash })
    if (!signers.has(from))
      signers.set(from, await client.getTransactionCount({ address: from, blockTag: "latest" }))
  }
  const request = client.request as (question: { method: string; params: readonly [] }) => Promise<unknown>
  const pool = (await request({ method: "txpool_content", params: [] })) as Pool
  for (const [address, count] of signers) {
    for (const section of ["pending", "queued"] as const)
      for (const [owner, entries] of Object.entries(pool[section]))
        if (owner.toLowerCase() === address.toLowerCase())
          problems.push(
            `${address} has nonces ${Object.keys(entries).join(", ")} ${section}, the next is ${count}`,
          )
  }
  return { signers, problems }
}
