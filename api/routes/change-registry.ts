import { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { changeEntry, type EntryChange } from "../../ledger/registry/change-entry.ts"
import { refuseEntry } from "../administration/refuse-entry.ts"
import { changesSchema, entryAddress, registryFamilies } from "../administration/registry-families.ts"
import type { ApiEnv } from "../api-env.ts"
import { initiatorOf } from "../identity/initiator.ts"
import type { Answer } from "../presenters/envelope.ts"
import { changedEntrySchema, presentChangedEntry } from "../presenters/registry-entry.ts"
import type { Refusal } from "../refusal.ts"
import type { Account } from "../registry/api-keys.ts"
import { defineRoute } from "../route.ts"
import type { Services } from "../services.ts"
import {
  changeReasonSchema,
  dryRunQuery,
  expectedVersionSchema,
  versionSchema,
} from "../validation/registry-schemas.ts"

const common = { tag: "Registry", permission: "registry.manage", answer: changedEntrySchema } as const

export const changeEntryRoutes = registryFamilies.map((family) => {
  const { kind } = family
  const { path, params: parameters, idOf } = entryAddress(family)
  return defineRoute({
    ...common,
    method: "patch",
    path,
    summary: `Change a ${kind}; it takes effect in every process within a second`,
    params: z.object(parameters),
    query: dryRunQuery,
    body: z.strictObject({
      expected_version: expectedVersionSchema,
      reason: changeReasonSchema,
      changes: changesSchema(kind),
    }),
    refusals: ["UNKNOWN_ENTRY", "VERSION_CONFLICT", "FIELD_IS_FIXED"],
    handle(services, { params, query, body, caller, context }) {
      return change(services, context, caller, "changes.", {
        kind,
        entryId: idOf(params),
        expectedVersion: body.expected_version,
        reason: body.reason,
        fields: body.changes,
        isDryRun: query.dry_run === "true",
      })
    },
  })
})

export const rollBackRoutes = registryFamilies.map((family) => {
  const { kind } = family
  const { path, params: parameters, idOf } = entryAddress(family)
  return defineRoute({
    ...common,
    method: "post",
    path: `${path}/rollback`,
    summary: `Give a ${kind} what it had at an earlier version, as a new version`,
    params: z.object(parameters),
    query: dryRunQuery,
    body: z.strictObject({
      version: versionSchema,
      expected_version: expectedVersionSchema,
      reason: changeReasonSchema,
    }),
    refusals: ["UNKNOWN_ENTRY", "UNKNOWN_VERSION", "VERSION_CONFLICT"],
    handle(services, { params, query, body, caller, context }) {
      return change(services, context, caller, "", {
        kind,
        entryId: idOf(params),
        expectedVersion: body.expected_version,
        reason: body.reason,
        version: body.version,
        isDryRun: query.dry_run === "true",
      })
    },
  })
})

async function change(
  services: Services,
  context: Context<ApiEnv>,
  caller: Account,
  prefix: string,
  wanted: DistributiveOmit<EntryChange, "initiator">,
): Promise<Answer | Refusal> {
  const initiator = initiatorOf(services, context, caller)
  const changed = await changeEntry(services.db, { ...wanted, initiator })
  if ("refused" in changed) return refuseEntry(changed, prefix)
  if (!wanted.isDryRun && changed.changes.length > 0) {
    const { kind, entryId } = wanted
    services.logger.warn(
      { actor: caller.actor, kind, entry: entryId, version: changed.entry.version },
      "the registry was changed",
    )
    // Whoever asked this process next is not to wait for the announcement.
    await services.registry.reload()
  }
  return { data: presentChangedEntry(changed, wanted.isDryRun) }
}

type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never
