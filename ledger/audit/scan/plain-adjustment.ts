import type { Priority } from "../../domain/priority.ts"

const text = String.raw`"(?:[^"\\\x00-\x1f])*"`
const plain = new RegExp(
  String.raw`^\{"reason_type":${text},"business_type":${text},"priority":"(low|normal|high|urgent)","is_immediate":(?:true|false),"max_wait_ms":(?:null|0|[1-9]\d{0,14}),"business_batch_id":(?:null|${text}),"confirmed_after":"-?\d+"(?:,"request_hash":"([0-9a-f]{64})")?\}$`,
)

export type PlainAdjustment = { readonly priority: Priority; readonly requestHash: string | undefined }

/**
 * Recognises the data of an AdjustmentRecorded in the one form that the writer gives it, without parsing it: what matches is JSON that keeps the schema. Anything else is for
 * the schema to judge. @param bytes the text in UTF-8, a character each
 */
export function readPlainAdjustment(bytes: string): PlainAdjustment | undefined {
  const match = plain.exec(bytes)
  return match === null ? undefined : { priority: match[1] as Priority, requestHash: match[2] }
}
