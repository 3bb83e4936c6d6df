import { existsSync, rmSync, writeFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import pg from "pg"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { closeGate } from "../../support/database-gate.ts"
import type { PlannedFault } from "../plan/draw-plan.ts"
import type { rareKind, tracks } from "../plan/fault-kinds.ts"
import { batcherLimits } from "../stack/open-stack.ts"
import type { Ended, RoleProcess } from "../stack/role-process.ts"
import type { FaultContext } from "./provoke.ts"

type ProcessFault = PlannedFault & { readonly kind: (typeof tracks.processes)[number] | typeof rareKind }

/** In this time a batcher comes by every one of its steps. */
const stepPatienceMs = 40_000
const freezeSteps = ["sealed", "simulated", "reserved", "signed", "saved", "broadcast"] as const

/** @returns how often a process was seen to end, or to lose what it held, by this fault */
export function provokeOfProcess(context: FaultContext, fault: ProcessFault): Promise<number> {
  const { stack, note } = context
  const { roles } = stack
  switch (fault.kind) {
    case "kill-api":
      return killAll(roles.api.filter((_, index) => index === fault.victim))
    case "kill-worker":
      return killAll([roles.worker])
    case "kill-batcher":
      return killAll(roles.batcher.filter((_, index) => index === fault.victim))
    case "kill-indexer":
      return killAll([roles.indexer])
    case "kill-api-in-transaction":
      return killInTransaction("ledger.operations", "chainbridge-api", roles.api)
    case "kill-worker-in-transaction":
      return killInTransaction("ledger.confirmations", "chainbridge-worker", [roles.worker])
    case "freeze-batcher":
      return freeze()
    case "postgres-restarted":
      return restartPostgres()
    case "die-at-replaced":
      return withoutBlocks(() => dieAt("replaced"))
    default:
      return dieAt(fault.kind.slice("die-at-".length))
  }

  async function killAll(victims: readonly RoleProcess[]): Promise<number> {
    const ended = await Promise.all(
      victims.map((victim) => {
        const end = victim.ended()
        victim.signal("SIGKILL")
        return end
      }),
    )
    return ended.filter((how) => how === "SIGKILL").length
  }

  /** Both of them where there are two: nobody can say whose transaction stands at the gate. */
  async function killInTransaction(
    table: string,
    application: string,
    victims: readonly RoleProcess[],
  ): Promise<number> {
    const gate = await closeGate(stack.databaseUrl, {
      table,
      at: fault.choice % 2 === 0 ? "commit" : "insert",
    })
    try {
      await gate.someoneWaits(application)
      return (await killAll(victims)) === victims.length ? 1 : 0
    } catch (error) {
      note(`${fault.kind}: ${error instanceof Error ? error.message : String(error)}`)
      return 0
    } finally {
      await gate.open()
    }
  }

  /** Whichever batcher gets there first. */
  async function dieAt(step: string): Promise<number> {
    const victim = await obey(step)
    return (await victim?.ended) === "SIGKILL" ? 1 : 0
  }

  /**
   * Tells both batchers to get a signal at a step, and takes that back as soon as one has it.
   * @returns that one, and how its life ends; undefined where none came by
   */
  async function obey(order: string): Promise<{ batcher: RoleProcess; ended: Promise<Ended> } | undefined> {
    const files = roles.batcher.map((_, index) => stack.faultPointFile(index))
    const lives = roles.batcher.map((batcher) => ({ batcher, ended: batcher.ended() }))
    for (const file of files) writeFileSync(file, order)
    try {
      for (const deadline = Date.now() + stepPatienceMs; Date.now() < deadline; await sleep(20)) {
        const index = files.findIndex((file) => !existsSync(file))
        if (index >= 0) return lives[index]
      }
      return undefined
    } finally {
      for (const file of files) rmSync(file, { force: true })
    }
  }

  /** No block comes, so that what waits for one has to be replaced. */
  async function withoutBlocks(work: () => Promise<number>): Promise<number> {
    await callJsonRpc(stack.rpcUrl, "evm_setIntervalMining", [0])
    try {
      return await work()
    } finally {
      await callJsonRpc(stack.rpcUrl, "evm_setIntervalMining", [1])
    }
  }

  /** Stops a batcher at a step until another one has what it held, then lets it go on where it stood. */
  async function freeze(): Promise<number> {
    const step = freezeSteps[fault.choice % freezeSteps.length] ?? "signed"
    const victim = await obey(`${step} SIGSTOP`)
    if (victim === undefined) return 0
    const { batcher, ended } = victim
    const before = await readEpochs()
    await sleep(batcherLimits.leaseMs)
    let isLost = false
    for (
      const deadline = Date.now() + 3 * batcherLimits.leaseMs;
      !isLost && Date.now() < deadline;
      await sleep(200)
    ) {
      const after = await readEpochs()
      isLost = [...after].some(([key, epoch]) => before.has(key) && before.get(key) !== epoch)
    }
    batcher.signal("SIGCONT")
    note(
      `${batcher.name} was stopped at ${step}; ${isLost ? "its lease went to another" : "its lease stayed"}`,
    )
    const how = await Promise.race([ended, sleep(1_000).then(() => "lives")])
    return isLost && how === "lives" ? 1 : 0
  }

  async function readEpochs(): Promise<Map<string, string>> {
    const client = new pg.Client({ connectionString: stack.databaseUrl })
    client.on("error", () => undefined)
    await client.connect()
    try {
      const { rows } = await client.query<{ key: string; epoch: string }>(
        `SELECT 'signer ' || address AS key, lease_epoch::text AS epoch FROM settlement.signers
         UNION ALL SELECT 'lane ' || ledger_id || token_id, lease_epoch::text FROM settlement.lanes`,
      )
      return new Map(rows.map(({ key, epoch }) => [key, epoch]))
    } finally {
      await client.end()
    }
  }

  async function restartPostgres(): Promise<number> {
    await stack.postgres.cutPower()
    const isGone = !stack.postgres.isRunning()
    await sleep(fault.durationMs / 3)
    await stack.postgres.start()
    return isGone ? 1 : 0
  }
}
