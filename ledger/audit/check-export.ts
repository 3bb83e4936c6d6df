import { createHash } from "node:crypto"
import { ChainBridgeError } from "../../platform/errors.ts"
import { keyIdOf, verifySignature } from "../domain/audit-key.ts"
import { type LoggedEvent, parseAuditLine } from "../domain/audit-line.ts"
import { openNote } from "../domain/checkpoint-note.ts"
import { hashDetails, hashEvent } from "../domain/event-encoding.ts"
import { changeTypes, type EventType, type NewEvent } from "../domain/events.ts"
import {
  type ExportHeader,
  exportTrailerText,
  lineKind,
  parseExportCheckpoint,
  parseExportHeader,
  parseExportTrailer,
} from "../domain/export-format.ts"
import { createMerkleBuilder, type MerkleBuilder } from "../domain/merkle-builder.ts"
import { type Replay, replayEvent, startReplay } from "../domain/replay.ts"
import { ReplayFault } from "../domain/replay-fault.ts"
import { parseEvent } from "../store/read-events.ts"

export type ExportCheckOptions = {
  /** Who may have signed. None: whoever the file names, which proves that it is whole and not by whom it is. */
  readonly trustedKeys: readonly Buffer[]
  /** Signed checkpoints that the log has to agree with. */
  readonly notes: readonly string[]
}

export type CheckedExport = {
  readonly ledgerId: string
  readonly first: bigint
  readonly last: bigint
  readonly hash: Buffer
  readonly root: Buffer
  /** Null where the file does not begin with the first event: what was before it is not known. */
  readonly accounts: number | null
  /** Events without the details that they once had, and those of them that no DetailsRedacted of the file names. */
  readonly redacted: number
  readonly redactedLater: number
  /** Null: nobody signed. */
  readonly signedBy: string | null
  /** Whether a given checkpoint covers it up to its end. */
  readonly isCovered: boolean
  /** Roots that were found in signed checkpoints, the file's and those given, by tree size. */
  readonly checkpoints: ReadonlyMap<bigint, Buffer>
  /** Where the file says that these are anchored, by tree size. */
  readonly anchors: ReadonlyMap<bigint, ExportedAnchor>
}

export type ExportedAnchor = {
  /** Of the event that says so. */
  readonly position: bigint
  readonly chainId: number
  readonly contract: string
}

/** What does not hold. */
export type ExportProblem = { readonly problem: string }

/**
 * Checks an export line by line, without a database. Every line is written again from what was read of it and compared; hashes, chain, Merkle root, checkpoints, balances and the law of
 * unsettled changes follow from the events, and the last line fixes every byte before it. Keeps what a replay keeps.
 */
export function createExportCheck(options: ExportCheckOptions): {
  /** @param line without its end; @returns what is wrong with it */
  add(line: Buffer): ExportProblem | null
  /** After the last line. */
  end(): CheckedExport | ExportProblem
} {
  const { trustedKeys } = options
  const digest = createHash("sha256")
  const checkpoints = new Map<bigint, Buffer>()
  const anchors = new Map<bigint, ExportedAnchor>()
  const withoutDetails = new Set<number>()
  const redacted = new Set<number>()
  /** Of accounts: there is one for a user and a token. */
  const owners = new Set<string>()
  const replay: Replay = startReplay()
  let started: Started | undefined
  let position = 0n
  let hash: Buffer = Buffer.alloc(0)
  let recordedAtMs = Number.NEGATIVE_INFINITY
  let checkpointAt = 0n
  let ended: { signature: Buffer | null } | undefined

  function addHeader(text: string): string | null {
    const header = parseExportHeader(text)
    if (header === null) return "it is not the first line of an export"
    if (header.first === 1n && header.prevHash.some((byte) => byte !== 0)) {
      return "a log begins behind 32 zero bytes"
    }
    const notes = openNotes(options, header)
    if ("problem" in notes) return notes.problem
    started = {
      header,
      notes: notes.opened,
      tree: createMerkleBuilder({ size: Number(header.first - 1n), frontier: header.frontier }),
    }
    position = header.first - 1n
    hash = header.prevHash
    return compareNote(started)
  }

  function addEvent(text: string, { header, tree, notes }: Started): string | null {
    const event = parseAuditLine(text)
    if (event === null) return "it is not written as an event is"
    if (position === header.last) return `the file ends with event ${header.last} by its first line`
    if (event.position !== position + 1n) return `position ${position + 1n} is missing`
    if (event.ledgerId !== header.ledgerId) return "it is of another ledger"
    if (!event.prevHash.equals(hash)) return "its previous hash is not the hash of the event before it"
    if (!hashEvent(hash, event).equals(event.hash)) return "its content does not give its hash"
    if (event.recordedAt.getTime() < recordedAtMs) return "it was recorded before the event before it"
    const problem = checkDetails(event, header) ?? follow(event, header)
    if (problem !== null) return problem
    position = event.position
    hash = event.hash
    recordedAtMs = event.recordedAt.getTime()
    tree.add(event.hash)
    return compareNote({ header, tree, notes })
  }

  function checkDetails(event: LoggedEvent, { hasDetails }: ExportHeader): string | null {
    if ((event.salt === null) !== (event.detailsJson === null))
      return "it has a salt or details, and not both"
    if (event.salt === null || event.detailsJson === null) {
      if (hasDetails && event.detailsHash !== null) withoutDetails.add(Number(event.position))
      return null
    }
    if (!hasDetails) return "it has details, and the file has none by its first line"
    if (event.salt.length !== saltBytes) return `its salt has ${event.salt.length} bytes`
    if (event.detailsHash?.equals(hashDetails(event.salt, event.detailsJson)) === true) return null
    return "its details do not give their hash"
  }

  /** Balances and the law need the log from its beginning; without it an event is only read. */
  function follow(stored: LoggedEvent, { first, hasDetails }: ExportHeader): string | null {
    try {
      const event = parseEvent(stored)
      const problem = checkShape(stored, event)
      if (problem !== null) return `event ${stored.position}: ${problem}`
      if (event.type === "AccountOpened" && first === 1n) {
        const { user_id: userId, chain_id: chainId, token_address: token } = event.data
        // A user id may hold anything; the others are of a fixed form.
        const owner = `${chainId} ${token} ${userId}`
        if (owners.has(owner))
          return `event ${stored.position}: ${JSON.stringify(userId)} has another account of token ${token}`
        owners.add(owner)
      }
      if (first === 1n) replayEvent(replay, stored.position, event)
      noteAnchor(anchors, stored.position, event)
      if (event.type !== "DetailsRedacted") return null
      for (const at of event.data.positions) {
        if (redacted.has(at)) return `position ${at} is redacted already`
        redacted.add(at)
      }
      if (!hasDetails) return null
      const kept = event.data.positions.find((at) => at >= first && !withoutDetails.has(at))
      return kept === undefined
        ? null
        : `it says that the details of event ${kept} were erased: they are there`
    } catch (error) {
      if (error instanceof ReplayFault) return `event ${stored.position}: ${error.message}`
      if (error instanceof ChainBridgeError) return error.message
      throw error
    }
  }

  function addCheckpoint(text: string, { header, tree }: Started): string | null {
    const line = parseExportCheckpoint(text)
    if (line === null) return "it is not written as a checkpoint is"
    if (!isTrusted(line.publicKey)) return `its key ${keyIdOf(line.publicKey)} is none of the given ones`
    if (checkpointAt === position) return "the checkpoint is there twice"
    checkpointAt = position
    const opened = openNote(line.note, line.publicKey)
    if ("problem" in opened) return opened.problem
    const { checkpoint } = opened
    if (checkpoint.treeSize !== position) {
      return `it is a checkpoint of ${checkpoint.treeSize} events and stands behind event ${position}`
    }
    checkpoints.set(position, tree.root())
    return compareCheckpoint(checkpoint, header, tree.root())
  }

  /** A given checkpoint that covers what was read so far. */
  function compareNote({ header, tree, notes }: Started): string | null {
    const note = notes.get(position)
    if (note === undefined) return null
    const root = tree.root()
    checkpoints.set(position, root)
    const problem = compareCheckpoint(note, header, root)
    return problem === null ? null : `the given checkpoint of ${position} events does not hold: ${problem}`
  }

  function compareCheckpoint(
    checkpoint: { ledgerId: string; root: Buffer; headHash: Buffer },
    header: ExportHeader,
    root: Buffer,
  ): string | null {
    if (checkpoint.ledgerId !== header.ledgerId) return "it is of another ledger"
    if (!checkpoint.root.equals(root)) return "the events do not give its root"
    return position === 0n || checkpoint.headHash.equals(hash)
      ? null
      : "the last event that it covers is another one"
  }

  function addTrailer(text: string, { header, tree }: Started, before: Buffer): string | null {
    if (position !== header.last) return `position ${position + 1n} is missing`
    const trailer = {
      events: position - header.first + 1n,
      position,
      hash,
      root: tree.root(),
      sha256: before,
    }
    const parsed = parseExportTrailer(text, trailer)
    if (parsed === null) return "it is not the last line of what is before it"
    if ((parsed.signature === null) !== (header.publicKey === null)) {
      return "it is signed, or the first line names a key, and not both"
    }
    if (header.publicKey !== null && parsed.signature !== null) {
      if (!verifySignature(header.publicKey, exportTrailerText(trailer), parsed.signature))
        return "its signature does not hold"
      if (!isTrusted(header.publicKey))
        return `the key ${keyIdOf(header.publicKey)} signed it, which is none of the given ones`
    }
    ended = parsed
    return null
  }

  function isTrusted(publicKey: Buffer): boolean {
    return trustedKeys.length === 0 || trustedKeys.some((key) => key.equals(publicKey))
  }

  return {
    add(line) {
      const text = line.toString()
      if (!Buffer.from(text).equals(line)) return { problem: "it is not UTF-8" }
      if (ended !== undefined) return { problem: "it stands behind the last line" }
      const kind = lineKind(text)
      let problem: string | null
      if (started === undefined) problem = addHeader(text)
      else if (kind === "trailer") problem = addTrailer(text, started, digest.copy().digest())
      else if (kind === "checkpoint") problem = addCheckpoint(text, started)
      else problem = addEvent(text, started)
      digest.update(line).update("\n")
      return problem === null ? null : { problem }
    },
    end() {
      if (started === undefined || ended === undefined)
        return { problem: "the file ends before its last line: it was cut off" }
      const { header, tree, notes } = started
      const beyond = [...notes.keys()].find((size) => !checkpoints.has(size))
      if (beyond !== undefined) {
        return {
          problem: `the given checkpoint covers ${beyond} events, the file those from ${header.first} to ${header.last}`,
        }
      }
      return {
        ledgerId: header.ledgerId,
        first: header.first,
        last: header.last,
        hash,
        root: tree.root(),
        accounts: header.first === 1n ? replay.accounts.size : null,
        redacted: withoutDetails.size,
        redactedLater: [...withoutDetails].filter((at) => !redacted.has(at)).length,
        signedBy: header.publicKey === null ? null : keyIdOf(header.publicKey),
        isCovered: notes.has(header.last),
        checkpoints,
        anchors,
      }
    },
  }
}

const saltBytes = 16
const typesOfAnAccount: readonly string[] = [
  ...changeTypes,
  "AccountOpened",
  "HoldPlaced",
  "HoldReleased",
  "HoldExpired",
  "DepositObserved",
  "WithdrawalObserved",
  "SettlementDiscarded",
] satisfies readonly EventType[]

/** What the fields have to be together before an event can be read: half of an account, or of a key, would be none. */
function checkShape(stored: LoggedEvent, { type, account, operation }: NewEvent): string | null {
  const { accountId, amount, balanceAfter, operationId, sequence } = stored
  if (account === null && [accountId, amount, balanceAfter].some((field) => field !== null))
    return "account_id, amount and balance_after are not there together"
  if (operation === null && (operationId !== null || sequence !== null))
    return "operation_id and sequence are not there together"
  return account === null && typesOfAnAccount.includes(type) ? `${type} without an account` : null
}

function noteAnchor(anchors: Map<bigint, ExportedAnchor>, position: bigint, event: NewEvent): void {
  if (event.type === "CheckpointAnchored") {
    const { chain_id: chainId, tree_size: treeSize, anchor: contract } = event.data
    anchors.set(BigInt(treeSize), { position, chainId, contract })
  }
  if (event.type !== "ConfirmationRevoked") return
  for (const [treeSize, anchor] of anchors)
    if (anchor.position === BigInt(event.data.revoked_position)) anchors.delete(treeSize)
}

type OpenedNote = {
  readonly ledgerId: string
  readonly treeSize: bigint
  readonly root: Buffer
  readonly headHash: Buffer
}
type Started = {
  readonly header: ExportHeader
  readonly tree: MerkleBuilder
  /** The given checkpoints, by tree size. */
  readonly notes: ReadonlyMap<bigint, OpenedNote>
}

/** Signed twice, at two times, the same is still the same. */
function isSamePast(one: OpenedNote, other: OpenedNote): boolean {
  return one.ledgerId === other.ledgerId && one.root.equals(other.root) && one.headHash.equals(other.headHash)
}

/** The given checkpoints, each signed by a given key; by the one that the file names, where none is given. */
function openNotes(
  { notes, trustedKeys }: ExportCheckOptions,
  { publicKey }: ExportHeader,
): { readonly opened: ReadonlyMap<bigint, OpenedNote> } | ExportProblem {
  const keys = trustedKeys.length > 0 || publicKey === null ? trustedKeys : [publicKey]
  const opened = new Map<bigint, OpenedNote>()
  for (const note of notes) {
    if (keys.length === 0)
      return { problem: "nobody signed the file: the key of the checkpoint is needed (--public-key)" }
    const results = keys.map((key) => openNote(note, key))
    const good = results.find((result) => "checkpoint" in result)
    if (good === undefined || !("checkpoint" in good)) {
      const [first] = results
      return {
        problem: `the given checkpoint does not hold: ${first !== undefined && "problem" in first ? first.problem : ""}`,
      }
    }
    const { checkpoint } = good
    const other = opened.get(checkpoint.treeSize)
    if (other !== undefined && !isSamePast(other, checkpoint)) {
      return {
        problem: `the key signed two pasts: two given checkpoints of ${checkpoint.treeSize} events differ`,
      }
    }
    opened.set(checkpoint.treeSize, checkpoint)
  }
  return { opened }
}
