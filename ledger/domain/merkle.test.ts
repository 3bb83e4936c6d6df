import { createHash } from "node:crypto"
import { assert, constantFrom, integer, property, tuple, uint8Array } from "fast-check"
import { describe, expect, test } from "vitest"
import { blockSize, createBlockRoots } from "./merkle-blocks.ts"
import { createMerkleBuilder, foldSubtrees } from "./merkle-builder.ts"
import { hashLeaf } from "./merkle-hash.ts"
import {
  consistencyRanges,
  inclusionRanges,
  type LeafRange,
  subtreesOf,
  verifyConsistency,
  verifyInclusion,
} from "./merkle-proof.ts"

/** The definition of RFC 6962, word for word and slow. */
function merkleTreeHash(leaves: readonly Uint8Array[]): Buffer {
  const sha = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest()
  const [only] = leaves
  if (only === undefined) return sha()
  if (leaves.length === 1) return sha(Buffer.from([0]), only)
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return sha(Buffer.from([1]), merkleTreeHash(leaves.slice(0, k)), merkleTreeHash(leaves.slice(k)))
}

const leavesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => createHash("sha256").update(String(index)).digest())

function prove(leaves: readonly Uint8Array[], ranges: readonly LeafRange[]): Buffer[] {
  const nodes = new Map<string, Buffer>()
  const builder = createMerkleBuilder(undefined, ({ level, index, hash }) =>
    nodes.set(`${level}:${index}`, hash),
  )
  for (const leaf of leaves) builder.add(leaf)
  return ranges.map((range) =>
    foldSubtrees(
      subtreesOf(range).map(({ level, index }) => {
        const hash = nodes.get(`${level}:${index}`)
        if (hash === undefined) throw new Error(`no node ${level}:${index}`)
        return hash
      }),
    ),
  )
}

function rootOf(leaves: readonly Uint8Array[]): Buffer {
  const builder = createMerkleBuilder()
  for (const leaf of leaves) builder.add(leaf)
  return builder.root()
}

describe("the vectors of the Certificate Transparency project", () => {
  const leaves = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ].map((hex) => Buffer.from(hex, "hex"))
  const [a, b, c] = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
  ]
  const [d, e, f] = [
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  ]

  test("roots of the first 0 to 8 leaves", () => {
    const roots = Array.from({ length: 9 }, (_, size) => rootOf(leaves.slice(0, size)).toString("hex"))
    expect(roots).toEqual([
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ])
  })

  test.each([
    { index: 0, size: 1, path: [] },
    { index: 0, size: 8, path: [a, b, c] },
    { index: 5, size: 8, path: [d, e, f] },
    { index: 2, size: 3, path: ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"] },
    {
      index: 1,
      size: 5,
      path: ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", b, d],
    },
  ])("inclusion of leaf $index in $size", ({ index, size, path }) => {
    const proof = prove(leaves.slice(0, size), inclusionRanges(index, size))
    expect(proof.map((hash) => hash.toString("hex"))).toEqual(path)
    const leafHash = hashLeaf(leaves[index] ?? Buffer.alloc(0))
    expect(verifyInclusion({ leafHash, index, size, proof, root: rootOf(leaves.slice(0, size)) })).toBe(true)
  })

  test.each([
    { from: 1, size: 1, path: [] },
    { from: 1, size: 8, path: [a, b, c] },
    { from: 6, size: 8, path: ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", e, f] },
    { from: 2, size: 5, path: [b, d] },
  ])("consistency of $from with $size", ({ from, size, path }) => {
    const proof = prove(leaves.slice(0, size), consistencyRanges(from, size))
    expect(proof.map((hash) => hash.toString("hex"))).toEqual(path)
  })
})

describe("for any tree", () => {
  const sizes = integer({ min: 1, max: 300 })
  const placed = sizes.chain((size) => tuple(constantFrom(size), integer({ min: 0, max: size - 1 })))

  test("the root is that of the definition, from any size on that one continues at, and with whole subtrees added at once", () => {
    assert(
      property(placed, integer({ min: 0, max: 5 }), ([size, stop], level) => {
        const leaves = leavesOf(size)
        const builder = createMerkleBuilder()
        for (const leaf of leaves.slice(0, stop)) builder.add(leaf)
        expect(builder.root()).toEqual(merkleTreeHash(leaves.slice(0, stop)))
        const next = createMerkleBuilder({ size: stop, frontier: builder.frontier() })
        let at = stop
        const step = 2 ** level
        while (at < size) {
          if (at % step === 0 && at + step <= size) {
            next.addSubtree(level, merkleTreeHash(leaves.slice(at, at + step)))
            at += step
          } else {
            next.add(leaves[at] ?? Buffer.alloc(0))
            at += 1
          }
        }
        expect(next.size).toBe(size)
        expect(next.root()).toEqual(merkleTreeHash(leaves))
      }),
      { numRuns: 60 },
    )
  })

  test("a proof of inclusion holds for its leaf, place, size and root, and for nothing else", () => {
    assert(
      property(placed, integer({ min: 0, max: 300 }), ([size, index], other) => {
        const leaves = leavesOf(size)
        const proven = {
          leafHash: hashLeaf(leaves[index] ?? Buffer.alloc(0)),
          index,
          size,
          proof: prove(leaves, inclusionRanges(index, size)),
          root: merkleTreeHash(leaves),
        }
        expect(verifyInclusion(proven)).toBe(true)
        expect(verifyInclusion({ ...proven, leafHash: hashLeaf(Buffer.from("else")) })).toBe(false)
        expect(verifyInclusion({ ...proven, root: hashLeaf(proven.root) })).toBe(false)
        expect(verifyInclusion({ ...proven, proof: [...proven.proof, proven.root] })).toBe(false)
        if (size > 1) expect(verifyInclusion({ ...proven, proof: proven.proof.slice(1) })).toBe(false)
        if (other !== index) expect(verifyInclusion({ ...proven, index: other })).toBe(false)
        expect(verifyInclusion({ ...proven, index: size })).toBe(false)
        expect(verifyInclusion({ ...proven, index: -1 })).toBe(false)
      }),
      { numRuns: 150 },
    )
  })

  test("a proof of consistency holds for its two trees, and for nothing else", () => {
    assert(
      property(placed, uint8Array({ minLength: 32, maxLength: 32 }), ([size, below], noise) => {
        const from = below + 1
        const leaves = leavesOf(size)
        const proven = {
          from,
          fromRoot: merkleTreeHash(leaves.slice(0, from)),
          size,
          root: merkleTreeHash(leaves),
          proof: prove(leaves, consistencyRanges(from, size)),
        }
        expect(verifyConsistency(proven)).toBe(true)
        const altered = leaves.with(0, Buffer.from(noise))
        expect(verifyConsistency({ ...proven, fromRoot: merkleTreeHash(altered.slice(0, from)) })).toBe(false)
        expect(verifyConsistency({ ...proven, root: merkleTreeHash(altered) })).toBe(false)
        expect(verifyConsistency({ ...proven, proof: [...proven.proof, proven.root] })).toBe(false)
        proven.proof.forEach((_, index) => {
          const proof = proven.proof.with(index, Buffer.from(noise))
          expect(verifyConsistency({ ...proven, proof })).toBe(false)
          expect(verifyConsistency({ ...proven, proof: proven.proof.toSpliced(index, 1) })).toBe(false)
        })
        expect(verifyConsistency({ ...proven, from: size + 1 })).toBe(false)
        expect(verifyConsistency({ ...proven, from: 0 })).toBe(false)
      }),
      { numRuns: 150 },
    )
  })
})

test("a frontier that is not one of its size, and a subtree that does not fit, are refused", () => {
  expect(() => createMerkleBuilder({ size: 3, frontier: [Buffer.alloc(32)] })).toThrow(RangeError)
  expect(() => createMerkleBuilder({ size: 1, frontier: [Buffer.alloc(31)] })).toThrow(RangeError)
  const builder = createMerkleBuilder()
  builder.add(Buffer.alloc(32))
  expect(() => builder.addSubtree(1, Buffer.alloc(32))).toThrow(RangeError)
  expect(() => inclusionRanges(1, 1)).toThrow(RangeError)
  expect(() => consistencyRanges(2, 1)).toThrow(RangeError)
})

test("the roots of blocks are those of their leaves, and of complete blocks only", () => {
  const leaves = leavesOf(2 * blockSize + 3)
  const roots = createBlockRoots()
  for (const leaf of leaves) roots.add(leaf)
  const of = (block: number) => merkleTreeHash(leaves.slice(block * blockSize, (block + 1) * blockSize))
  expect(roots.finish()).toEqual(Buffer.concat([of(0), of(1)]))
})
