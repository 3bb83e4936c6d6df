import { describe, expect, it } from "vitest"
import { diffDocuments } from "./diff-documents.ts"

describe("the differences of two documents", () => {
  it("are none between equal ones, whatever the order of their fields", () =>
    expect(diffDocuments({ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] }, a: 1 })).toEqual([]))

  it("are named field by field, nested ones with their path, lists as a whole", () =>
    expect(
      diffDocuments({ a: 1, b: { c: 1, d: 2 }, list: [1, 2] }, { a: 2, b: { c: 1, d: 3 }, list: [2] }),
    ).toEqual([
      { field: "a", before: 1, after: 2 },
      { field: "b.d", before: 2, after: 3 },
      { field: "list", before: [1, 2], after: [2] },
    ]))

  it("show what came and what went", () => {
    expect(diffDocuments(null, { a: 1 })).toEqual([{ field: "a", before: undefined, after: 1 }])
    expect(diffDocuments({ a: { b: 1 } }, { a: null })).toEqual([
      { field: "a", before: { b: 1 }, after: null },
    ])
    expect(diffDocuments({ a: 1 }, null)).toEqual([{ field: "a", before: 1, after: undefined }])
  })
})
