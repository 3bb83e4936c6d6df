import { z } from "@hono/zod-openapi"
import { expect, it } from "vitest"
import { readFields, selectFields } from "./fields.ts"

const answer = z.object({
  user: z.string(),
  rows: z.array(z.object({ id: z.string(), deep: z.object({ x: z.int(), y: z.int() }).nullable() })),
  by_name: z.record(z.string(), z.object({ n: z.int() })),
})
const data = {
  user: "ann",
  rows: [
    { id: "1", deep: { x: 1, y: 2 } },
    { id: "2", deep: null },
  ],
  by_name: { one: { n: 1 } },
}

it.each([
  ["user", { user: "ann" }],
  ["rows.id", { rows: [{ id: "1" }, { id: "2" }] }],
  ["rows.deep.x", { rows: [{ deep: { x: 1 } }, { deep: null }] }],
  ["rows.deep.x,rows.deep", { rows: [{ deep: { x: 1, y: 2 } }, { deep: null }] }],
  ["rows.deep,rows.deep.x", { rows: [{ deep: { x: 1, y: 2 } }, { deep: null }] }],
  ["by_name.one.n,user", { user: "ann", by_name: { one: { n: 1 } } }],
])("selects %s", (text, expected) => {
  const fields = readFields(text, answer)
  if ("refused" in fields) throw new Error("it was refused")
  expect(selectFields(data, fields.selection)).toEqual(expected)
})

it.each(["nothing", "user.name", "rows.deep.z", "toString", "rows.length"])("refuses %s", (text) =>
  expect(readFields(text, answer)).toMatchObject({ refused: "INVALID_PARAMETER" }),
)
