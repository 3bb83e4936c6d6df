import { unreachable } from "../../platform/errors.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { KeyRefusal } from "./key-store.ts"

export function refuseKey(refusal: KeyRefusal): Refusal {
  const { refused } = refusal
  switch (refused) {
    case "UNKNOWN_KEY":
      return refuse(refused, "key_id", "use a key_id of GET /admin/keys")
    case "KEY_ENDED":
      return refuse(refused, "key_id", `${refusal.why}; issue a new one by POST /admin/keys`)
    default:
      return unreachable(refused)
  }
}
