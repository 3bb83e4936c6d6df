import { randomUUID } from "node:crypto"
import { callJsonRpc } from "../call-json-rpc.ts"
import { waitUntil } from "../wait-until.ts"
import type { DocsStack } from "./docs-stack.ts"

type Env = Readonly<Record<string, string>>
type Placeholders = {
  readonly env: Env
  /** Lets go on what stood still for the page. */
  release(): Promise<void>
}

/** What a page's shell examples may take for granted: the variables of the README's walk, and what has to be there first. */
export async function openPlaceholders({ stack }: DocsStack, code: string): Promise<Placeholders> {
  const env = {
    URL: `${stack.api_url}/api/v1`,
    KEY: `Authorization: Bearer ${stack.api_key}`,
    JSON: "Content-Type: application/json",
    API_KEY: stack.api_key,
    RPC_URL: stack.rpc_url,
    ANCHOR: stack.audit_anchor ?? "",
    PASSWORD: "what nobody would guess 4711",
  }
  const takes = (name: string) => code.includes(`$${name}`) && !code.includes(`${name}=`)
  if (takesCheckpoint(code)) await findCheckpoint(env, () => true)
  if (takes("ANCHOR")) await findCheckpoint(env, ({ anchor }) => anchor?.is_confirmed === true)
  if (!takes("BATCH_ID")) return { env, release: () => Promise.resolve() }
  const mine = (seconds: number) => callJsonRpc(stack.rpc_url, "evm_setIntervalMining", [seconds])
  const release = async () => void (await mine(1))
  await mine(0)
  try {
    return { env: { ...env, BATCH_ID: await findUnminedBatch(env) }, release }
  } catch (error) {
    await release()
    throw error
  }
}

/** The first one is signed half a minute after the first event, and anchored at once: pages that need one had better come late. */
export function takesCheckpoint(code: string): boolean {
  return /checkpoints\[0\]|\$ANCHOR\b/.test(code)
}

type Checkpoint = { readonly anchor: { readonly is_confirmed: boolean } | null }
type Batch = { readonly batch_id: string; readonly status: string }

function findCheckpoint(env: Env, isWanted: (checkpoint: Checkpoint) => boolean): Promise<unknown> {
  return waitUntil(
    async () =>
      (await read<{ checkpoints: Checkpoint[] }>(env, "/audit/checkpoints")).checkpoints.some(isWanted),
    { what: "there is a checkpoint", timeoutMs: 90_000 },
  )
}

/** While no block comes a batch stays what can still be cancelled. */
async function findUnminedBatch(env: Env): Promise<string> {
  const newest = async () => (await read<{ batches: Batch[] }>(env, "/batches?limit=1")).batches[0]
  const before = await newest()
  // Of nobody whose changes are on their way already: they would have to be confirmed first.
  const adjustment = {
    user_id: `user_${randomUUID()}`,
    token_symbol: "CPOP",
    amount: "+1",
    reason_type: "refund",
  }
  await read(env, "/balance/adjust", { adjustments: [adjustment] })
  return waitUntil(
    async () => {
      const batch = await newest()
      return batch?.batch_id !== before?.batch_id && batch?.status === "submitted" && batch.batch_id
    },
    { what: "a batch is broadcast", timeoutMs: 30_000 },
  )
}

async function read<Data>(env: Env, path: string, body?: unknown): Promise<Data> {
  const answer = await fetch(`${env["URL"]}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${env["API_KEY"]}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  return ((await answer.json()) as { data: Data }).data
}

/** The environment that a page's programs are run with. */
export function programVariables(url: string, apiKey: string, port: number): Record<string, string> {
  return {
    ...{ CHAINBRIDGE_URL: url, CHAINBRIDGE_API_KEY: apiKey, PORT: String(port) },
    WEBHOOK_SECRET: `whsec_${Buffer.from("of the tests of the docs").toString("base64")}`,
  }
}
