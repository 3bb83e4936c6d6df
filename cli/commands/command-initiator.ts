import { userInfo } from "node:os"
import type { Initiator } from "../../ledger/domain/operator-action.ts"

/** Whom the audit log names where a command acts: the user of the machine. */
export function commandInitiator(): Initiator {
  return { actor: `command:${userName()}`, requestId: null, address: null }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run as somebody whom its system does not know.
    return `uid ${process.getuid?.() ?? "unknown"}`
  }
}
