import { describe, expect, it } from "vitest"
import { isRefusal } from "../refusal.ts"
import { adjustBalanceBodySchema } from "./adjustment-schemas.ts"
import { validate } from "./validate.ts"

function messagesOf(body: unknown): string[] {
  const result = validate(adjustBalanceBodySchema, body, "body")
  if (!isRefusal(result)) throw new Error("it was accepted")
  return result.errors.map((error) => error.message)
}

const item = { user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }

describe("a message says what to do", () => {
  it.each([
    [{}, "add this field, an array"],
    [{ adjustments: {} }, "send an array here"],
    [{ adjustments: ["x"] }, "send an object here"],
    [{ adjustments: [item], priority: "asap" }, 'use one of "low", "normal", "high", "urgent"'],
    [[], "send an object here"],
    [{ adjustments: [{ ...item, user_id: undefined }] }, "add this field, a string"],
    [{ adjustments: [{ ...item, user_id: 5 }] }, "send a string here"],
    [{ adjustments: [{ ...item, metadata: [] }] }, "send an object here"],
  ])("%j", (body, message) => expect(messagesOf(body)).toEqual([message]))

  it("whatever is sent", () => {
    const values = [undefined, null, true, 5, 1.5, -1, 2 ** 31, "", "x y", [], {}, [null], { a: 1 }]
    for (const value of values) {
      const bodies = [
        value,
        ...["operation_id", "sequence", "priority", "batch_id", "adjustments"].map((name) => ({
          adjustments: [item],
          [name]: value,
        })),
        ...[...Object.keys(item), "chain_id", "reason_detail", "metadata"].map((name) => ({
          adjustments: [{ ...item, [name]: value }],
        })),
      ]
      for (const body of bodies) {
        const result = validate(adjustBalanceBodySchema, body, "body")
        for (const error of isRefusal(result) ? result.errors : [])
          expect(error.message).not.toMatch(/^(Invalid|Too|Unrecognized)/)
      }
    }
  })
})
