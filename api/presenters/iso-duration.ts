/** Milliseconds as an ISO 8601 duration, up to the next whole second: `PT5M`, `PT1H30S`, `PT0S`. */
export function isoDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1_000))
  const parts = [
    [Math.floor(seconds / 3_600), "H"],
    [Math.floor((seconds % 3_600) / 60), "M"],
    [seconds % 60, "S"],
  ]
  const text = parts.map(([count, unit]) => (count === 0 ? "" : `${count}${unit}`)).join("")
  return `PT${text === "" ? "0S" : text}`
}
