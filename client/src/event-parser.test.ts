import { expect, it } from "vitest"
import { createEventParser } from "./event-parser.ts"

const text = [
  "retry: 1000\nid: 7\n: connected\n\n",
  'id: 8\nevent: balance.adjusted\ndata: {"id":"8"}\n\n',
  "id: 12\n: heartbeat\n\n",
  ": only a remark\n\n",
  "data:first\ndata\ndata: third\nid: 13\n\n",
].join("")
const events = [
  { id: "7", data: null },
  { id: "8", data: '{"id":"8"}' },
  { id: "12", data: null },
  { id: "13", data: "first\n\nthird" },
]

it.each([
  ["\n", text],
  ["\r\n", text.replaceAll("\n", "\r\n")],
  ["\r", `${text.replaceAll("\n", "\r")}:`],
])("reads the same wherever the pieces are cut, with lines that end in %j", (_, whole) => {
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const parser = createEventParser()
    expect([...parser.feed(whole.slice(0, cut)), ...parser.feed(whole.slice(cut))]).toEqual(events)
  }
  const parser = createEventParser()
  expect([...whole].flatMap((character) => parser.feed(character))).toEqual(events)
})

it("has seen nothing of an event that was cut off", () => {
  const begun = 'id: 1\ndata: {"a":1}\n\nid: 2\ndata: {"a":2}\n'
  for (let cut = begun.indexOf("id: 2"); cut <= begun.length; cut += 1)
    expect(createEventParser().feed(begun.slice(0, cut))).toEqual([{ id: "1", data: '{"a":1}' }])
})
