import { createHash } from "node:crypto"
import { rawMembers } from "./raw-members.ts"

/** One line of GET /audit/events. */
export type LogEvent = {
  readonly ledgerId: string
  readonly position: bigint
  readonly type: string
  readonly operationKey: string | null
  readonly accountId: string | null
  readonly amount: bigint | null
  readonly balanceAfter: bigint | null
  readonly data: Readonly<Record<string, unknown>>
  readonly prevHash: string
  readonly hash: string
  /** What the hash has to be, computed from the line. */
  readonly computedHash: string
}

const hashedFields = [
  "ledger_id",
  "position",
  "type",
  "version",
  "operation_id",
  "sequence",
  "account_id",
  "amount",
  "balance_after",
  "occurred_at",
  "recorded_at",
  "causation",
  "data",
  "details_hash",
] as const

/** @throws Error for a line that is no event */
export function parseLogEvent(line: string): LogEvent {
  const raw = rawMembers(line)
  const text = (name: string): string | null => {
    const value = raw.get(name)
    if (value === undefined) throw new Error(`a line lacks ${name}`)
    if (value === "null") return null
    return value.startsWith('"') ? (JSON.parse(value) as string) : value
  }
  const required = (name: string): string => {
    const value = text(name)
    if (value === null) throw new Error(`a line has no ${name}`)
    return value
  }
  const integer = (name: string): bigint | null => {
    const value = text(name)
    return value === null ? null : BigInt(value)
  }
  assertDetails(text("salt"), raw.get("details") ?? "null", text("details_hash"))
  const operationId = text("operation_id")
  return {
    ledgerId: required("ledger_id"),
    position: BigInt(required("position")),
    type: required("type"),
    operationKey: operationId === null ? null : `${operationId}/${required("sequence")}`,
    accountId: text("account_id"),
    amount: integer("amount"),
    balanceAfter: integer("balance_after"),
    data: JSON.parse(required("data")) as Record<string, unknown>,
    prevHash: required("prev_hash"),
    hash: required("hash"),
    computedHash: hashOf(required("prev_hash"), hashedFields.map(text)),
  }
}

/** SHA-256 over the hash before and the fields, each behind its length in four bytes; ffffffff stands for an absent one. */
function hashOf(prevHash: string, values: readonly (string | null)[]): string {
  const hash = createHash("sha256").update(prevHash, "hex")
  const add = (bytes: Buffer | null) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes === null ? 0xffffffff : bytes.length)
    hash.update(length)
    if (bytes !== null) hash.update(bytes)
  }
  add(Buffer.from("chainbridge-event-1"))
  for (const [index, value] of values.entries()) {
    const isBytes = hashedFields[index] === "details_hash"
    add(value === null ? null : Buffer.from(value, isBytes ? "hex" : "utf8"))
  }
  return hash.digest("hex")
}

function assertDetails(salt: string | null, details: string, detailsHash: string | null): void {
  if (salt === null) return
  const computed = createHash("sha256").update(salt, "hex").update(details).digest("hex")
  if (computed !== detailsHash) throw new Error("an event's details are not those that its hash is of")
}
