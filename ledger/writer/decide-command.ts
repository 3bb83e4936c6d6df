import { accountKey, emptyBalance } from "../domain/adjust-balance.ts"
import { decideCaptureHold } from "../domain/capture-hold.ts"
import type { CommandRefusal, LedgerCommand } from "../domain/commands.ts"
import type { NewEvent } from "../domain/events.ts"
import { decidePlaceHold } from "../domain/place-hold.ts"
import { decideRedactDetails } from "../domain/redact-details.ts"
import { decideReleaseHold } from "../domain/release-hold.ts"
import { decideReverseAdjustment } from "../domain/reverse-adjustment.ts"
import type { GroupState } from "./group-state.ts"

type Account = { readonly userId: string; readonly tokenId: number }

/** Every command but adjustments: what is accepted is one event. */
type SingleCommand = Exclude<LedgerCommand, { kind: "AdjustBalance" }>

/** @returns the event and whose it is, where it is one account's */
export function decideCommand(
  state: GroupState,
  command: SingleCommand,
  at: Date,
): { readonly event: NewEvent; readonly account: Account | null } | CommandRefusal {
  switch (command.kind) {
    case "PlaceHold": {
      const account = state.accounts.get(accountKey(command.userId, command.tokenId))
      const known = account === undefined ? undefined : { accountId: account.accountId, balance: account }
      return of(command, decidePlaceHold(known, command, at))
    }
    case "CaptureHold":
    case "ReleaseHold": {
      const hold = state.holds.get(command.holdPosition)
      const held = { hold, balance: balanceOf(state, hold) }
      return of(
        hold ?? null,
        command.kind === "CaptureHold"
          ? decideCaptureHold(held, command, at)
          : decideReleaseHold(held, command, at),
      )
    }
    case "ReverseAdjustment": {
      const original = state.originals.get(command.position)
      return of(
        original ?? null,
        decideReverseAdjustment({ original, balance: balanceOf(state, original) }, command, at),
      )
    }
    case "RedactDetails":
      return of(null, decideRedactDetails(state, command, at))
  }
}

function of(account: Account | null, decided: NewEvent | CommandRefusal) {
  return "refused" in decided ? decided : { event: decided, account }
}

function balanceOf(state: GroupState, account: Account | undefined) {
  if (account === undefined) return emptyBalance
  return state.accounts.get(accountKey(account.userId, account.tokenId)) ?? emptyBalance
}
