import { z } from "@hono/zod-openapi"
import type { EditableKind } from "../../ledger/registry/editable-kinds.ts"
import { editableKinds } from "../../ledger/registry/editable-kinds.ts"

type Family = {
  readonly kind: EditableKind
  /** In addresses. */
  readonly plural: string
  readonly parameter: string
  /** What the parameter is. */
  readonly example: string
}

/** What the registry holds that is changed over the API; each with the same routes. */
export const registryFamilies: readonly Family[] = [
  { kind: "chain", plural: "chains", parameter: "chain_id", example: "31337" },
  { kind: "token", plural: "tokens", parameter: "token", example: "31337:CPOP" },
  { kind: "strategy", plural: "strategies", parameter: "token", example: "31337:CPOP" },
  { kind: "reason", plural: "reasons", parameter: "reason_type", example: "reward" },
]

/** Path and parameters of one entry. */
export function entryAddress(family: Family) {
  const { plural, parameter, example } = family
  return {
    path: `/admin/${plural}/{${parameter}}`,
    params: { [parameter]: z.string().openapi({ example }) },
    idOf: (params: Readonly<Record<string, unknown>>): string => String(params[parameter]),
  }
}

/** The fields of a kind's document, each of which may be left out; what does not belong there is told by the change itself. */
export function changesSchema(kind: EditableKind): z.ZodType<Record<string, unknown>> {
  const fields = Object.keys(editableKinds[kind].schema.shape)
  return z
    .record(z.string(), z.unknown(), "send an object of fields")
    .refine((changes) => Object.keys(changes).length > 0, "name at least one field")
    .openapi({
      description: `Any of ${fields.map((field) => `\`${field}\``).join(", ")}`,
      minProperties: 1,
      // Of JSON Schema, which the types of the generator do not know in full.
      ...({ propertyNames: { enum: fields } } as object),
    })
}
