import { setTimeout as sleep } from "node:timers/promises"
import type { ApiClient } from "../../demo/api-client.ts"
import type { Journal } from "../../demo/journal.ts"
import type { SeededRandom } from "../../demo/seeded-random.ts"

type Step = { readonly hold_id: string; readonly position: string }

/** Keeps money back and takes all of it, some or none, again and again until `isOver`. What is open then is ended first. */
export async function runHolds(options: {
  readonly api: ApiClient
  readonly journal: Journal
  readonly random: SeededRandom
  readonly name: string
  readonly users: readonly string[]
  readonly isOver: () => boolean
}): Promise<number> {
  const { api, journal, random, name, users } = options
  let placed = 0
  for (let number = 1; !options.isOver(); number += 1) {
    const user = users[random.between(0, users.length - 1)] ?? ""
    const thousandths = random.between(2, 3_000)
    const part = random.between(1, thousandths)
    const end = random.pick(["all", "part", "none"])
    await sleep(random.between(200, 700))
    const answer = await api.ask<Step>("/balance/holds", {
      operation_id: `${name}-hold-${number}`,
      ...{ user_id: user, token_symbol: "CPOP", amount: amountOf(thousandths), reason_type: "consumption" },
    })
    // He may have less.
    if (!answer.ok) continue
    placed += 1
    await sleep(random.between(0, 600))
    const path = `/balance/holds/${answer.data.hold_id}`
    const operationId = `${name}-hold-end-${number}`
    if (end === "none") {
      await api.read(`${path}/release`, { operation_id: operationId })
      continue
    }
    const captured = end === "all" ? thousandths : part
    const body = { operation_id: operationId, ...(end === "all" ? {} : { amount: amountOf(part) }) }
    const capture = await api.ask<Step>(`${path}/capture`, body)
    // What he had may have been withdrawn on the chain meanwhile.
    if (!capture.ok) continue
    journal.add({
      operation_id: operationId,
      adjustments: [{ user_id: user, amount: `-${amountOf(captured)}` }],
      ...{ outcome: "accepted", position: capture.data.position, data_digest: "" },
    })
  }
  return placed
}

export function amountOf(thousandths: number): string {
  return `${Math.floor(thousandths / 1_000)}.${String(thousandths % 1_000).padStart(3, "0")}`
}
