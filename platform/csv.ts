/** One line of CSV as RFC 4180 has it, with its line end. Values stay as they are; those with a comma, a quote or a line end stand in quotes. */
export function csvLine(values: readonly string[]): string {
  return `${values.map(quoteWhereNeeded).join(",")}\r\n`
}

function quoteWhereNeeded(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}
