import { type Address, encodeFunctionData, type Hex, keccak256, numberToHex, sliceHex } from "viem"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { batchIdOf, encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import { ledgerIdBytes } from "../../ledger/domain/wallet-address.ts"
import { deployAnchor } from "./anchor-fixture.ts"
import { measureTreasury } from "./measure-treasury.ts"
import { accountAt, startTestChain, type TestChain } from "./test-chain.ts"
import { deployToken, type TokenFixture } from "./token-fixture.ts"

type Call = { readonly from: Address; readonly data: Hex }
type Measurement = {
  readonly name: string
  readonly setup: (token: TokenFixture) => readonly Call[]
  readonly measured: (token: TokenFixture) => Call
}

const settleSizes = [1, 10, 30, 80, 250]
const batchSize = 30
const ledgerId = "01890a5d-ac96-774b-bcce-b302099a8057"
const held = 10n ** 24n

const holder = (index: number): Address => sliceHex(keccak256(numberToHex(index + 1, { size: 32 })), 0, 20)
// Below 10,000 tokens, with all 18 decimals in use: nine bytes, as in real traffic.
const amount = (index: number): bigint => (BigInt(keccak256(numberToHex(index + 1))) % 10n ** 22n) + 1n
const holders = (count: number): Address[] => Array.from({ length: count }, (_, index) => holder(index))
const amounts = (count: number): bigint[] => Array.from({ length: count }, (_, index) => amount(index))

/** Gas used by each kind of call, by its name. Each is made on a token of its own, so that no order matters. */
export async function measureGas(): Promise<Record<string, number>> {
  const chain = await startTestChain()
  try {
    const gas: Record<string, number> = {}
    for (const measurement of measurements(accountAt(chain.accounts, 5), chain.accounts.slice(0, 5))) {
      gas[measurement.name] = await measure(chain, measurement)
    }
    const anchors = await measureAnchors(chain)
    const treasury = await measureTreasury((count) =>
      holders(count).map((address, index) => ({ address, amount: amount(index) })),
    )
    return {
      ...gas,
      ...treasury,
      "anchor, first of a ledger": anchors.first,
      "anchor, next of a ledger": anchors.next,
    }
  } finally {
    await chain.stop()
  }
}

async function measure(chain: TestChain, { name, setup, measured }: Measurement): Promise<number> {
  const token = await deployToken(chain)
  const call = async ({ from, data }: Call): Promise<bigint> => {
    const receipt = await chain.send(from, token.address, data)
    if (receipt.status !== "success") throw new Error(`${name}: a call reverted`)
    return receipt.gasUsed
  }
  for (const prepared of setup(token)) await call(prepared)
  return Number(await call(measured(token)))
}

async function measureAnchors(chain: TestChain): Promise<{ first: number; next: number }> {
  const { address, keeper } = await deployAnchor(chain)
  const anchor = async (treeSize: bigint): Promise<number> => {
    const args = [ledgerIdBytes(ledgerId), treeSize, keccak256(numberToHex(treeSize))] as const
    const data = encodeFunctionData({ abi: auditAnchorAbi, functionName: "anchor", args })
    const receipt = await chain.send(keeper, address, data)
    if (receipt.status !== "success") throw new Error("anchor reverted")
    return Number(receipt.gasUsed)
  }
  return { first: await anchor(1_000_000n), next: await anchor(2_000_000n) }
}

function measurements(sender: Address, owners: readonly Address[]): Measurement[] {
  // Another account holds something before each measurement, so that the supply's slot is never empty.
  const bystander = (token: TokenFixture): Call => mint(token, sender, held)
  // A neighbour's batch has been settled before, so that the bitmap's word is in use, as for 255 of 256 batches.
  const existing = (token: TokenFixture, count: number): Call[] => [
    bystander(token),
    credit(token, 1n, count, held),
  ]
  const fresh = (token: TokenFixture): Call[] => [bystander(token), cancel(token, 1n)]
  const debits = (count: number): bigint[] => amounts(count).map((value) => -value)
  return [
    ...["existing", "new"].map(
      (state): Measurement => ({
        name: `mint, ${state} holder`,
        setup: (token) => (state === "new" ? fresh(token) : existing(token, 1)),
        measured: (token) => mint(token, holder(0), amount(0)),
      }),
    ),
    { name: "burn, part", setup: (token) => existing(token, 1), measured: (token) => burn(token, amount(0)) },
    { name: "burn, to zero", setup: (token) => existing(token, 1), measured: (token) => burn(token, held) },
    ...settleSizes.flatMap((count): Measurement[] => [
      {
        name: `settle ${count} credits, existing holders`,
        setup: (token) => existing(token, count),
        measured: (token) => settle(token, 2n, amounts(count)),
      },
      {
        name: `settle ${count} credits, new holders`,
        setup: fresh,
        measured: (token) => settle(token, 2n, amounts(count)),
      },
      {
        name: `settle ${count} debits, part`,
        setup: (token) => existing(token, count),
        measured: (token) => settle(token, 2n, debits(count)),
      },
    ]),
    {
      name: "settle 80 credits, existing holders, first batch of a word",
      setup: (token) => existing(token, 80),
      measured: (token) => settle(token, 256n, amounts(80)),
    },
    {
      name: `settle ${batchSize} debits, to zero`,
      setup: (token) => existing(token, batchSize),
      measured: (token) => settle(token, 2n, Array<bigint>(batchSize).fill(-held)),
    },
    {
      name: `settle ${batchSize} debits, all skipped`,
      setup: fresh,
      measured: (token) => settle(token, 2n, debits(batchSize)),
    },
    {
      name: `settle ${batchSize} long credits, existing holders`,
      setup: (token) => existing(token, batchSize),
      measured: (token) =>
        settle(
          token,
          2n,
          amounts(batchSize).map((value) => value + 2n ** 200n),
        ),
    },
    { name: "cancelBatch", setup: fresh, measured: (token) => cancel(token, 2n) },
    ...["existing", "new"].map(
      (state): Measurement => ({
        name: `batchMint ${batchSize}, ${state} holders`,
        setup: (token) => (state === "new" ? fresh(token) : existing(token, batchSize)),
        measured: (token) => ({ from: token.minter, data: batch("batchMint", amounts(batchSize)) }),
      }),
    ),
    {
      name: `batchBurn ${batchSize}, part`,
      setup: (token) => existing(token, batchSize),
      measured: (token) => ({ from: token.burner, data: batch("batchBurn", amounts(batchSize)) }),
    },
    {
      name: `batchBurn ${batchSize}, to zero`,
      setup: (token) => existing(token, batchSize),
      measured: (token) => ({
        from: token.burner,
        data: batch("batchBurn", Array<bigint>(batchSize).fill(held)),
      }),
    },
    {
      name: "transfer, existing holder",
      setup: (token) => existing(token, 1),
      measured: () => ({
        from: sender,
        data: encodeFunctionData({
          abi: cpopTokenAbi,
          functionName: "transfer",
          args: [holder(0), amount(0)],
        }),
      }),
    },
    {
      name: `batchTransfer ${batchSize}, existing holders`,
      setup: (token) => existing(token, batchSize),
      measured: () => ({ from: sender, data: batch("batchTransfer", amounts(batchSize)) }),
    },
    ...[1, owners.length].flatMap((pairs) =>
      [2n ** 256n - 1n, held].map(
        (allowance): Measurement => ({
          name: `batchTransferFrom ${pairs}, existing holders, allowance ${allowance === held ? "counted" : "unlimited"}`,
          setup: (token) => [
            ...existing(token, pairs),
            ...owners.flatMap((owner) => [
              mint(token, owner, held),
              { from: owner, data: approve(sender, allowance) },
            ]),
          ],
          measured: () => ({ from: sender, data: transferFrom(owners.slice(0, pairs)) }),
        }),
      ),
    ),
  ]
}

function mint(token: TokenFixture, to: Address, value: bigint): Call {
  const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [to, value] })
  return { from: token.minter, data }
}

function burn(token: TokenFixture, value: bigint): Call {
  const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "burn", args: [holder(0), value] })
  return { from: token.burner, data }
}

function settle(token: TokenFixture, sequence: bigint, values: readonly bigint[]): Call {
  const deltas = encodeDeltas(values.map((value, index) => ({ address: holder(index), amount: value })))
  const args = [BigInt(batchIdOf(ledgerId, sequence)), deltas] as const
  return {
    from: token.operator,
    data: encodeFunctionData({ abi: cpopTokenAbi, functionName: "settle", args }),
  }
}

function credit(token: TokenFixture, sequence: bigint, count: number, value: bigint): Call {
  return settle(token, sequence, Array<bigint>(count).fill(value))
}

function cancel(token: TokenFixture, sequence: bigint): Call {
  const args = [BigInt(batchIdOf(ledgerId, sequence))] as const
  return {
    from: token.operator,
    data: encodeFunctionData({ abi: cpopTokenAbi, functionName: "cancelBatch", args }),
  }
}

function approve(spender: Address, value: bigint): Hex {
  return encodeFunctionData({ abi: cpopTokenAbi, functionName: "approve", args: [spender, value] })
}

function transferFrom(owners: readonly Address[]): Hex {
  const args = [owners, holders(owners.length), amounts(owners.length)] as const
  return encodeFunctionData({ abi: cpopTokenAbi, functionName: "batchTransferFrom", args })
}

function batch(functionName: "batchMint" | "batchBurn" | "batchTransfer", values: readonly bigint[]): Hex {
  return encodeFunctionData({ abi: cpopTokenAbi, functionName, args: [holders(values.length), values] })
}
