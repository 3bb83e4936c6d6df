/** A step on a batch's way to the chain. */
export type SettlementStep =
  | "seal"
  | "reserve"
  | "simulate"
  | "save"
  | "broadcast"
  | "replace"
  | "confirm"
  | "fail"

/** One thing that keeps a change from being lost or settled twice, how it is taken away, and the test that notices. */
export type Protection = {
  readonly step: SettlementStep
  /** What holds because of it. */
  readonly invariant: string
  readonly file: string
  /** Stands in the file once. */
  readonly find: string
  readonly without: string
  readonly test: { readonly file: string; readonly name: string }
}
