import type { AdjustBalanceCommand, AdjustmentRefusal } from "./adjust-balance.ts"
import type { CaptureHoldCommand, CaptureHoldRefusal } from "./capture-hold.ts"
import type { PlaceHoldCommand, PlaceHoldRefusal } from "./place-hold.ts"
import type { RedactDetailsCommand, RedactDetailsRefusal } from "./redact-details.ts"
import type { ReleaseHoldCommand, ReleaseHoldRefusal } from "./release-hold.ts"
import type { ReverseAdjustmentCommand, ReverseAdjustmentRefusal } from "./reverse-adjustment.ts"

/** Whatever a caller may have recorded. All of them share one queue, one group, one transaction and one set of idempotency keys. */
export type LedgerCommand =
  | AdjustBalanceCommand
  | PlaceHoldCommand
  | CaptureHoldCommand
  | ReleaseHoldCommand
  | ReverseAdjustmentCommand
  | RedactDetailsCommand

export type CommandRefusal =
  | AdjustmentRefusal
  | PlaceHoldRefusal
  | CaptureHoldRefusal
  | ReleaseHoldRefusal
  | ReverseAdjustmentRefusal
  | RedactDetailsRefusal

/** How much of a group and of the queue a command takes: rows that it writes, about. */
export function weightOf(command: LedgerCommand): number {
  switch (command.kind) {
    case "AdjustBalance":
      return command.adjustments.length
    case "RedactDetails":
      return command.positions.length
    case "PlaceHold":
    case "CaptureHold":
    case "ReleaseHold":
    case "ReverseAdjustment":
      return 1
  }
}
