import type { Context } from "hono"
import type { ApiEnv } from "../api-env.ts"
import type { Caller } from "../registry/api-keys.ts"
import type { CommandRequest } from "./execute-command.ts"

/** What every write has: who asks for it, by which route, and the key under which it is recorded, as body and header name it. */
export function keyedWrite(
  route: string,
  {
    caller,
    body,
    context,
  }: {
    readonly caller: Caller
    readonly body: { readonly operation_id?: string | undefined; readonly sequence?: number | undefined }
    readonly context: Context<ApiEnv>
  },
): Pick<CommandRequest, "caller" | "route" | "operationId" | "sequence" | "idempotencyKey"> {
  return {
    caller,
    route,
    operationId: body.operation_id,
    sequence: body.sequence,
    idempotencyKey: context.req.header("idempotency-key"),
  }
}
