import { newOperationId } from "./operation-id.ts"
import { type StreamOptions, streamEvents } from "./stream-events.ts"
import { type ChainBridgeClientOptions, createTransport, type Transport } from "./transport.ts"
import type * as api from "./types.ts"
import { type WaitOptions, waitForConfirmation } from "./wait-for-confirmation.ts"

type Keyed = { readonly operation_id?: string; readonly sequence?: number }

/**
 * The API of ChainBridge. Every write has an idempotency key before it is first sent and keeps it however often it is sent, so that it happens once at most.
 * Every method rejects with a ChainBridgeError when it is refused or not answered in the end, and with the reason of its signal when that aborts.
 */
export class ChainBridgeClient {
  readonly #transport: Transport

  constructor(options: ChainBridgeClientOptions) {
    this.#transport = createTransport(options)
  }

  /** Records signed changes of balances, all or none. */
  adjustBalance(
    request: api.AdjustBalanceRequest,
    options?: api.CallOptions,
  ): Promise<api.AdjustBalanceAnswer> {
    return this.#write(["balance", "adjust"], request, options)
  }

  /** Credits the rewards of one activity, all or none. */
  distributeRewards(
    request: api.DistributeRewardsRequest,
    options?: api.CallOptions,
  ): Promise<api.DistributeRewardsAnswer> {
    return this.#write(["rewards", "distribute"], request, options)
  }

  /** Debits what users pay for one service, all or none. */
  deduct(request: api.DeductRequest, options?: api.CallOptions): Promise<api.DeductAnswer> {
    return this.#write(["consumption", "deduct"], request, options)
  }

  /** Takes an adjustment back by its opposite, once only. */
  reverse(
    txId: string,
    request: api.ReverseRequest = {},
    options?: api.CallOptions,
  ): Promise<api.ReverseAnswer> {
    return this.#write(["adjustments", txId, "reverse"], request, options)
  }

  /** Keeps an amount back for a later capture. */
  placeHold(request: api.PlaceHoldRequest, options?: api.CallOptions): Promise<api.PlacedHold> {
    return this.#write(["balance", "holds"], request, options)
  }

  /** Takes all of a hold, or part of it; the rest can be spent again. */
  captureHold(
    holdId: string,
    request: api.CaptureHoldRequest = {},
    options?: api.CallOptions,
  ): Promise<api.CapturedHold> {
    return this.#write(["balance", "holds", holdId, "capture"], request, options)
  }

  /** Gives all of a hold back. */
  releaseHold(
    holdId: string,
    request: api.ReleaseHoldRequest = {},
    options?: api.CallOptions,
  ): Promise<api.ReleasedHold> {
    return this.#write(["balance", "holds", holdId, "release"], request, options)
  }

  getHold(holdId: string, options?: api.CallOptions): Promise<api.Hold> {
    return this.#read(["balance", "holds", holdId], undefined, options)
  }

  /** A user's balances, one entry a token. */
  getBalance(userId: string, query?: api.BalanceQuery, options?: api.CallOptions): Promise<api.Balance> {
    return this.#read(["balance", userId], query, options)
  }

  /** A page of what changed a user's balances, newest first; `pagination.next_cursor` is the `cursor` of the next one. */
  getHistory(userId: string, query?: api.HistoryQuery, options?: api.CallOptions): Promise<api.History> {
    return this.#read(["balance", userId, "history"], query, options)
  }

  /** An operation with the fate of each of its adjustments. */
  getOperation(
    operationId: string,
    query?: api.OperationQuery,
    options?: api.CallOptions,
  ): Promise<api.Operation> {
    return this.#read(["operations", operationId], query, options)
  }

  /** One adjustment, deposit or withdrawal. */
  getTransaction(txId: string, options?: api.CallOptions): Promise<api.Transaction> {
    return this.#read(["transaction", txId], undefined, options)
  }

  /**
   * Waits until the chain has all of an operation.
   * @param operation its id, or the answer to the write
   * @throws ChainBridgeError SETTLEMENT_FAILED, NOT_CONFIRMED_YET or NOTHING_TO_CONFIRM
   */
  waitForConfirmation(
    operation: string | { readonly operation_id: string; readonly sequence?: number },
    options: WaitOptions = {},
  ): Promise<api.Operation> {
    const { operation_id, sequence = 0 } =
      typeof operation === "string" ? { operation_id: operation } : operation
    return waitForConfirmation(() => this.getOperation(operation_id, { sequence }, options), options)
  }

  /**
   * What happens to balances, as it happens: each event once and in order. A connection that is cut is opened again behind what was seen. It ends when the
   * loop over it does, or by `signal`.
   * @throws ChainBridgeError when the API refuses it, or stays out of reach for too long
   */
  stream(options: StreamOptions = {}): AsyncGenerator<api.LiveEvent, void, undefined> {
    return streamEvents(this.#transport, options)
  }

  async #read<Data>(
    steps: readonly string[],
    query: Parameters<Transport["get"]>[1],
    options: api.CallOptions | undefined,
  ): Promise<Data> {
    return this.#transport.get(addressOf(steps), query, options?.signal)
  }

  async #write<Data>(
    steps: readonly string[],
    request: Keyed,
    options: api.CallOptions | undefined,
  ): Promise<Data> {
    if (request.operation_id === undefined && request.sequence !== undefined)
      throw new TypeError("name the operation_id that the sequence belongs to")
    const operation_id = request.operation_id ?? newOperationId()
    return this.#transport.post(addressOf(steps), { ...request, operation_id }, options?.signal)
  }
}

function addressOf(steps: readonly string[]): string {
  for (const step of steps)
    if (step === "" || step === "." || step === "..")
      throw new TypeError(`"${step}" is no id: it cannot stand in an address`)
  return steps.map((step) => `/${encodeURIComponent(step)}`).join("")
}
