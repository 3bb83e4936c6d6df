import { createHash } from "node:crypto"
import type { CaptureHoldCommand } from "../../ledger/domain/capture-hold.ts"
import type { PlaceHoldCommand } from "../../ledger/domain/place-hold.ts"
import type { RedactDetailsCommand } from "../../ledger/domain/redact-details.ts"
import type { ReleaseHoldCommand } from "../../ledger/domain/release-hold.ts"
import type { ReverseAdjustmentCommand } from "../../ledger/domain/reverse-adjustment.ts"

const write = (operationId: string, route: string, ...said: readonly unknown[]) => ({
  operationId,
  sequence: 0,
  requestHash: createHash("sha256")
    .update(`${route} ${said.join(" ")}`)
    .digest(),
  route,
  answerContext: { said: "first" },
})

const details = { reason_detail: "for the test", metadata: { order: "o-1" } }

export function placeHoldCommand(
  tokenId: number,
  operationId: string,
  userId: string,
  amountBaseUnits: bigint,
  expiry: PlaceHoldCommand["expiry"] = { inMs: 3_600_000 },
): PlaceHoldCommand {
  return {
    ...write(operationId, "/balance/holds", userId, amountBaseUnits),
    kind: "PlaceHold",
    userId,
    tokenId,
    amountBaseUnits,
    expiry,
    change: {
      reason_type: "consumption",
      business_type: "consumption",
      priority: "normal",
      is_immediate: false,
      max_wait_ms: null,
      business_batch_id: null,
    },
    details,
  }
}

export function captureHoldCommand(
  operationId: string,
  holdPosition: bigint,
  amountBaseUnits: bigint | null = null,
): CaptureHoldCommand {
  return {
    ...write(operationId, "/balance/holds/{hold_id}/capture", holdPosition, amountBaseUnits),
    kind: "CaptureHold",
    holdPosition,
    amountBaseUnits,
    details: null,
  }
}

export function releaseHoldCommand(operationId: string, holdPosition: bigint): ReleaseHoldCommand {
  return {
    ...write(operationId, "/balance/holds/{hold_id}/release", holdPosition),
    kind: "ReleaseHold",
    holdPosition,
  }
}

export function reverseCommand(operationId: string, position: bigint): ReverseAdjustmentCommand {
  return {
    ...write(operationId, "/adjustments/{tx_id}/reverse", position),
    kind: "ReverseAdjustment",
    position,
    details: { reason_detail: "taken back", metadata: {} },
  }
}

export function redactCommand(
  operationId: string,
  positions: readonly bigint[],
  userId: string | null = null,
): RedactDetailsCommand {
  return {
    ...write(operationId, "/admin/redactions", positions.join(), userId),
    kind: "RedactDetails",
    positions,
    userId,
    reason: "asked to be forgotten",
    requestedBy: "test",
  }
}
