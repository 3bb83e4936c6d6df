import { type Refusal, refuse } from "../refusal.ts"

/** @returns a refusal of an end that is over before it begins */
export function refusePast(end: Date | null | undefined): Refusal | undefined {
  if (end == null || end.getTime() > Date.now()) return undefined
  return refuse("INVALID_FIELD", "expires_at", "name a time in the future")
}
