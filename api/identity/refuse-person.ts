import { unreachable } from "../../platform/errors.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { PersonRefusal } from "./person-store.ts"

export function refusePerson({ refused }: PersonRefusal): Refusal {
  switch (refused) {
    case "UNKNOWN_PERSON":
      return refuse(refused, "person_id", "use a person_id of GET /admin/people")
    case "PERSON_EXISTS":
      return refuse(refused, "email", "somebody has this e-mail address; GET /admin/people shows who")
    case "UNKNOWN_APP":
      return refuse(refused, "roles", "use an app_id of GET /admin/apps, or null for all apps")
    case "LAST_ADMIN":
      return refuse(refused, null, "make somebody else admin for all apps first")
    default:
      return unreachable(refused)
  }
}
