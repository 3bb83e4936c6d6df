import { z } from "@hono/zod-openapi"
import { diffDocuments } from "../../ledger/domain/diff-documents.ts"
import { readEntries, readEntry, readVersion, readVersions } from "../../ledger/registry/read-versions.ts"
import { entryAddress, registryFamilies } from "../administration/registry-families.ts"
import {
  fieldChangesSchema,
  presentEntry,
  presentFieldChanges,
  presentVersion,
  registryEntrySchema,
  registryVersionSchema,
} from "../presenters/registry-entry.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { versionParameter } from "../validation/registry-schemas.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"

const common = { method: "get", tag: "Registry", permission: "registry.inspect" } as const

const unknownEntry = (kind: string, id: string) =>
  refuse("UNKNOWN_ENTRY", null, `there is no ${kind} "${id.slice(0, 100)}"`)

export const listEntriesRoutes = registryFamilies.map(({ kind, plural }) =>
  defineRoute({
    ...common,
    path: `/admin/${plural}`,
    summary: `Every ${kind} as it is now, with its version`,
    answer: z.object({ entries: z.array(registryEntrySchema) }),
    refusals: [],
    async handle({ db }) {
      return { data: { entries: (await readEntries(db, kind)).map(presentEntry) } }
    },
  }),
)

export const getEntryRoutes = registryFamilies.map((family) => {
  const { kind } = family
  const { path, params: parameters, idOf } = entryAddress(family)
  return defineRoute({
    ...common,
    path,
    summary: `One ${kind} as it is now, with its version`,
    params: z.object(parameters),
    answer: registryEntrySchema,
    refusals: ["UNKNOWN_ENTRY"],
    async handle({ db }, { params }) {
      const entry = await readEntry(db, kind, idOf(params))
      return entry?.document ? { data: presentEntry(entry) } : unknownEntry(kind, idOf(params))
    },
  })
})

export const listVersionsRoutes = registryFamilies.map((family) => {
  const { kind } = family
  const { path, params: parameters, idOf } = entryAddress(family)
  return defineRoute({
    ...common,
    path: `${path}/versions`,
    summary: `Every version of a ${kind}, newest first: who changed what, when and why`,
    params: z.object(parameters),
    query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
    answer: z.object({ versions: z.array(registryVersionSchema), pagination: paginationSchema }),
    refusals: ["UNKNOWN_ENTRY", "INVALID_CURSOR"],
    async handle({ db }, { params, query }) {
      const cursor = decodeCursor("versions", query.cursor)
      if ("refused" in cursor) return cursor
      const before = cursor.position === null ? null : Number(cursor.position)
      const rows = await readVersions(db, kind, idOf(params), { before, limit: query.limit + 1 })
      if (rows.length === 0 && before === null) return unknownEntry(kind, idOf(params))
      const { page, pagination } = paginate(rows, query.limit, "versions", (row) => BigInt(row.version))
      return { data: { versions: page.map(presentVersion), pagination } }
    },
  })
})

export const diffVersionsRoutes = registryFamilies.map((family) => {
  const { kind } = family
  const { path, params: parameters, idOf } = entryAddress(family)
  return defineRoute({
    ...common,
    path: `${path}/versions/{from_version}/diff/{to_version}`,
    summary: `What differs between two versions of a ${kind}`,
    params: z.object({ ...parameters, from_version: versionParameter, to_version: versionParameter }),
    answer: z.object({ changes: fieldChangesSchema }),
    refusals: ["UNKNOWN_VERSION"],
    async handle({ db }, { params }) {
      const id = idOf(params)
      const [from, to] = [Number(params.from_version), Number(params.to_version)]
      const [before, after] = await Promise.all([
        readVersion(db, kind, id, from),
        readVersion(db, kind, id, to),
      ])
      if (before === undefined || after === undefined) {
        const missing = before === undefined ? from : to
        return refuse(
          "UNKNOWN_VERSION",
          before === undefined ? "from_version" : "to_version",
          `the ${kind} "${id.slice(0, 100)}" has no version ${missing}`,
        )
      }
      return { data: { changes: presentFieldChanges(diffDocuments(before.document, after.document)) } }
    },
  })
})
