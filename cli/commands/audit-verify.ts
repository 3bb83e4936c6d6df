import { readFileSync, statSync } from "node:fs"
import type { CheckedExport } from "../../ledger/audit/check-export.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { checkExportFile } from "../check-export-file.ts"
import { type ChainRoot, compareWithChain } from "../compare-with-chain.ts"
import { createProgressBar } from "../progress-bar.ts"

export type AuditVerifyOptions = {
  readonly checkpoint: readonly string[]
  readonly publicKey: readonly string[]
  readonly allowUnsigned: boolean
  readonly rpc?: string
  readonly anchor?: string
}

/** `chainbridge audit verify`: checks an export without a database. Sets the exit code to 1 when it does not hold. */
export async function auditVerifyCommand(file: string, options: AuditVerifyOptions): Promise<void> {
  const size = sizeOf(file)
  const bar = createProgressBar("verify", () => size)
  const trustedKeys = options.publicKey.map((hex) => Buffer.from(hex, "hex"))
  const notes = options.checkpoint.map(readNote)
  const result = await checkExportFile(file, { trustedKeys, notes }, (bytes) => bar.update(bytes))
  bar.end()
  if ("problem" in result) return fail(file, result.line, result.problem)
  const onChain =
    options.rpc === undefined ? null : await compareWithChain(file, result, options.rpc, options.anchor)
  if (onChain !== null && "problem" in onChain) return fail(file, null, onChain.problem)
  // A given checkpoint of the whole file says as much as a signature, and so does its root in a contract that is known. In one that the file names, a forger put it.
  const isAnchored = onChain?.treeSize === result.last
  const isCovered = result.isCovered || (isAnchored && options.anchor !== undefined)
  if (result.signedBy === null && !isCovered && !options.allowUnsigned) {
    const how = isAnchored
      ? `only the file says that its root belongs in ${onChain.contract}: give the contract that you know (--anchor)`
      : "give a checkpoint of it (--checkpoint), or --allow-unsigned"
    return fail(file, null, `nobody signed it: ${how}`)
  }
  report(file, result, trustedKeys.length > 0)
  if (onChain !== null) reportChain(onChain, options.anchor !== undefined)
}

function reportChain(
  { treeSize, roots, isComplete, chainId, contract, blockNumber }: ChainRoot,
  isContractGiven: boolean,
): void {
  const whose = isContractGiven
    ? ""
    : ", a contract that only the file names: compare it with one you know, or give that one (--anchor)"
  process.stdout.write(
    `anchored: the root of the first ${treeSize} events is in ${contract} on chain ${chainId} at block ${blockNumber}${whose}\n`,
  )
  process.stdout.write(
    isComplete
      ? `roots on the chain that agree: ${roots}, all that it has of these events\n`
      : `roots on the chain that agree: ${roots}; the endpoint does not list its logs, there may be older ones\n`,
  )
}

function report(file: string, result: CheckedExport, isKeyGiven: boolean): void {
  const { ledgerId, first, last, hash, root, accounts, signedBy, checkpoints } = result
  const replayed =
    accounts === null ? "balances not replayed: it begins within the log" : `${accounts} accounts replayed`
  const lines = [
    `ok ${file}: ledger ${ledgerId}, events ${first} to ${last}, ${replayed}, head ${hash.toString("hex")}, root ${root.toString("hex")}`,
    signedBy === null
      ? "not signed"
      : `signed by ${signedBy}${isKeyGiven ? "" : ", a key that only the file names: compare it with one you know, or give that one (--public-key)"}`,
    `checkpoints that hold: ${checkpoints.size}`,
  ]
  if (result.redacted > 0) {
    const later = result.redactedLater === 0 ? "" : `, ${result.redactedLater} of them after its end`
    lines.push(`details that were erased: ${result.redacted}${later}`)
  }
  process.stdout.write(`${lines.join("\n")}\n`)
}

function fail(file: string, line: number | null, problem: string): void {
  process.stdout.write(`FAILED ${file}${line === null ? "" : `, line ${line}`}: ${problem}\n`)
  process.exitCode = 1
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch (cause) {
    throw new ChainBridgeError("FILE_UNREADABLE", `${file} cannot be read`, { cause })
  }
}

function readNote(file: string): string {
  sizeOf(file)
  return readFileSync(file, "utf8")
}
