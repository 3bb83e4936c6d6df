import type { EfficiencyTarget } from "../registry/token-strategy-view.ts"

/** What the configuration asks a batch to save, in percent: the targets of mints and burns by how many there are of each. Null where nothing is configured, or there are none. */
export function efficiencyTargetFor(
  target: EfficiencyTarget | null,
  counts: { readonly credits: number; readonly debits: number },
): number | null {
  const { credits, debits } = counts
  if (target === null || credits + debits === 0) return null
  return Math.round(((target.mint * credits + target.burn * debits) / (credits + debits)) * 100) / 100
}
