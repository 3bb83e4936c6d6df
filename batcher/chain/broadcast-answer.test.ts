import { describe, expect, it } from "vitest"
import type { BroadcastAnswer } from "../../platform/rpc/chain-client.ts"
import { RpcFault, type RpcFaultKind } from "../../platform/rpc/rpc-fault.ts"
import { isForeign, judgeBroadcast, meaningOf } from "./broadcast-answer.ts"

const accepted: BroadcastAnswer = { endpoint: "#1 a", answer: "accepted", hash: "0x" }

function said(message: string): BroadcastAnswer {
  const rpc = { code: -32000, message, data: undefined }
  const fault = new RpcFault("rpc_error", "#1 a", message, { mayHaveArrived: true, rpc })
  return { endpoint: "#1 a", answer: "fault", fault }
}

function failed(kind: RpcFaultKind, mayHaveArrived: boolean): BroadcastAnswer {
  return { endpoint: "#2 b", answer: "fault", fault: new RpcFault(kind, "#2 b", "", { mayHaveArrived }) }
}

describe("meaningOf", () => {
  it.each([
    ["already known", "known"],
    ["AlreadyKnown", "known"],
    ["transaction already imported", "known"],
    ["Known transaction", "known"],
    ["ALREADY_EXISTS: already known", "known"],
    ["Transaction with the same hash was already imported.", "known"],
    ["INTERNAL_ERROR: existing tx with same hash", "known"],
    ["nonce too low", "nonce_too_low"],
    ["nonce too low: next nonce 5, tx nonce 4", "nonce_too_low"],
    ["Transaction nonce is too low. Try incrementing the nonce.", "nonce_too_low"],
    ["OldNonce", "nonce_too_low"],
    ["replacement transaction underpriced", "contested"],
    ["could not replace existing tx", "contested"],
    ["REPLACEMENT_UNDERPRICED", "contested"],
    [
      "Transaction gas price 5 is too low. There is another transaction with same nonce in the queue.",
      "contested",
    ],
    ["OwnNonceAlreadyUsed", "contested"],
    ["transaction underpriced: gas tip cap 0", "underpriced"],
    ["max fee per gas less than block base fee", "underpriced"],
    ["FeeTooLow", "underpriced"],
    ["insufficient funds for gas * price + value", "insufficient_funds"],
    ["Upfront cost exceeds account balance", "insufficient_funds"],
    ["context deadline exceeded", "unknown"],
    ["request timed out", "unknown"],
    ["intrinsic gas too low", "refused"],
    ["txpool is full", "refused"],
    ["unknown transaction type", "refused"],
    ["something nobody has ever read", "refused"],
  ] as const)("%j is %s", (message, meaning) => {
    expect(meaningOf(said(message))).toBe(meaning)
  })

  it("takes what may have arrived for unknown, and only what cannot have for not sent", () => {
    for (const kind of ["timeout", "http_status", "not_json_rpc", "too_long", "unreachable"] as const)
      expect(meaningOf(failed(kind, true))).toBe("unknown")
    expect(meaningOf(failed("unreachable", false))).toBe("not_sent")
    expect(meaningOf(failed("circuit_open", false))).toBe("not_sent")
    expect(meaningOf(failed("wrong_chain", false))).toBe("not_sent")
  })
})

describe("judgeBroadcast", () => {
  it("lets one node that has it outweigh all that refuse", () => {
    expect(judgeBroadcast([said("txpool is full"), accepted])).toEqual({ verdict: "out" })
    expect(judgeBroadcast([said("already known"), said("nonce too low")])).toEqual({ verdict: "out" })
    expect(judgeBroadcast([said("replacement transaction underpriced"), accepted])).toEqual({
      verdict: "out",
    })
  })

  it("never holds back what may have arrived somewhere", () => {
    expect(judgeBroadcast([failed("timeout", true), said("insufficient funds")])).toEqual({ verdict: "out" })
    expect(judgeBroadcast([failed("circuit_open", false)])).toMatchObject({
      verdict: "held_back",
      isRefused: false,
    })
  })

  it("leaves a used nonce to the receipts and a contested one to people", () => {
    expect(judgeBroadcast([said("nonce too low"), failed("timeout", true)])).toEqual({
      verdict: "nonce_used",
    })
    expect(judgeBroadcast([said("replacement transaction underpriced")])).toMatchObject({
      verdict: "contested",
    })
  })

  it("says why nobody has it", () => {
    expect(judgeBroadcast([said("insufficient funds for gas")])).toMatchObject({
      verdict: "held_back",
      isUnderfunded: true,
      message: expect.stringContaining("insufficient funds"),
    })
  })
})

describe("isForeign", () => {
  const contested = judgeBroadcast([said("replacement transaction underpriced")])

  it("is a nonce that a node holds another transaction of, while we have made one only", () => {
    expect(isForeign(contested, 1)).toBe(true)
  })

  it("is none for which we have made several: the node may hold an earlier or a later one of ours", () => {
    expect(isForeign(contested, 2)).toBe(false)
  })

  it("is none that is used up, refused or out: only another transaction in a pool says so", () => {
    for (const answers of [
      [said("nonce too low")],
      [said("txpool is full")],
      [accepted],
      [failed("timeout", true)],
    ])
      expect(isForeign(judgeBroadcast(answers), 1)).toBe(false)
  })
})
