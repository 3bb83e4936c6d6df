import type { ChainsToRegister } from "./chains-to-register.ts"
import type { ContractWorld } from "./contract-world.ts"
import type { TestApi } from "./test-api.ts"

/** A request that the route answers with what it is there for. */
export type ContractCall = {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[]>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Prepare = (more: {
  readonly api: TestApi
  readonly world: ContractWorld
  readonly chains: ChainsToRegister
}) => ContractCall | Promise<ContractCall>

/** Asks for what the world has of these names. */
export const named =
  (...names: string[]): Prepare =>
  ({ world }) => ({
    params: Object.fromEntries(names.map((name) => [name, world.named[name] ?? ""])),
  })
