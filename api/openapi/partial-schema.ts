type Json = { readonly [name: string]: unknown }

const spared = new Set(["required", "example", "description", "default"])

/** The same shape of which any part may be missing, without its explanations. */
export function partialSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(partialSchema)
  if (typeof schema !== "object" || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema as Json)
      .filter(([name, child]) => !spared.has(name) || isProperty(name, child))
      .map(([name, child]) => [name, name === "enum" ? child : partialSchema(child)]),
  )
}

/** Of an answer with a field of this name, the field. */
function isProperty(name: string, child: unknown): boolean {
  return name !== "example" && name !== "default" && isSchema(child)
}

function isSchema(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    ["type", "anyOf", "allOf", "$ref", "enum"].some((name) => name in value)
  )
}
