import { createHistogram, type RecordableHistogram } from "node:perf_hooks"
import autocannon from "autocannon"

/** Who is measured, and all that was. */
export type System = {
  readonly name: "http" | "naive"
  readonly apiUrl: string
  readonly apiKey: string
}

export type LoadResult = {
  readonly requests: number
  readonly perSecond: number
  /** From the first byte sent to the answer's last, in microseconds: autocannon's own percentiles are whole milliseconds. */
  readonly latencyUs: RecordableHistogram
}

const usersMax = 500
const run = Date.now().toString(36)
let sent = 0

/**
 * Sends adjustments of one change each, every one an operation of its own.
 * @throws Error when one of them is not answered by 200
 */
export async function sendAdjustments(
  system: System,
  connections: number,
  until: { readonly requests: number } | { readonly seconds: number },
): Promise<LoadResult> {
  const latencyUs = createHistogram()
  let refused = 0
  const began = performance.now()
  const options: autocannon.Options = {
    url: `${system.apiUrl}/api/v1/balance/adjust`,
    connections,
    ...("requests" in until ? { amount: until.requests } : { duration: until.seconds }),
    requests: [
      {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${system.apiKey}` },
        setupRequest(request) {
          sent += 1
          return { ...request, body: adjustment(sent) }
        },
      },
    ],
  }
  const { errors, timeouts } = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(options, (error: unknown, result) =>
      error == null ? resolve(result) : reject(error),
    )
    instance.on("response", (_client, status, _bytes, milliseconds) => {
      if (status !== 200) refused += 1
      latencyUs.record(Math.max(1, Math.round(milliseconds * 1_000)))
    })
  })
  const seconds = (performance.now() - began) / 1_000
  if (refused + errors + timeouts > 0)
    throw new Error(
      `${system.name}: ${refused} answers were not 200, ${errors} connections failed, ${timeouts} timed out`,
    )
  return { requests: latencyUs.count, perSecond: latencyUs.count / seconds, latencyUs }
}

function adjustment(index: number): string {
  return JSON.stringify({
    operation_id: `bench-${run}-${index}`,
    adjustments: [
      {
        user_id: `bench_user_${index % usersMax}`,
        token_symbol: "CPOP",
        amount: "+1.5",
        reason_type: "reward",
        reason_detail: "Daily activity",
        metadata: { activity_id: "spring", reward_tier: "gold" },
      },
    ],
  })
}
