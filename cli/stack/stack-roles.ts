import { join } from "node:path"
import type { ChainBridgeError } from "../../platform/errors.ts"
import type { StackChain } from "./stack-chain.ts"
import type { StackDatabase } from "./stack-database.ts"
import { type SupervisedRole, superviseRole } from "./supervise-role.ts"

export type StackRolesOptions = {
  readonly programs?: RolePrograms | undefined
  readonly dataDirectory: string
  readonly database: StackDatabase
  readonly chain: StackChain
  readonly auditSigningKey: string
  readonly authTokenSecret: string
  readonly webhookSecretKey: string
  readonly indexerPort: number
  readonly apiPort: number
  readonly configuration: { readonly directory: string; readonly overlay: string | undefined }
  readonly onPid: (role: string, pid: number) => void
  readonly onNote: (message: string) => void
  readonly onGivenUp: (error: ChainBridgeError) => void
}

export const roleNames = ["indexer", "worker", "batcher", "api"] as const
export type RoleName = (typeof roleNames)[number]
/** Files of programs that stand in for roles. For tests with fault points: no option of `start` leads here. */
export type RolePrograms = Partial<Readonly<Record<RoleName, string>>>

// What a role gets is named below, one by one: nothing of ours leaks in from the shell that ran `start`.
const OURS =
  /^(DATABASE_URL|PORT|HOST|SIGNER_\w+|INDEXER_\w+|CHAINBRIDGE_\w+|AUDIT_SIGNING_KEY|AUTH_\w+|WEBHOOK_\w+|OIDC_\w+|TRUSTED_PROXIES|CORS_\w+)$/

/** Starts one role of the stack and keeps it alive. */
export function startStackRole(role: RoleName, options: StackRolesOptions): Promise<SupervisedRole> {
  const { database, chain, configuration } = options
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)))
  const shared = {
    ...inherited,
    DATABASE_URL: role === "indexer" ? database.indexerUrl : database.appUrl,
    [`CHAINBRIDGE_RPC_URLS_${chain.chainId}`]: chain.rpcUrl,
    CHAINBRIDGE_CONFIG_DIR: configuration.directory,
    CHAINBRIDGE_CONFIG_OVERLAY: configuration.overlay,
  }
  const own: Record<RoleName, Record<string, string>> = {
    indexer: { INDEXER_PORT: String(options.indexerPort) },
    worker: { AUDIT_SIGNING_KEY: options.auditSigningKey, WEBHOOK_SECRET_KEY: options.webhookSecretKey },
    batcher: { SIGNER_PRIVATE_KEY: chain.accounts.operatorKey },
    api: {
      HOST: "127.0.0.1",
      PORT: String(options.apiPort),
      AUTH_TOKEN_SECRET: options.authTokenSecret,
      WEBHOOK_SECRET_KEY: options.webhookSecretKey,
    },
  }
  return superviseRole({
    role,
    program: options.programs?.[role],
    logFile: join(options.dataDirectory, "logs", `${role}.log`),
    // A port that was chosen once stays: clients know it by now.
    environment: (previous) => ({
      ...shared,
      ...own[role],
      ...(role === "api" && previous?.["port"] !== undefined ? { PORT: String(previous["port"]) } : {}),
    }),
    onPid: (pid) => options.onPid(role, pid),
    onNote: options.onNote,
    onGivenUp: options.onGivenUp,
  })
}
