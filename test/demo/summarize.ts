import type { ReconciliationRun } from "./api-answers.ts"
import type { Comparison } from "./compare-balances.ts"
import type { FollowedBatch } from "./follow-settlement.ts"
import { percentile } from "./percentile.ts"
import type { Verification } from "./run-verify.ts"

export type DemoGas = {
  /** Of the batches that hold this run's changes alone. */
  readonly used: bigint
  readonly recipients: number
  readonly changes: number
  /** The same changes as a transaction each. */
  readonly singleChanges: bigint
  /** The same net change of each recipient of each batch as a transaction each. */
  readonly singleRecipients: bigint
}

export type DemoResult = {
  readonly run: string
  /** Before the run began: what else was going on changes every time that is measured. */
  readonly machine: { readonly cores: number; readonly loadAverage: number }
  readonly operations: { readonly accepted: number; readonly refused: ReadonlyMap<string, number> }
  readonly adjustments: { readonly accepted: number; readonly refused: number; readonly netted: number }
  readonly acceptedInSeconds: number
  readonly idleMs: readonly number[]
  readonly loadMs: readonly number[]
  readonly batches: readonly FollowedBatch[]
  readonly gas: DemoGas | undefined
  readonly acceptToConfirmSeconds: readonly number[]
  readonly minedToConfirmSeconds: readonly number[]
  readonly comparison: Comparison
  readonly decimals: number
  readonly tokenSymbol: string
  readonly reconciliation: ReconciliationRun | undefined
  readonly verification: Verification | undefined
}

/** What the demo prints at its end, one row a fact. */
export function summarize(result: DemoResult): (readonly [string, string])[] {
  const { operations, adjustments, batches, comparison } = result
  const refusedTotal = [...operations.refused.values()].reduce((sum, count) => sum + count, 0)
  const recipients = batches.map(({ batch }) => batch.batch_metrics.actual_batch_size)
  const changes = batches.reduce((sum, { batch }) => sum + batch.batch_metrics.operation_count, 0)
  const amount = (baseUnits: bigint) => formatUnits(baseUnits, result.decimals, result.tokenSymbol)
  return [
    [
      "run",
      `${result.run}, on ${result.machine.cores} cores with a load average of ${result.machine.loadAverage.toFixed(1)} before`,
    ],
    [
      "accepted",
      `${count(adjustments.accepted)} adjustments in ${count(operations.accepted)} requests, ${result.acceptedInSeconds.toFixed(1)} s`,
    ],
    [
      "refused",
      `${count(adjustments.refused)} adjustments in ${count(refusedTotal)} requests, as expected: ${[
        ...operations.refused,
      ]
        .sort(([, a], [, b]) => b - a)
        .map(([code, times]) => `${code} ${times}`)
        .join(", ")}`,
    ],
    ["adjustment → recorded, idle", milliseconds(result.idleMs, "one request after the other")],
    ["adjustment → recorded, under load", milliseconds(result.loadMs, "requests side by side")],
    ["batches", `${count(batches.length)} (${triggers(batches)})`],
    [
      "recipients per batch",
      `${mean(recipients)} (from ${Math.min(...recipients)} to ${Math.max(...recipients)})`,
    ],
    [
      "changes per recipient",
      `${(changes / recipients.reduce((sum, size) => sum + size, 0)).toFixed(2)}; ${adjustments.netted} changes netted to zero without a transaction`,
    ],
    ...gasRows(result.gas),
    ["accepted → confirmed", seconds(result.acceptToConfirmSeconds)],
    ["mined → confirmed", seconds(result.minedToConfirmSeconds)],
    ["Σ accepted (own bookkeeping)", amount(comparison.sums.expected)],
    ["Σ available (API)", amount(comparison.sums.available)],
    ["Σ confirmed (API)", amount(comparison.sums.confirmed)],
    ["Σ balanceOf (chain)", `${amount(comparison.sums.chain)} at block ${comparison.blockNumber}`],
    ["users whose balances differ", `${comparison.differences.length} of ${count(comparison.users)}`],
    ["reconciliation", reconciliation(result.reconciliation)],
    [
      "verify",
      result.verification?.said.replace(/, head [0-9a-f]+$/, "") ??
        "not run: it needs the database (DATABASE_URL)",
    ],
  ]
}

function gasRows(gas: DemoGas | undefined): (readonly [string, string])[] {
  if (gas === undefined) return [["gas", "not measured"]]
  const saved = (single: bigint) => `${(100 - (100 * Number(gas.used)) / Number(single)).toFixed(1)} %`
  return [
    [
      "gas used",
      `${count(gas.used)}; ${count(gas.used / BigInt(gas.recipients))} a recipient, ${count(gas.used / BigInt(gas.changes))} a change`,
    ],
    [
      "gas of the same changes singly",
      `${count(gas.singleChanges)}: each of ${count(gas.changes)} executed as a mint or burn of its own (eth_simulateV1)`,
    ],
    [
      "gas of the same recipients singly",
      `${count(gas.singleRecipients)}: each of ${count(gas.recipients)} net changes, likewise`,
    ],
    ["saved per recipient", saved(gas.singleRecipients)],
    ["saved per change", `${saved(gas.singleChanges)} (with netting)`],
  ]
}

function reconciliation(run: ReconciliationRun | undefined): string {
  if (run === undefined) return "no result"
  if (run.state === "failed") return `failed: ${run.error ?? ""}`
  const causes = Object.entries(run.drifts_by_cause)
    .map(([cause, times]) => `, ${cause} ${times}`)
    .join("")
  return `drift ${run.drift_count ?? "unknown"}${causes} (${count(run.accounts_compared ?? 0)} accounts and the supply, at block ${run.watermark?.block_number ?? "unknown"})`
}

function triggers(batches: readonly FollowedBatch[]): string {
  const times = new Map<string, number>()
  for (const { batch } of batches) times.set(batch.trigger, (times.get(batch.trigger) ?? 0) + 1)
  return [...times].map(([trigger, number]) => `${trigger} ${number}`).join(", ")
}

function milliseconds(values: readonly number[], how: string): string {
  if (values.length === 0) return "not measured: the run was resumed"
  const at = (share: number) => `${(percentile(values, share) ?? 0).toFixed(1)} ms`
  return `p50 ${at(0.5)}, p99 ${at(0.99)} (${count(values.length)} requests, ${how})`
}

function seconds(values: readonly number[]): string {
  if (values.length === 0) return "not measured"
  const at = (share: number) => `${(percentile(values, share) ?? 0).toFixed(1)} s`
  return `p50 ${at(0.5)}, p95 ${at(0.95)} (${count(values.length)})`
}

function mean(values: readonly number[]): string {
  return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(1)
}

function count(value: number | bigint): string {
  return value.toLocaleString("en-US")
}

function formatUnits(baseUnits: bigint, decimals: number, symbol: string): string {
  const digits = baseUnits.toString().padStart(decimals + 1, "0")
  const whole = BigInt(digits.slice(0, digits.length - decimals))
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "")
  return `${count(whole)}${fraction === "" ? "" : `.${fraction}`} ${symbol}`
}
