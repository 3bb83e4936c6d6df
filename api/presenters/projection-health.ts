import { z } from "@hono/zod-openapi"
import type { BuildProgress } from "../../ledger/projections/async/read-progress.ts"

/** A projection may be this much behind the log. */
const lagMsMax = 60_000

export const projectionHealthSchema = z.object({
  name: z.string(),
  version: z.int(),
  build: z.int(),
  state: z.enum(["serving", "building", "stopped"]),
  position: z.string().openapi({ description: "The last event that it has taken" }),
  lag_events: z.int().openapi({ description: "Events of the log that it lacks" }),
  lag_seconds: z.number().openapi({ description: "For how long the first of them has been waiting" }),
  stopped_at: z
    .object({ position: z.string(), reason: z.string() })
    .nullable()
    .openapi({ description: "The event that it cannot take, and why not" }),
})

/** One ledger's part of each projection that is built or serves. */
export function presentProjections(
  builds: readonly BuildProgress[],
): readonly z.infer<typeof projectionHealthSchema>[] {
  return builds.flatMap(({ name, version, build, state, ledgers }) =>
    ledgers.map(({ position, head, lagMs, failure }) => ({
      name,
      version,
      build,
      state: failure === null ? state : ("stopped" as const),
      position: position.toString(),
      lag_events: Number(head - position),
      lag_seconds: Math.round(lagMs / 100) / 10,
      stopped_at: failure === null ? null : { position: failure.position.toString(), reason: failure.reason },
    })),
  )
}

/** `not_configured`: no worker has begun any. What is being built beside one that serves may take its time. */
export function projectionCondition(
  builds: readonly BuildProgress[],
): "healthy" | "degraded" | "not_configured" {
  if (builds.length === 0) return "not_configured"
  const isWell = builds.every(({ state, ledgers }) =>
    ledgers.every(({ lagMs, failure }) => failure === null && (state === "building" || lagMs <= lagMsMax)),
  )
  return isWell ? "healthy" : "degraded"
}
