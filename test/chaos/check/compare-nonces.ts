import { setTimeout as sleep } from "node:timers/promises"
import type { PublicClient } from "viem"

type Pool = { readonly pending: Sections; readonly queued: Sections }
type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** An anchor that was sent a moment ago has its block by then. */
const minedWithinMs = 20_000

/** Whoever signed a settlement has nothing left in the pool: neither a transaction that no block takes nor one that waits for an earlier nonce. */
export async function compareNonces(
  client: PublicClient,
  settlements: readonly `0x${string}`[],
): Promise<{ readonly signers: ReadonlyMap<string, number>; readonly problems: string[] }> {
  const signers = new Map<string, number>()
  for (const hash of settlements) {
    const { from } = await client.getTransaction({ hash })
    signers.set(from.toLowerCase(), 0)
  }
  const request = client.request as (question: { method: string; params: readonly [] }) => Promise<unknown>
  const endsAt = Date.now() + minedWithinMs
  for (;;) {
    const pool = (await request({ method: "txpool_content", params: [] })) as Pool
    for (const from of signers.keys())
      signers.set(
        from,
        await client.getTransactionCount({ address: from as `0x${string}`, blockTag: "latest" }),
      )
    const problems = waitingIn(pool, signers)
    if (problems.length === 0 || Date.now() > endsAt) return { signers, problems }
    await sleep(500)
  }
}

function waitingIn(pool: Pool, signers: ReadonlyMap<string, number>): string[] {
  return (["pending", "queued"] as const).flatMap((section) =>
    Object.entries(pool[section]).flatMap(([owner, entries]) => {
      const count = signers.get(owner.toLowerCase())
      if (count === undefined) return []
      return `${owner} has nonces ${Object.keys(entries).join(", ")} ${section}, the next is ${count}`
    }),
  )
}
