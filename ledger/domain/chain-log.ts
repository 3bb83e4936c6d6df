type Args = {
  Transfer: { readonly from: string; readonly to: string; readonly value: bigint }
  BatchSettled: {
    readonly batchId: bigint
    readonly contentHash: string
    readonly minted: bigint
    readonly burned: bigint
  }
  DebitSkipped: {
    readonly batchId: bigint
    readonly account: string
    readonly amount: bigint
    readonly balance: bigint
  }
  BatchCancelled: { readonly batchId: bigint }
  CheckpointAnchored: {
    /** 32 bytes: a ledger's uuid, left-padded. */
    readonly ledgerId: string
    readonly treeSize: bigint
    readonly root: string
  }
}

export type ChainLogKind = keyof Args

/** A log that the indexer saw. Addresses and hashes are lower-case hex, amounts base units, `blockTime` unix seconds. */
export type ChainLogOf<Kind extends ChainLogKind> = {
  readonly kind: Kind
  readonly chainId: number
  /** The contract that emitted it. */
  readonly address: string
  readonly blockNumber: bigint
  readonly blockHash: string
  readonly blockTime: number
  readonly transactionHash: string
  readonly logIndex: number
  readonly args: Args[Kind]
}

export type ChainLog = { [Kind in ChainLogKind]: ChainLogOf<Kind> }[ChainLogKind]
