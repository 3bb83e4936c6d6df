import type { LedgerCommand } from "../../ledger/domain/commands.ts"
import type { WriteRequest } from "../../ledger/domain/write-request.ts"
import { findOperations, type OperationKey } from "../../ledger/store/find-operations.ts"
import { type RecordedOperation, readOperation } from "../../ledger/store/read-operation.ts"
import { unreachable } from "../../platform/errors.ts"
import type { Answer } from "../presenters/envelope.ts"
import { isRefusal, type Refusal, refuse } from "../refusal.ts"
import type { Caller } from "../registry/api-keys.ts"
import type { Services } from "../services.ts"
import { hashRequest } from "./hash-request.ts"
import { operationKeyOf } from "./operation-key.ts"
import { type CommandSubject, refuseCommand } from "./refuse-command.ts"
import { refuseOtherRequest, replayed } from "./repeated-write.ts"

export type CommandRequest = {
  readonly caller: Caller
  readonly operationId: string | undefined
  readonly sequence: number | undefined
  readonly idempotencyKey: string | undefined
  readonly route: string
  /** What the caller said, after our own defaults and before the registry's; the key itself is not part of it. */
  readonly said: Readonly<Record<string, unknown>>
  /** Makes the command of what was said, as the registry is now. */
  prepare(
    request: Omit<WriteRequest, "answerContext">,
  ): PreparedCommand | Refusal | Promise<PreparedCommand | Refusal>
  /** From what is recorded alone: the first time and every time after it is the same. */
  present(operation: RecordedOperation): Answer
  /** Where there may be nothing to record, and that is no refusal. */
  presentNothing?(): Answer
}

export type PreparedCommand = { readonly command: LedgerCommand; readonly subject: CommandSubject }

/** Every write to the ledger ends here: one key, one hash, one writer, one answer. */
export async function executeCommand(services: Services, request: CommandRequest): Promise<Answer | Refusal> {
  const { caller, route } = request
  const key = operationKeyOf(request)
  if ("refused" in key) return key
  const requestHash = hashRequest(caller.requestKey, { route, ...request.said })
  const prepared = await request.prepare({ ...key, requestHash, route, ...actionOf(caller, key, route) })
  if (isRefusal(prepared)) {
    // What was asked for may have been possible when the operation was recorded: then it is recorded all the same.
    return (await replay(services, request, key, requestHash)) ?? prepared
  }
  const result = await services.writers.of(caller.ledgerId).execute(prepared.command)
  switch (result.outcome) {
    case "recorded":
      return result.isReplay ? replayed(request.present(result.operation)) : request.present(result.operation)
    case "refused":
      if (result.refusal.refused === "NOTHING_TO_REDACT" && request.presentNothing !== undefined)
        return request.presentNothing()
      return refuseCommand(result.refusal, prepared.subject)
    case "conflict":
      return refuseOtherRequest(key)
    case "overloaded":
      return refuse("OVERLOADED", null, "nothing was recorded; send the same request again", {
        "retry-after": String(Math.ceil(result.retryAfterMs / 1_000)),
      })
    default:
      return unreachable(result)
  }
}

/** What a key writes, the event log tells; of a person also who it was. */
function actionOf(
  { person, ledgerId }: Caller,
  { operationId, sequence }: OperationKey,
  route: string,
): Pick<WriteRequest, "action"> {
  if (person === null) return {}
  const subject = `operation:${operationId}:${sequence}`
  return {
    action: { ...person.initiator, ledgerId, action: "ledger.written", subject, after: { route } },
  }
}

async function replay(
  services: Services,
  { caller, present }: CommandRequest,
  key: OperationKey,
  requestHash: Buffer,
): Promise<Answer | Refusal | undefined> {
  const [stored] = await findOperations(services.db, caller.ledgerId, [key])
  if (stored === undefined) return undefined
  if (!stored.requestHash.equals(requestHash)) return refuseOtherRequest(key)
  return replayed(present(await readOperation(services.db, caller.ledgerId, stored)))
}
