/** Lays one YAML value over another: maps are merged key by key, everything else (lists too) is replaced. */
export function mergeDeep(base: unknown, overlay: unknown): unknown {
  if (!isMap(base) || !isMap(overlay)) return overlay ?? base
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(overlay))
    merged[key] = key in merged ? mergeDeep(merged[key], value) : value
  return merged
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
