/** A step on a batch's way to the chain, or who may come in at all. */
export type SettlementStep =
  | "seal"
  | "reserve"
  | "simulate"
  | "save"
  | "broadcast"
  | "replace"
  | "confirm"
  | "fail"
  | "identity"

/** One thing that keeps a change from being lost or settled twice, or somebody out, how it is taken away, and the test that notices. */
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
