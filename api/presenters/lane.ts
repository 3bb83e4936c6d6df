import { z } from "@hono/zod-openapi"
import type { PausedLane } from "../../ledger/store/pause-lanes.ts"
import type { LaneRow } from "../queries/lanes.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { timeAnswer } from "../validation/schemas.ts"
import { tokenOf } from "./change.ts"

const pausedBySchema = z
  .enum(["operator", "balance", "treasury", "signer", "errors", "foreign", "altered", "strategy"])
  .nullable()
  .openapi({
    description: "Who or what paused it; a pause by `balance`, `treasury` or `signer` ends by itself",
  })

const laneName = { token_symbol: z.string(), chain_id: z.int() }

export const pausedLaneSchema = z.object({
  ...laneName,
  paused_at: timeAnswer,
  paused_by: pausedBySchema,
  reason: z.string(),
})

export const laneHealthSchema = z.object({
  ...laneName,
  is_paused: z.boolean(),
  paused_at: timeAnswer.nullable(),
  paused_by: pausedBySchema,
  reason: z.string().nullable(),
})

export function presentPausedLane(
  registry: RegistrySnapshot,
  lane: PausedLane,
): z.infer<typeof pausedLaneSchema> {
  return {
    ...nameOf(registry, lane.tokenId),
    paused_at: lane.pausedAt.toISOString(),
    paused_by: lane.by,
    reason: lane.reason,
  }
}

export function presentLaneHealth(
  registry: RegistrySnapshot,
  row: LaneRow,
): z.infer<typeof laneHealthSchema> {
  return {
    ...nameOf(registry, row.token_id),
    is_paused: row.paused_at !== null,
    paused_at: row.paused_at?.toISOString() ?? null,
    paused_by: row.paused_by,
    reason: row.paused_reason,
  }
}

function nameOf(registry: RegistrySnapshot, tokenId: number): { token_symbol: string; chain_id: number } {
  const { symbol, chain } = tokenOf(registry, tokenId)
  return { token_symbol: symbol, chain_id: Number(chain.chainId) }
}
