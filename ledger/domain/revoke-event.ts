import { ChainBridgeError } from "../../platform/errors.ts"
import { effectsOf } from "./effects.ts"
import type { EventDataOf, NewEvent } from "./events.ts"

/**
 * The event that takes a confirmation back because its block is no longer part of the chain.
 * @param isReopened whether an account that the confirmation deferred can return into its batch: none of its changes has been sealed anew
 * @param pendingOf the account's pending balance right before the revocation
 */
export function revokeEvent(
  position: bigint,
  event: NewEvent,
  isReopened: (accountId: number) => boolean,
  pendingOf: (accountId: bigint) => bigint,
  at: Date,
): NewEvent {
  const common = {
    operation: null,
    details: null,
    occurredAt: at,
    causation: `revocation:${event.causation}`,
  }
  const base = (data: { chain_id: number; block_number: number; block_hash: string }) => ({
    chain_id: data.chain_id,
    block_number: data.block_number,
    block_hash: data.block_hash,
    revoked_position: Number(position),
  })
  switch (event.type) {
    case "SettlementConfirmed":
      return revocation(
        { ...common, account: null },
        {
          ...base(event.data),
          revoked_type: event.type,
          batch_sequence: event.data.batch_sequence,
          accounts: event.data.accounts,
          reopened_account_ids: [],
        },
      )
    case "SettlementDeferred":
    case "SettlementCancelled":
      return revocation(
        { ...common, account: null },
        {
          ...base(event.data),
          revoked_type: event.type,
          batch_sequence: event.data.batch_sequence,
          accounts: [],
          reopened_account_ids: event.data.accounts.map((account) => account.account_id).filter(isReopened),
        },
      )
    case "DepositObserved":
    case "WithdrawalObserved": {
      const [effect] = effectsOf(event)
      if (effect === undefined) break
      const { accountId, confirmed } = effect
      const account = { accountId, amount: -confirmed, balanceAfter: pendingOf(accountId) - confirmed }
      return revocation(
        { ...common, account },
        {
          ...base(event.data),
          revoked_type: event.type,
          batch_sequence: null,
          accounts: [{ account_id: Number(accountId), settled: "0", amount: confirmed.toString() }],
          reopened_account_ids: [],
        },
      )
    }
    case "CheckpointAnchored":
      return revocation(
        { ...common, account: null },
        {
          ...base(event.data),
          revoked_type: event.type,
          batch_sequence: null,
          accounts: [],
          reopened_account_ids: [],
        },
      )
    case "AccountOpened":
    case "AdjustmentRecorded":
    case "AdjustmentReversed":
    case "HoldPlaced":
    case "HoldCaptured":
    case "HoldReleased":
    case "HoldExpired":
    case "DetailsRedacted":
    case "SettlementSealed":
    case "SettlementNetted":
    case "SettlementDissolved":
    case "SettlementDiscarded":
    case "ConfirmationRevoked":
      break
  }
  throw new ChainBridgeError(
    "INVARIANT_VIOLATED",
    `a ${event.type} is not a confirmation and cannot be revoked`,
  )
}

function revocation(
  common: Omit<Extract<NewEvent, { type: "ConfirmationRevoked" }>, "type" | "data">,
  data: EventDataOf<"ConfirmationRevoked">,
): NewEvent {
  return { ...common, type: "ConfirmationRevoked", data }
}
