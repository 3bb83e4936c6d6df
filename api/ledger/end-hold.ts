import type { LedgerCommand } from "../../ledger/domain/commands.ts"
import type { WriteRequest } from "../../ledger/domain/write-request.ts"
import { tokenOf } from "../presenters/change.ts"
import type { Answer } from "../presenters/envelope.ts"
import { presentHoldStep } from "../presenters/hold-answer.ts"
import { decodeHoldId } from "../presenters/hold-id.ts"
import { type HoldRow, readHold } from "../queries/holds.ts"
import type { Refusal } from "../refusal.ts"
import type { RegisteredToken, RegistrySnapshot } from "../registry/registry-snapshot.ts"
import type { Services } from "../services.ts"
import { executeCommand } from "./execute-command.ts"
import type { keyedWrite } from "./keyed-write.ts"
import { refuseCommand } from "./refuse-command.ts"

/** The hold as it was placed: that never changes. Whether it is open is for the writer to see. */
export type PlacedHold = {
  readonly row: HoldRow
  readonly token: RegisteredToken
  readonly registry: RegistrySnapshot
}

/** The routes that end a hold: find it, and say to the writer what is to become of it. */
export function endHold(
  services: Services,
  request: {
    readonly write: ReturnType<typeof keyedWrite>
    readonly holdId: string
    readonly body: { readonly operation_id?: string | undefined; readonly sequence?: number | undefined }
    readonly commandOf: (
      write: Omit<WriteRequest, "answerContext">,
      hold: PlacedHold,
    ) => LedgerCommand | Refusal
  },
): Promise<Answer | Refusal> {
  const { write: keyed, holdId, commandOf } = request
  const { operation_id, sequence, ...said } = request.body
  const { ledgerId } = keyed.caller
  return executeCommand(services, {
    ...keyed,
    said: { ...said, hold_id: holdId },
    async prepare(write) {
      const position = decodeHoldId(ledgerId, holdId)
      const row = position === undefined ? undefined : await readHold(services.db, ledgerId, position)
      const nothing = { ledgerId, tokenOf: () => undefined, amountField: () => "amount" }
      if (row === undefined) return refuseCommand({ refused: "UNKNOWN_HOLD" }, nothing)
      const registry = await services.registry.current()
      const token = tokenOf(registry, row.token_id)
      const command = commandOf(write, { row, token, registry })
      if ("refused" in command) return command
      return { command, subject: { ...nothing, tokenOf: () => token } }
    },
    present: (operation) => presentHoldStep(ledgerId, operation),
  })
}
