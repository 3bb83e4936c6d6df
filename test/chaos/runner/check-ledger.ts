import { createApiClient } from "../../demo/api-client.ts"
import { runReconciliation } from "../../demo/run-reconciliation.ts"
import { runCli } from "../../support/run-cli.ts"
import type { Checked } from "../check.ts"
import { runProgram } from "../run-program.ts"
import type { ChaosLedger, ChaosStack } from "../stack/open-stack.ts"

/** Asks the checker, `verify` and a reconciliation what they think of a ledger that has come to rest. */
export async function checkLedger(
  stack: ChaosStack,
  ledger: ChaosLedger,
  journal: string,
  note: (text: string) => void,
): Promise<Checked> {
  const [checked, ...others] = await Promise.all([
    check(stack, ledger, journal, note),
    verify(stack, ledger),
    reconcile(stack, ledger),
  ])
  return { ...checked, findings: [...checked.findings, ...others.flat()] }
}

async function check(
  stack: ChaosStack,
  ledger: ChaosLedger,
  journal: string,
  note: (text: string) => void,
): Promise<Checked> {
  const { said } = await runProgram(
    "check.ts",
    [
      ...["--url", stack.apiUrls[0] ?? "", "--rpc-url", stack.rpcUrl, "--token", stack.token],
      ...["--journal", journal, "--json"],
    ],
    { CHAINBRIDGE_API_KEY: ledger.apiKey },
  ).ended
  note(said)
  const last = said.split("\n").at(-1) ?? ""
  if (!last.startsWith("{")) throw new Error(`the checker has no verdict: ${said.slice(-500)}`)
  return JSON.parse(last) as Checked
}

async function verify(stack: ChaosStack, ledger: ChaosLedger): Promise<string[]> {
  const { code, stdout, stderr } = await runCli(["verify", "--ledger", ledger.ledgerId], {
    DATABASE_URL: stack.databaseUrl,
  }).ended
  return code === 0 ? [] : [`verify ended with ${code}: ${stdout}${stderr}`]
}

async function reconcile(stack: ChaosStack, ledger: ChaosLedger): Promise<string[]> {
  const api = createApiClient(stack.apiUrls, ledger.apiKey, 30_000)
  const run = await runReconciliation(api, "CPOP", 180_000)
  if (run.state !== "finished") return [`the reconciliation is ${run.state}: ${run.error}`]
  return run.drift_count === 0 ? [] : [`reconciliation: ${JSON.stringify(run.drifts_by_cause)}`]
}
