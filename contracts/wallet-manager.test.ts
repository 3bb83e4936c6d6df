import fc from "fast-check"
import { type Address, encodeFunctionData, type Hex, keccak256, toHex, zeroAddress } from "viem"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { aaWalletAbi } from "../abis/aa-wallet.ts"
import { walletManagerBytecode } from "../abis/bytecode/wallet-manager.ts"
import { walletManagerAbi } from "../abis/wallet-manager.ts"
import { ledgerIdBytes, walletAddress, walletIdentifier } from "../ledger/domain/wallet-address.ts"
import { accountAt, startTestChain, type TestChain } from "./test/test-chain.ts"

const ledgerId = "01890a5d-ac96-774b-bcce-b302099a8057"
const identifierSalt = keccak256("0x01")

let chain: TestChain
let manager: Address
let admin: Address
let signer: Address
let stranger: Address
let walletInitCodeHash: Hex

beforeAll(async () => {
  chain = await startTestChain()
  admin = accountAt(chain.accounts, 0)
  signer = accountAt(chain.accounts, 1)
  stranger = accountAt(chain.accounts, 2)
  manager = await chain.deploy(walletManagerAbi, walletManagerBytecode, [admin, signer])
  walletInitCodeHash = await chain.publicClient.readContract({
    address: manager,
    abi: walletManagerAbi,
    functionName: "walletInitCodeHash",
  })
})
afterAll(() => chain.stop())

const onChain = async (ledger: string, salt: Hex, userId: string) =>
  (
    await chain.publicClient.readContract({
      address: manager,
      abi: walletManagerAbi,
      functionName: "getWalletAddress",
      args: [ledgerIdBytes(ledger), walletIdentifier(salt, userId)],
    })
  ).toLowerCase()
const offChain = (userId: string) =>
  walletAddress({ walletManager: manager, walletInitCodeHash, ledgerId, identifierSalt, userId })
const createAccount = (from: Address, userId: string) => {
  const args = [ledgerIdBytes(ledgerId), walletIdentifier(identifierSalt, userId)] as const
  return chain.send(
    from,
    manager,
    encodeFunctionData({ abi: walletManagerAbi, functionName: "createAccount", args }),
  )
}
const codeAt = (address: Address) => chain.publicClient.getCode({ address })
const execute = (from: Address, wallet: Address, target: Address, value: bigint) =>
  chain.send(
    from,
    wallet,
    encodeFunctionData({ abi: aaWalletAbi, functionName: "execute", args: [target, value, "0x"] }),
  )

test("the address computed off chain is the contract's answer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uuid(),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.string({ unit: "grapheme" }),
      async (ledger, saltBytes, userId) => {
        const salt = toHex(saltBytes)
        const address = walletAddress({
          walletManager: manager,
          walletInitCodeHash,
          ledgerId: ledger,
          identifierSalt: salt,
          userId,
        })
        expect(address).toBe(await onChain(ledger, salt, userId))
      },
    ),
    { numRuns: 50 },
  )
})

describe("createAccount", () => {
  test("deploys the wallet where it was said to be, keeps what it received before, and may be called again", async () => {
    const wallet = offChain("player-1")
    expect(await codeAt(wallet)).toBeUndefined()
    await chain.send(stranger, wallet, "0x", 5n)
    const created = await createAccount(stranger, "player-1")
    expect(created.status).toBe("success")
    expect(created.logs.some((log) => log.address === manager.toLowerCase())).toBe(true)
    const code = await codeAt(wallet)
    expect(code).toMatch(/^0x.+/)
    expect((await createAccount(signer, "player-1")).status).toBe("success")
    expect(await codeAt(wallet)).toBe(code)
    expect(await chain.publicClient.getBalance({ address: wallet })).toBe(5n)
    expect(await onChain(ledgerId, identifierSalt, "player-1")).toBe(wallet)
  })

  test("gives whoever pays for it no power over the wallet", async () => {
    const wallet = offChain("player-2")
    await createAccount(stranger, "player-2")
    await chain.send(stranger, wallet, "0x", 5n)
    expect((await execute(stranger, wallet, stranger, 5n)).status).toBe("reverted")
    const initialize = encodeFunctionData({ abi: aaWalletAbi, functionName: "initialize", args: [stranger] })
    expect((await chain.send(stranger, wallet, initialize)).status).toBe("reverted")
    expect((await execute(signer, wallet, zeroAddress, 5n)).status).toBe("success")
    expect(await chain.publicClient.getBalance({ address: wallet })).toBe(0n)
  })
})

describe("updateMasterSigner", () => {
  const update = (from: Address, to: Address) =>
    chain.send(
      from,
      manager,
      encodeFunctionData({ abi: walletManagerAbi, functionName: "updateMasterSigner", args: [to] }),
    )

  test("hands over wallets that exist and moves no address", async () => {
    const [wallet, before] = [offChain("player-3"), offChain("player-4")]
    await createAccount(stranger, "player-3")
    await chain.send(stranger, wallet, "0x", 2n)
    const next = accountAt(chain.accounts, 3)
    expect((await update(admin, next)).status).toBe("success")
    expect((await execute(signer, wallet, zeroAddress, 1n)).status).toBe("reverted")
    expect((await execute(next, wallet, zeroAddress, 1n)).status).toBe("success")
    expect(await onChain(ledgerId, identifierSalt, "player-4")).toBe(before)
    await update(admin, signer)
  })

  test("is the owner's alone, and refuses nobody as a signer", async () => {
    expect((await update(stranger, stranger)).status).toBe("reverted")
    expect((await update(signer, stranger)).status).toBe("reverted")
    expect((await update(admin, zeroAddress)).status).toBe("reverted")
  })
})

test("the implementation behind the wallets cannot be taken over", async () => {
  const implementation = await chain.publicClient.readContract({
    address: manager,
    abi: walletManagerAbi,
    functionName: "walletImplementation",
  })
  const initialize = encodeFunctionData({ abi: aaWalletAbi, functionName: "initialize", args: [stranger] })
  expect((await chain.send(stranger, implementation, initialize)).status).toBe("reverted")
})
