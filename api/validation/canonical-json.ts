/**
 * One text for one JSON value: members sorted by name, no white space. Two requests that say the same have the same text, whatever the order of their fields.
 * The value's depth is bounded by the body's limit.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null"
  let text = ""
  if (Array.isArray(value)) {
    for (const element of value as unknown[]) text += `${text === "" ? "" : ","}${canonicalJson(element)}`
    return `[${text}]`
  }
  for (const name of sorted(Object.keys(value))) {
    const member = (value as Record<string, unknown>)[name]
    if (member !== undefined) text += `${text === "" ? "" : ","}${quote(name)}:${canonicalJson(member)}`
  }
  return `{${text}}`
}

// Most objects of a long request name the same in the same order.
const orders = new Map<number, { readonly names: readonly string[]; readonly sorted: readonly string[] }>()
const namesMax = 50

function sorted(names: readonly string[]): readonly string[] {
  const last = orders.get(names.length)
  if (last?.names.every((name, index) => name === names[index])) return last.sorted
  const order = { names, sorted: names.toSorted() }
  if (names.length <= namesMax) orders.set(names.length, order)
  return order.sorted
}

// Most names are those of our own fields, on every item of a long request.
const quoted = new Map<string, string>()
const quotedMax = 1_000

function quote(name: string): string {
  const known = quoted.get(name)
  if (known !== undefined) return known
  const text = JSON.stringify(name)
  if (quoted.size < quotedMax && name.length < 64) quoted.set(name, text)
  return text
}
