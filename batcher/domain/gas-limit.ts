// EIP-7825: no transaction may ask for more.
export const gasLimitMax = 16_777_216n

// An account that is emptied between the simulation and the block costs this much more to credit.
const emptiedAccountGas = 17_100n

/** What a transaction may ask for on a chain whose blocks hold `blockGasLimit`. */
export function transactionGasMax(blockGasLimit: bigint): bigint {
  return blockGasLimit < gasLimitMax ? blockGasLimit : gasLimitMax
}

/** The gas to ask for: the estimate, a tenth, and enough for every recipient to have emptied his account in the meantime. Unused gas costs nothing. */
export function gasLimitFor(estimatedGas: bigint, recipients: number, gasMax: bigint): bigint {
  const wanted = (estimatedGas * 11n) / 10n + emptiedAccountGas * BigInt(recipients)
  return wanted < gasMax ? wanted : gasMax
}
