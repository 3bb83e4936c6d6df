import { type ErrorCode, errorCodes } from "../errors.ts"
import type { Refusal } from "../refusal.ts"

export type Answer = {
  /** 200 unless said otherwise. */
  readonly status?: 200 | 202 | 503
  readonly data: object
  /** Where settlement is concerned. */
  readonly batchInfo?: object
  /** Names of fields, wherever they are, that say how old something is: they move by themselves, and make it another answer only when they have about doubled. Or that say whether it comes from memory. */
  readonly ages?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** @returns `content`: the part of the body that is the same for whoever asks again */
export function presentAnswer(
  answer: Answer,
  requestId: string,
): { readonly status: number; readonly content: string; readonly body: string } {
  const status = answer.status ?? 200
  const data = JSON.stringify(answer.data)
  const content =
    answer.batchInfo === undefined
      ? `"data":${data}`
      : `"data":${data},"batch_info":${JSON.stringify(answer.batchInfo)}`
  const message = status < 400 ? "success" : "unhealthy"
  const body = `{"code":${status},"message":"${message}",${content},"request_id":${JSON.stringify(requestId)}}`
  return { status, content, body }
}

export function presentRefusal(refusal: Refusal, requestId: string): { status: number; body: string } {
  const { status, message } = errorCodes[refusal.refused satisfies ErrorCode]
  const body = JSON.stringify({ code: status, message, request_id: requestId, errors: refusal.errors })
  return { status, body }
}
