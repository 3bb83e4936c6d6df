import {
  type CheckedExport,
  createExportCheck,
  type ExportCheckOptions,
} from "../ledger/audit/check-export.ts"
import { readLines } from "./read-lines.ts"

export type ExportFault = {
  /** From 1 on; null where it is about the whole file. */
  readonly line: number | null
  readonly problem: string
}

/** Checks an export from its first line to its last, see createExportCheck. Stops at the first line that does not hold. */
export async function checkExportFile(
  path: string,
  options: ExportCheckOptions,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<CheckedExport | ExportFault> {
  const check = createExportCheck(options)
  for await (const { bytes, number, isEnded, offset } of readLines(path)) {
    const found = isEnded ? check.add(bytes) : { problem: "the file ends within it: it was cut off" }
    if (found !== null) return { line: number, problem: found.problem }
    onProgress(offset)
  }
  const result = check.end()
  return "problem" in result ? { line: null, problem: result.problem } : result
}
