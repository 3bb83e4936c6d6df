import type { ChangedEntry, RefusedEntry } from "../../ledger/registry/change-entry.ts"
import type { Answer } from "../presenters/envelope.ts"
import { presentChangedEntry } from "../presenters/registry-entry.ts"
import type { Refusal } from "../refusal.ts"
import type { Account } from "../registry/api-keys.ts"
import type { Services } from "../services.ts"
import { refuseEntry } from "./refuse-entry.ts"

/** What a route answers that has put something into the registry, or only tried to. */
export async function answerCreated(
  services: Services,
  { actor }: Account,
  created: ChangedEntry | RefusedEntry,
  isDryRun: boolean,
  warnings: readonly string[] = [],
): Promise<Answer | Refusal> {
  if ("refused" in created) return refuseEntry(created, "document.")
  if (!isDryRun) {
    services.logger.warn({ actor, entry: created.entry.entryId }, "something was put into the registry")
    await services.registry.reload()
  }
  return { data: presentChangedEntry(created, isDryRun, warnings) }
}
