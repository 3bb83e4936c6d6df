#!/usr/bin/env python3
"""Checks an export of a ChainBridge ledger, and proofs of it, by event-encoding.md and audit.md alone. Python 3.9, nothing else."""
import argparse, base64, functools, hashlib, json, re, sys
def need(condition, why):
    if not condition: raise ValueError(why)
def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def compact(value): return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

# Ed25519 (RFC 8032, 5.1), points in extended coordinates.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, I = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
def add(p, q):
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0]), 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    return ((b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P)
def times(n, p):
    q = (0, 1, 1, 0)
    while n: q, p, n = add(q, p) if n & 1 else q, add(p, p), n >> 1
    return q
def point(data):
    sign, y = data[31] >> 7, int.from_bytes(data, "little") & (1 << 255) - 1
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u: x = x * I % P
    need(y < P and v * x * x % P == u and (x or not sign), "it is no point of the curve")
    return (x := x if x & 1 == sign else P - x, y, 1, x * y % P)
BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
def check_signature(key, text, signature):
    need(len(key) == 32 and len(signature) == 64, "a key has 32 bytes, a signature 64")
    s, h = int.from_bytes(signature[32:], "little"), int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    p, q = times(s, BASE), add(point(signature[:32]), times(h, point(key)))
    need(s < L and (p[0] * q[2] - q[0] * p[2]) % P == 0 == (p[1] * q[2] - q[1] * p[2]) % P, "the signature does not hold")

# The Merkle tree of RFC 6962. A frontier is a list of (level, hash), the largest subtree first.
def node(left, right): return sha(b"\1", left, right)
def push(frontier, leaf):
    level, top = 0, sha(b"\0", leaf)
    while frontier and frontier[-1][0] == level: level, top = level + 1, node(frontier.pop()[1], top)
    frontier.append((level, top))
def root_of(frontier): return functools.reduce(lambda right, left: node(left[1], right), frontier[-2::-1], frontier[-1][1])
def split(n): return 1 << (n - 1).bit_length() - 1
def path(m, n, leaf, proof):  # The root over n leaves that a proof for leaf m leads to. A proof's last element belongs to the top.
    if n == 1: return leaf
    e, k = proof.pop(), split(n)
    return node(path(m, k, leaf, proof), e) if m < k else node(e, path(m - k, n - k, leaf, proof))
def both(m, n, old, proof):  # The roots over m and over n leaves; old is that over m, for as long as the m are a whole tree.
    if m == n: return [old or proof.pop()] * 2
    e, k = proof.pop(), split(n)
    a, b = both(m, k, old, proof) if m <= k else both(m - k, n - k, None, proof)
    return [a, node(b, e)] if m <= k else [node(e, a), node(e, b)]
NOTE = re.compile(r"((chainbridge/ledger/(\S{36}))\n([1-9]\d*)\n(\S{44})\nhead ([0-9a-f]{64})\ntime \S{24}\nkey ([0-9a-f]{32})\n)\n— (\S+) (\S{92})\n")
def open_note(note, keys):
    need(found := NOTE.fullmatch(note), "it is no signed checkpoint")
    text, origin, ledger, size, root, head, key_id, name, last = found.groups()
    need(key := next((k for k in keys if sha(k)[:16].hex() == key_id), None), f"the key {key_id} is none of the given ones")
    root_bytes, blob = base64.b64decode(root), base64.b64decode(last)
    is_same = [base64.b64encode(b).decode() for b in (root_bytes, blob)] == [root, last] and name == origin
    need(is_same and blob[:4] == sha(origin.encode(), b"\n\1", key)[:4], "it is not written as a note is")
    check_signature(key, text.encode(), blob[4:])
    return ledger, int(size), root_bytes, bytes.fromhex(head)
NAMES = "ledger_id position type version operation_id sequence account_id amount balance_after occurred_at recorded_at causation".split()
def read_event(line, header, previous):
    at, split, end = line.find(',"data":'), line.find(',"details":'), line.rfind(',"salt":')
    head, data, details, tail = json.loads(line[:at] + "}"), line[at + 8:split], line[split + 11:end], json.loads("{" + line[end + 1:])
    need(f'{compact(head)[:-1]},"data":{data},"details":{details},{compact(tail)[1:]}' == line, "it is not written as an event is")
    need(list(head) == NAMES and list(tail) == "salt details_hash prev_hash hash".split(), "it has other fields than an event")
    salt, details_hash, prev_hash, own_hash = (h and bytes.fromhex(h) for h in tail.values())
    fields = [None if f is None else str(f).encode() for f in ["chainbridge-event-1", *head.values(), data]] + [details_hash]
    code = b"".join(b"\xff" * 4 if f is None else len(f).to_bytes(4, "big") + f for f in fields)
    need(head["ledger_id"] == header["ledger_id"] and prev_hash == previous, "it does not go on from the event before it")
    need(own_hash == sha(previous, code), "its content does not give its hash")
    need(details == "null" if salt is None else header["details"] and sha(salt, details.encode()) == details_hash, "its details do not give their hash")
    return head, json.loads(data), own_hash
KINDS = """AccountOpened AdjustmentRecorded AdjustmentReversed HoldCaptured HoldPlaced HoldReleased HoldExpired DepositObserved WithdrawalObserved
    SettlementSealed SettlementNetted SettlementDeferred DetailsRedacted CheckpointAnchored SettlementConfirmed ConfirmationRevoked""".split()
def replay(accounts, holds, changes, position, head, d):
    kind, account, amount = KINDS.index(head["type"]), int(head["account_id"] or 0), int(head["amount"] or 0)
    way, moves = {14: 1, 15: -1}.get(kind, 0), []  # (account, pending, confirmed, locked)
    if kind == 0: accounts[len(accounts) + 1] = [0, 0, 0]
    if kind in (1, 2, 3): moves, changes[position] = [(account, amount, 0, 0)], (account, amount)
    elif kind in (7, 8): moves = [(account, amount, amount, 0)]
    elif kind == 4: moves, holds[position] = [(account, 0, 0, int(d["amount"]))], (account, int(d["amount"]))
    if kind in (3, 5, 6):
        taken, released = int(d.get("captured", 0)), int(d["released"])
        need(holds.pop(d["hold_position"], None) == (account, taken + released) and amount == -taken, "it ends no open hold of its amount")
        moves += [(account, 0, 0, -taken - released)]
    for e in d["accounts"] if kind in (9, 10) else []:
        need(sum(changes[p][1] for p in e["positions"] if changes[p][0] == e["account_id"]) == int(e.get("net", 0)), "its net is another one")
    if way: moves = [(e["account_id"], way * (int(e["amount"]) - int(e["settled"])), way * int(e["amount"]), 0) for e in d["accounts"]]
    for who, *by in moves: accounts[who] = [a + b for a, b in zip(accounts[who], by)]
    need(not account or accounts[account][0] == int(head["balance_after"]), "its balance_after is another one")
def said(s): return s.header["ledger_id"], s.size, root_of(s.frontier), s.hash
def check_line(s, raw):
    need(raw.endswith(b"\n") and not s.is_over, "it is cut off, or stands behind the last line")
    line, before, h = raw[:-1].decode(), s.digest.hexdigest(), s.header
    if h is None:
        s.header = h = json.loads(line)
        need(compact(h) == line and " ".join(h) == "chainbridge_export ledger_id first last prev_hash frontier details public_key", "it is no header")
        s.size, s.hash, s.key = int(h["first"]) - 1, bytes.fromhex(h["prev_hash"]), h["public_key"] and bytes.fromhex(h["public_key"])
        s.frontier = list(zip([i for i in range(63, -1, -1) if s.size >> i & 1], map(bytes.fromhex, h["frontier"])))
        need(h["chainbridge_export"] == 1 and bin(s.size).count("1") == len(h["frontier"]) and (s.size or not any(s.hash)), "it begins nowhere")
    elif line.startswith('{"checkpoint":'):
        note, key = (c := json.loads(line)["checkpoint"])["note"], bytes.fromhex(c["public_key"])
        need(compact({"checkpoint": {"public_key": key.hex(), "note": note}}) == line and s.trusted(key), "it is no checkpoint of a given key")
        need(open_note(note, [key]) == said(s), "it does not say what the events give")
    elif line.startswith('{"chainbridge_export_end":1,'):
        text, _, signature = line[:-1].rpartition(',"signature":')
        hashes = {"hash": s.hash.hex(), "root": root_of(s.frontier).hex(), "sha256": before}
        end = {"chainbridge_export_end": 1, "events": str(s.size - int(h["first"]) + 1), "position": h["last"], **hashes}
        need(str(s.size) == h["last"] and text + "}" == compact(end) and line[-1] == "}", "it does not say what is before it")
        need(signature == "null" if s.key is None else re.fullmatch('"[0-9a-f]{128}"', signature) and s.trusted(s.key), "nobody known signed it")
        if s.key: check_signature(s.key, text.encode(), bytes.fromhex(signature[1:-1]))
        s.is_over = True
    else:
        head, data, s.hash = read_event(line, h, s.hash)
        need(head["position"] == str(s.size + 1), f"position {s.size + 1} is missing")
        if h["first"] == "1": replay(*s.state, s.size + 1, head, data)
        push(s.frontier, s.hash)
        s.size += 1
    if s.size in s.seen: s.seen[s.size] = said(s)
    s.digest.update(raw)
def check_proof(data, s):
    sides = [open_note(c["note"], s.keys or [bytes.fromhex(c["public_key"])]) for c in (data.get("from"), data.get("checkpoint", data.get("to"))) if c]
    need(all(s.seen[side[1]] in (None, side) for side in sides), "the file has another root")
    proof, (_, size, root, _) = [bytes.fromhex(e) for e in data["proof"]], sides[-1]
    if "from" in data: found = both(sides[0][1], size, sides[0][2], proof) == [sides[0][2], root]
    else:
        position, leaf = int(data["position"]), bytes.fromhex(data["hash"])
        need(s.seen[position] is None or s.seen[position][3] == leaf, "the file has another event there")
        found = 0 < position <= size and path(position - 1, size, sha(b"\0", leaf), proof) == root
    need(found and not proof, "it does not lead to the root")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file")
for option in ("--public-key", "--checkpoint", "--proof"): parser.add_argument(option, action="append", default=[])
options, where, read = parser.parse_args(), "", lambda path: open(path, encoding="utf-8", newline="").read()
try:
    notes, answers = {path: read(path) for path in options.checkpoint}, {path: json.loads(read(path)) for path in options.proof}
    wanted = [n.split("\n")[1] for n in notes.values()] + re.findall(r'"(?:position|tree_size)": "(\d+)"', json.dumps(list(answers.values())))
    s = argparse.Namespace(keys=[bytes.fromhex(key) for key in options.public_key], seen=dict.fromkeys(map(int, wanted)), state=({}, {}, {}))
    s.trusted, s.header, s.is_over, s.digest = lambda key: not s.keys or key in s.keys, None, False, hashlib.sha256()
    for number, raw in enumerate(open(options.file, "rb"), 1):
        where = f", line {number}"
        check_line(s, raw)
    where = ""
    need(s.is_over and (s.key or notes), "it is cut off, or nobody signed it")
    for where, n in notes.items(): need(open_note(n, s.keys or [s.key or b""]) == s.seen[int(n.split("\n")[1])], ": the file does not give it")
    for where, answer in answers.items(): check_proof(answer.get("data", answer), s)
except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
    sys.exit(f"FAILED {options.file}{where}: {error}")
print(f"ok {options.file}: {len(s.state[0])} accounts, last event {s.size}, root {root_of(s.frontier).hex()}, proofs that hold: {len(answers)}")
