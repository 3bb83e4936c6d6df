import { ChainBridgeError } from "../errors.ts"

/**
 * Why one endpoint gave no result.
 * `unreachable`: no connection, or it broke · `timeout` · `http_status`: an HTTP error without a JSON-RPC answer · `not_json_rpc`: something else than JSON-RPC,
 * such as a proxy's HTML page · `too_long`: more than is read of an answer · `rpc_error`: the node answered with an error · `wrong_chain` · `circuit_open`: not asked, it failed too often just now · `rate_limited`: not asked, we ask it too much
 */
export type RpcFaultKind =
  | "unreachable"
  | "timeout"
  | "http_status"
  | "not_json_rpc"
  | "too_long"
  | "rpc_error"
  | "wrong_chain"
  | "circuit_open"
  | "rate_limited"

/** What one endpoint did instead of answering. It names the endpoint by its label; the URL, which may hold a key, is nowhere in it. */
export class RpcFault extends ChainBridgeError {
  readonly kind: RpcFaultKind
  readonly endpoint: string
  readonly detail: string
  /** The JSON-RPC error's code, and its data (for a revert: the encoded reason). */
  readonly rpcCode: number | null
  readonly rpcMessage: string | null
  readonly data: unknown
  /** False when the request certainly never reached a node. */
  readonly mayHaveArrived: boolean

  constructor(
    kind: RpcFaultKind,
    endpoint: string,
    detail: string,
    options: { mayHaveArrived: boolean; rpc?: { code: number; message: string; data: unknown } },
  ) {
    super("RPC_FAULT", `${endpoint}: ${kind}${detail === "" ? "" : ` (${detail})`}`, {
      retryable: kind !== "rpc_error",
    })
    this.name = "RpcFault"
    this.kind = kind
    this.endpoint = endpoint
    this.detail = detail
    this.mayHaveArrived = options.mayHaveArrived
    this.rpcCode = options.rpc?.code ?? null
    this.rpcMessage = options.rpc?.message ?? null
    this.data = options.rpc?.data
  }
}

// Internal error, resource unavailable, method not supported, limit exceeded, method not found: another node may do better.
const nodeTroubleCodes = new Set([-32603, -32002, -32004, -32005, -32601])

/** Whether the fault tells of this endpoint and not of the request, so that another one may answer. */
export function isEndpointTrouble(fault: RpcFault): boolean {
  if (fault.kind !== "rpc_error") return true
  if (fault.rpcCode === null || !nodeTroubleCodes.has(fault.rpcCode)) return false
  // Some nodes report a call that has failed as an internal error; every node would say the same of it.
  if (fault.data !== undefined && fault.data !== null) return false
  const message = fault.rpcMessage ?? ""
  return !tellsOfExecution(message) && !/insufficient funds|nonce|out ?of ?gas/i.test(message)
}

/**
 * Whether a node's words say that it has run a call, and the call reverted or broke off. Where there is no reason with it, words are all there is: nodes have no numbers for it that all agree on.
 */
export function tellsOfExecution(message: string): boolean {
  return /revert|\b(?:EVM|VM|VM execution) (?:error|exception)|invalid (?:opcode|jump|instruction|code)|bad instruction|stack (?:under|over)flow|stack limit reached|return data out of bounds|write protection|gas uint64 overflow|max code size exceeded/i.test(
    message,
  )
}
