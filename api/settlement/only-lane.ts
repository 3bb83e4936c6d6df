import type { RegisteredToken } from "../registry/registry-snapshot.ts"
import type { Services } from "../services.ts"
import type { LaneFigures } from "./lane-figures.ts"

/** The lane of a read that is about one token alone; undefined where it is about several, or none. */
export function onlyLane(
  services: Pick<Services, "lanes">,
  ledgerId: string,
  tokens: readonly RegisteredToken[],
): { readonly token: RegisteredToken; readonly figures: LaneFigures | null } | undefined {
  const [token] = tokens
  if (token === undefined || tokens.length > 1) return undefined
  return { token, figures: services.lanes.figuresOf(ledgerId, token.tokenId) }
}
