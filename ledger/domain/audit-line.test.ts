import { expect, test } from "vitest"
import { type LoggedEvent, parseAuditLine, writeAuditLine } from "./audit-line.ts"

const event: LoggedEvent = {
  ledgerId: "0190a5d4-5a3c-7c1e-8f00-000000000001",
  position: 12n,
  type: "AdjustmentRecorded",
  version: 1,
  operationId: 'a","data":{"x":1},"details":',
  sequence: 0,
  accountId: 3n,
  amount: -(10n ** 70n),
  balanceAfter: 0n,
  occurredAt: new Date("2026-01-31T08:15:30.123Z"),
  recordedAt: new Date("2026-01-31T08:15:30.124Z"),
  causation: "operation:é",
  dataJson: '{"reason_type":"reward \\",\\"details\\":"}',
  detailsJson: '{"reason_detail":"\\",\\"salt\\":","metadata":{"details":{"salt":null},"n":[1.50]}}',
  salt: Buffer.alloc(16, 1),
  detailsHash: Buffer.alloc(32, 2),
  prevHash: Buffer.alloc(32, 3),
  hash: Buffer.alloc(32, 4),
}

test("what was written is read again, whatever its texts hold", () => {
  expect(parseAuditLine(writeAuditLine(event))).toEqual(event)
  const bare = {
    ...event,
    operationId: null,
    sequence: null,
    accountId: null,
    amount: null,
    balanceAfter: null,
  }
  const erased = { ...bare, detailsJson: null, salt: null }
  expect(parseAuditLine(writeAuditLine(erased))).toEqual(erased)
})

const line = writeAuditLine(event)
test.each([
  ["nothing", ""],
  ["no JSON", "{"],
  ["a space", line.replace('"type":', '"type": ')],
  [
    "another order",
    line.replace('"type":"AdjustmentRecorded","version":1', '"version":1,"type":"AdjustmentRecorded"'),
  ],
  ["a field twice", line.replace('"version":1', '"version":1,"version":1')],
  ["another field", line.replace('"version":1', '"version":1,"more":1')],
  ["a number for a text", line.replace('"position":"12"', '"position":12')],
  ["a leading zero", line.replace('"position":"12"', '"position":"012"')],
  ["a plus", line.replace('"balance_after":"0"', '"balance_after":"+0"')],
  ["another writing of a time", line.replace("30.123Z", "30.1230Z")],
  ["no time", line.replace("2026-01-31", "2026-13-31")],
  ["capital hex", line.replace("0202", "0A02").replace("0a", "0A")],
  ["hex that ends early", line.replace(/"hash":"0404/, '"hash":"zz04')],
  ["another escape", line.replace("operation:é", "operation:\\u00e9")],
  [
    "half of a character, which is hashed as another one is",
    line.replace("operation:é", "operation:\\ud800"),
  ],
  ["the same in a key", line.replace('"operation_id":"a', '"operation_id":"\\udfffa')],
  ["a sequence below zero", line.replace('"sequence":0', '"sequence":-1')],
  ["a sequence that is no integer", line.replace('"sequence":0', '"sequence":1.5')],
  ["a year of five digits", line.replace("2026-01-31T08:15:30.124Z", "+010000-01-31T08:15:30.124Z")],
  ["details of nothing", writeAuditLine({ ...event, detailsJson: " null" })],
  ["data that are no JSON", line.replace('{"reason_type"', '{reason_type"')],
  ["something behind", `${line} `],
])("%s is not a line", (_, text) => {
  expect(text).not.toBe(line)
  expect(parseAuditLine(text)).toBeNull()
})
