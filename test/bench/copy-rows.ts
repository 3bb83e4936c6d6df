export type CopyRows = { buffer: Buffer; length: number }

export function emptyRows(): CopyRows {
  return { buffer: Buffer.allocUnsafe(1 << 16), length: 0 }
}

/** Adds a row in the text format of COPY. The texts are ASCII, without a backslash, a tab or a line break. */
export function pushRow(rows: CopyRows, values: readonly (string | number | bigint | Buffer | null)[]): void {
  let line = ""
  for (const value of values) {
    if (line !== "") line += "\t"
    if (value === null) line += "\\N"
    else if (typeof value === "object") line += `\\\\x${value.toString("hex")}`
    else line += value
  }
  if (rows.length + line.length >= rows.buffer.length) {
    const larger = Buffer.allocUnsafe(2 * (rows.buffer.length + line.length))
    rows.buffer.copy(larger, 0, 0, rows.length)
    rows.buffer = larger
  }
  rows.length += rows.buffer.write(line, rows.length, "latin1")
  rows.buffer[rows.length] = 10
  rows.length += 1
}

/** Everything that was added, and starts anew. */
export function takeRows(rows: CopyRows): Buffer {
  const taken = rows.buffer.subarray(0, rows.length)
  rows.buffer = Buffer.allocUnsafe(rows.buffer.length)
  rows.length = 0
  return taken
}
