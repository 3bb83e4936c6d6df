import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { type RegistrySnapshot, readRegistry } from "./registry-snapshot.ts"

export type RegistryCache = {
  /** The registry, at most about as old as was asked for; older while the database does not answer. */
  current(): Promise<RegistrySnapshot>
  /** Loads it again; for those who know that it has changed. */
  reload(): Promise<void>
}

/** Chains, tokens and reasons, read once and again when they have aged; requests wait for the first load only. */
export function createRegistryCache(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly maxAgeMs: number
}): RegistryCache {
  const { db, logger, maxAgeMs } = options
  let current: Promise<RegistrySnapshot> | undefined
  let loading: Promise<void> | undefined
  let loadedAt = 0

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
      if (performance.now() - loadedAt > maxAgeMs && loading === undefined) {
        loadedAt = performance.now()
        reload().catch((error: unknown) =>
          logger.warn({ reason: describeError(error) }, "the registry could not be loaded again"),
        )
      }
      return current
    },
    reload,
  }
}
