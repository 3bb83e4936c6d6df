import { type ErrorCode, errorCodes } from "../errors.ts"
import type { Refusal } from "../refusal.ts"

export type Answer = {
  /** 200 unless said otherwise. */
  readonly status?: 200 | 202 | 503
  readonly data: object
  /** Where settlement is concerned. */
  readonly batchInfo?: object
  /** Names of fields, wherever they are, that say how old something is: they move by themselves and do not make it another answer. */
  readonly ages?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

export function presentAnswer(answer: Answer, requestId: string): { status: number; body: string } {
  const status = answer.status ?? 200
  const body = JSON.stringify({
    code: status,
    message: status < 400 ? "success" : "unhealthy",
    data: answer.data,
    batch_info: answer.batchInfo,
    request_id: requestId,
  })
  return { status, body }
}

export function presentRefusal(refusal: Refusal, requestId: string): { status: number; body: string } {
  const { status, message } = errorCodes[refusal.refused satisfies ErrorCode]
  const body = JSON.stringify({ code: status, message, request_id: requestId, errors: refusal.errors })
  return { status, body }
}
