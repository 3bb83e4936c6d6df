import { expect, it } from "vitest"
import { decideRedactDetails, type RedactDetailsCommand } from "./redact-details.ts"

const at = new Date("2024-12-15T10:00:00.000Z")
const command: RedactDetailsCommand = {
  kind: "RedactDetails",
  operationId: "erase",
  sequence: 0,
  requestHash: Buffer.alloc(32, 3),
  route: "POST /admin/redactions",
  answerContext: null,
  positions: [11n, 5n, 7n],
  userId: "ann",
  reason: "asked to be forgotten",
  requestedBy: "key_1",
}

const stateOf = (withDetails: bigint[], copies: [bigint, bigint][] = []) => ({
  withDetails: new Set(withDetails),
  copies: new Map(copies),
})

it("names what still has details, in the log's order, and touches no account", () => {
  expect(decideRedactDetails(stateOf([5n, 6n, 11n]), command, at)).toEqual({
    type: "DetailsRedacted",
    data: {
      positions: [5, 11],
      user_id: "ann",
      reason: "asked to be forgotten",
      requested_by: "key_1",
      request_hash: "03".repeat(32),
    },
    operation: { operationId: "erase", sequence: 0 },
    account: null,
    occurredAt: at,
    causation: "operation:erase:0",
    details: null,
  })
})

it("refuses when nothing is left", () => {
  expect(decideRedactDetails(stateOf([6n]), command, at)).toEqual({ refused: "NOTHING_TO_REDACT" })
})

it("names a hold together with its capture, once each, where single events are named", () => {
  const state = stateOf(
    [5n, 7n, 11n, 20n],
    [
      [5n, 7n],
      [7n, 5n],
      [11n, 20n],
    ],
  )
  const named = { ...command, userId: null, positions: [7n, 5n, 11n] }
  expect(decideRedactDetails(state, named, at)).toMatchObject({ data: { positions: [5, 7, 11, 20] } })
  expect(decideRedactDetails(state, { ...named, positions: [20n] }, at)).toMatchObject({
    data: { positions: [20] },
  })
  expect(decideRedactDetails(state, { ...command, positions: [11n] }, at)).toMatchObject({
    data: { positions: [11] },
  })
})
