import type { LiveMessage, LiveType } from "../presenters/live-event.ts"

/** What a subscriber wants to see; null is everything. */
export type LiveFilter = {
  readonly userId: string | null
  readonly tokenSymbol: string | null
  readonly chainId: bigint | null
  readonly types: ReadonlySet<LiveType> | null
}

export function passes({ userId, tokenSymbol, chainId, types }: LiveFilter, message: LiveMessage): boolean {
  if (userId !== null && !message.users.has(userId)) return false
  if (types !== null && !types.has(message.type)) return false
  if (tokenSymbol !== null && message.token?.symbol !== tokenSymbol) return false
  return chainId === null || message.token?.chain.chainId === chainId
}
