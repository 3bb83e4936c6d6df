import type { AuditEvent } from "../queries/audit-events.ts"

/**
 * One event as one line: the fields in the order of its encoding, then what the hash does not cover, then the hashes in hex. `data` is the stored
 * text itself, so that whoever hashes it hashes the same bytes.
 */
export function presentAuditLine(event: AuditEvent): string {
  const head = JSON.stringify({
    ledger_id: event.ledger_id,
    position: event.position.toString(),
    type: event.type,
    version: event.version,
    operation_id: event.operation_id,
    sequence: event.sequence,
    account_id: event.account_id?.toString() ?? null,
    amount: event.amount?.toString() ?? null,
    balance_after: event.balance_after?.toString() ?? null,
    occurred_at: event.occurred_at.toISOString(),
    recorded_at: event.recorded_at.toISOString(),
    causation: event.causation,
  })
  const tail = JSON.stringify({
    salt: event.salt?.toString("hex") ?? null,
    details_hash: event.details_hash?.toString("hex") ?? null,
    prev_hash: event.prev_hash.toString("hex"),
    hash: event.hash.toString("hex"),
  })
  return `${head.slice(0, -1)},"data":${event.data},"details":${event.details ?? "null"},${tail.slice(1)}`
}
