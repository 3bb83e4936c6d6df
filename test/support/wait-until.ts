/** Waits until `isSo` answers something else than false, and gives that back. @throws after `timeoutMs`, with what `describe` says */
export async function waitUntil<Result>(
  isSo: () => Promise<Result | false>,
  options: { readonly what: string; readonly timeoutMs?: number; readonly describe?: () => Promise<unknown> },
): Promise<Result> {
  const deadlineMs = Date.now() + (options.timeoutMs ?? 45_000)
  for (;;) {
    const result = await isSo()
    if (result !== false) return result
    if (Date.now() >= deadlineMs) {
      const state =
        options.describe === undefined ? "" : `: ${JSON.stringify(await options.describe(), bigints)}`
      throw new Error(`waited in vain until ${options.what}${state}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value
}
