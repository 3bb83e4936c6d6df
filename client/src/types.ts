import type { components, paths } from "./api-types.ts"

type Posted<Path extends keyof paths> = paths[Path]["post"] extends {
  requestBody?: { content: { "application/json": infer Body } }
}
  ? Body
  : never
type Answered<Operation> = Operation extends {
  responses: { 200: { content: { "application/json": { data: infer Data } } } }
}
  ? Data
  : never
type Asked<Path extends keyof paths> = paths[Path]["get"] extends { parameters: { query?: infer Query } }
  ? // A selection of fields would make another shape of the answer.
    Omit<NonNullable<Query>, "fields">
  : never

/** Amounts in them are decimal strings in token units, here as in every answer. */
export type AdjustBalanceRequest = Posted<"/api/v1/balance/adjust">
export type DistributeRewardsRequest = Posted<"/api/v1/rewards/distribute">
export type DeductRequest = Posted<"/api/v1/consumption/deduct">
export type PlaceHoldRequest = Posted<"/api/v1/balance/holds">
export type CaptureHoldRequest = Posted<"/api/v1/balance/holds/{hold_id}/capture">
export type ReleaseHoldRequest = Posted<"/api/v1/balance/holds/{hold_id}/release">
export type ReverseRequest = Posted<"/api/v1/adjustments/{tx_id}/reverse">

export type AdjustBalanceAnswer = Answered<paths["/api/v1/balance/adjust"]["post"]>
export type DistributeRewardsAnswer = Answered<paths["/api/v1/rewards/distribute"]["post"]>
export type DeductAnswer = Answered<paths["/api/v1/consumption/deduct"]["post"]>
export type PlacedHold = Answered<paths["/api/v1/balance/holds"]["post"]>
export type CapturedHold = Answered<paths["/api/v1/balance/holds/{hold_id}/capture"]["post"]>
export type ReleasedHold = Answered<paths["/api/v1/balance/holds/{hold_id}/release"]["post"]>
export type ReverseAnswer = Answered<paths["/api/v1/adjustments/{tx_id}/reverse"]["post"]>

export type BalanceQuery = Asked<"/api/v1/balance/{user_id}">
export type HistoryQuery = Asked<"/api/v1/balance/{user_id}/history">
export type OperationQuery = Asked<"/api/v1/operations/{operation_id}">

export type Balance = Answered<paths["/api/v1/balance/{user_id}"]["get"]>
export type History = Answered<paths["/api/v1/balance/{user_id}/history"]["get"]>
export type Hold = Answered<paths["/api/v1/balance/holds/{hold_id}"]["get"]>
export type Operation = Answered<paths["/api/v1/operations/{operation_id}"]["get"]>
export type Transaction = Answered<paths["/api/v1/transaction/{transaction_id}"]["get"]>
export type LiveEvent = components["schemas"]["LiveEvent"]

/** What goes for one call only. */
export type CallOptions = {
  /** Ends the call. Of a write it is then not known whether it was recorded: name an `operation_id` to be able to ask. */
  readonly signal?: AbortSignal
}
