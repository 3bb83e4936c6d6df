import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { type RegistrySnapshot, readRegistry } from "./registry-snapshot.ts"

/** How many times as old as it may be a copy is used, while a new one is loaded. */
const staleFactor = 3

export type RegistryCache = {
  /** The registry, at most about as old as was asked for; older while the database does not answer. */
  current(): Promise<RegistrySnapshot>
  /** Loads it again; for those who know that it has changed. */
  reload(): Promise<void>
}

/** Chains, tokens and reasons, read once and again when they have aged; requests wait for the first load only, and after a long silence for one. */
export function createRegistryCache(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly maxAgeMs: number
}): RegistryCache {
  const { db, logger, maxAgeMs } = options
  let current: Promise<RegistrySnapshot> | undefined
  let loading: Promise<void> | undefined
  let loadedAt = 0
  let triedAt = 0
  let isFailing = false

  let isStale = false

  async function load(): Promise<void> {
    do {
      isStale = false
      current = Promise.resolve(await readRegistry(db))
      loadedAt = performance.now()
    } while (isStale)
  }

  function reload(): Promise<void> {
    // A change that comes during a load may have been missed by it, so the load begins again.
    if (loading !== undefined) {
      isStale = true
      return loading
    }
    loading = load().finally(() => {
      loading = undefined
    })
    return loading
  }

  async function first(): Promise<RegistrySnapshot> {
    await (loading ?? reload())
    if (current === undefined) throw new TypeError("the registry was loaded and is not there")
    return current
  }

  return {
    current() {
      if (current === undefined) return first()
      const now = performance.now()
      if (now - loadedAt <= maxAgeMs) return current
      if (loading === undefined && now - triedAt > maxAgeMs) {
        triedAt = now
        reload().then(
          () => (isFailing = false),
          (error: unknown) => {
            isFailing = true
            logger.warn({ reason: describeError(error) }, "the registry could not be loaded again")
          },
        )
      }
      // Nobody has asked for long, and an announcement may have been lost: what this one is told has to be of now.
      if (loading === undefined || isFailing || now - loadedAt <= staleFactor * maxAgeMs) return current
      const known = current
      return loading.then(
        () => current ?? known,
        () => known,
      )
    },
    reload,
  }
}
