import type { Lease } from "../store/leases.ts"

/** Remembers a lease between turns and renews it when a third of its time is gone. Whether it still counts is only ever decided by the commit that checks it. */
export type LeaseKeeper = {
  /** @returns null while somebody else has the lease */
  get(): Promise<Lease | null>
  /** Forgets a lease that turned out to be lost. */
  drop(): void
}

export function keepLease(options: {
  readonly hold: () => Promise<Lease | null>
  readonly leaseMs: number
}): LeaseKeeper {
  let lease: Lease | null = null
  let renewedAtMs = Number.NEGATIVE_INFINITY
  return {
    async get() {
      const askedAtMs = performance.now()
      if (lease !== null && askedAtMs - renewedAtMs < options.leaseMs / 3) return lease
      lease = await options.hold()
      renewedAtMs = askedAtMs
      return lease
    },
    drop() {
      lease = null
    },
  }
}
