"""Checks an export of a ChainBridge ledger, and proofs of it, by event-encoding.md and audit.md alone. Python 3.9, nothing else."""
import argparse, base64, datetime, functools, hashlib, json, re, sys
def need(condition, why):
    if not condition: raise ValueError(why)
def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def compact(value): return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
def parse(text): return json.loads(text, parse_constant=lambda name: need(False, f"{name} is no JSON"))
def is_time(text): return datetime.datetime.fromisoformat(text[:-1]).isoformat(timespec="milliseconds") + "Z" == text
# Ed25519 (RFC 8032, 5.1), points in extended coordinates.
P, L, D = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493, 37095705934669439343138083508754565189542113879843219016388785533085940283555
def add(p, q):
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0]), 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    return ((b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P)
def times(n, p): return (0, 1, 1, 0) if n == 0 else add(p, times(n - 1, p)) if n & 1 else times(n >> 1, add(p, p))
def point(data):
    sign, y = data[31] >> 7, int.from_bytes(data, "little") & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = next((x for x in (pow(square, (P + 3) // 8, P) * i % P for i in (1, pow(2, (P - 1) // 4, P))) if x * x % P == square), None)
    need(len(data) == 32 and y < P and x is not None and (x or not sign), "it is no point of the curve")
    return (x := x if x & 1 == sign else P - x, y, 1, x * y % P)
def check_signature(key, text, signature):
    s, h = int.from_bytes(signature[32:], "little"), int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    p, q = times(s % L, point(b"\x58" + b"\x66" * 31)), add(point(signature[:32]), times(h, point(key)))
    need(s < L and (p[0] * q[2] - q[0] * p[2]) % P == 0 == (p[1] * q[2] - q[1] * p[2]) % P, "the signature does not hold")
# The Merkle tree of RFC 6962. A frontier is a list of (level, hash), the largest subtree first.
def node(left, right): return sha(b"\1", left, right)
def pushed(frontier, level, top):
    return pushed(frontier[:-1], level + 1, node(frontier[-1][1], top)) if frontier and frontier[-1][0] == level else [*frontier, (level, top)]
def root_of(frontier): return functools.reduce(lambda right, left: node(left[1], right), frontier[-2::-1], frontier[-1][1])
def path(m, n, leaf, proof):  # The root over n leaves that a proof for leaf m leads to. A proof's last element belongs to the top.
    if n == 1: return leaf
    e, k = proof.pop(), 1 << (n - 1).bit_length() - 1
    return node(path(m, k, leaf, proof), e) if m < k else node(e, path(m - k, n - k, leaf, proof))
def both(m, n, old, proof):  # The roots over m and over n leaves; old is that over m, for as long as the m are a whole tree.
    if m == n: return [old or proof.pop()] * 2
    e, k = proof.pop(), 1 << (n - 1).bit_length() - 1
    a, b = both(m, k, old, proof) if m <= k else both(m - k, n - k, None, proof)
    return [a, node(b, e)] if m <= k else [node(e, a), node(e, b)]
UUID, H, N, SUM, TEXT = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[0-9a-f]{64}", "[1-9][0-9]*", "(?:0|-?[1-9][0-9]*)", r'"(?:[^"\\]|\\.)*"'
BASE64 = "[A-Za-z0-9+/]{%d}[AEIMQUYcgkosw048]="
NOTE = re.compile(rf"((chainbridge/ledger/({UUID}))\n({N})\n({BASE64 % 42})\nhead ({H})\ntime (\S{{24}})\nkey (\S{{32}})\n)\n— \2 ({BASE64 % 90})\n")
HEADER = rf'{{"chainbridge_export":1,"ledger_id":"{UUID}","first":"{N}","last":"{N}","prev_hash":"{H}","frontier":\[(?:"{H}",?)*\],"details":(?:true|false),"public_key":(?:null|"{H}")}}'
EVENT = re.compile(rf'({{"ledger_id":"{UUID}","position":"{N}","type":"\w+","version":1,"operation_id":(?:null,"sequence":null|{TEXT},"sequence":[0-9]+),'
    rf'"account_id":(?:null,"amount":null,"balance_after":null|"{N}","amount":"{SUM}","balance_after":"{SUM}"),"occurred_at":"\S{{24}}","recorded_at":"\S{{24}}",'
    rf'"causation":{TEXT}),"data":(.*?),"details":(.*),"salt":(?:null|"([0-9a-f]{{32}})"),"details_hash":(?:null|"({H})"),"prev_hash":"({H})","hash":"({H})"}}')
def open_note(note, keys):
    need(found := NOTE.fullmatch(note), "it is no signed checkpoint")
    text, origin, ledger, size, root, head, time, key_id, last = found.groups()
    need(key := next((k for k in keys if sha(k)[:16].hex() == key_id), None), f"the key {key_id} is none of the given ones")
    need(is_time(time) and base64.b64decode(last)[:4] == sha(origin.encode(), b"\n\1", key)[:4], "it is not written as a note is")
    check_signature(key, text.encode(), base64.b64decode(last)[4:])
    return ledger, int(size), base64.b64decode(root), bytes.fromhex(head)
def read_event(s, line):
    need(found := EVENT.fullmatch(line), "it is not written as an event is")
    text, data, details, *hexes = found.groups()
    head, (salt, details_hash, prev_hash, own_hash) = json.loads(text + "}"), (h and bytes.fromhex(h) for h in hexes)
    need(compact(head)[:-1] == text and is_time(head["occurred_at"]) and is_time(head["recorded_at"]), "it is not written as an event is")
    fields = [None if f is None else str(f).encode() for f in ["chainbridge-event-1", *head.values(), data]] + [details_hash]
    code = b"".join(b"\xff" * 4 if f is None else len(f).to_bytes(4, "big") + f for f in fields)
    need(head["ledger_id"] == s.header["ledger_id"] and prev_hash == s.hash, "it does not go on from the event before it")
    need(own_hash == sha(prev_hash, code) and head["position"] == str(s.size + 1), "its content does not give its hash")
    need(head["recorded_at"] >= s.recorded_at, "it was recorded before the event before it")
    is_right = not salt or s.header["details"] and sha(salt, details.encode()) == details_hash
    need((parse(details) is None) == (salt is None) and is_right, "its details do not give their hash, or it has a salt and none")
    if s.header["details"] and details_hash and not salt: s.bare.add(s.size + 1)
    s.hash, s.recorded_at = own_hash, head["recorded_at"]
    return head, parse(data)
KINDS = """AccountOpened AdjustmentRecorded AdjustmentReversed HoldCaptured HoldPlaced HoldReleased HoldExpired DepositObserved WithdrawalObserved
    SettlementDiscarded SettlementSealed SettlementNetted DetailsRedacted SettlementConfirmed SettlementDeferred SettlementDissolved CheckpointAnchored ConfirmationRevoked SettlementCancelled""".split()
def replay(s, position, head, d):
    kind, account, amount, locked = KINDS.index(head["type"]), int(head["account_id"] or 0), int(head["amount"] or 0), 0
    need(account or kind > 9, "it has no account")
    for p in d["positions"] if kind == 12 else []:
        is_there = s.header["details"] and int(s.header["first"]) <= p not in s.bare
        need(p < position and not is_there and p not in s.redacted, f"the details of event {p} are there, or were erased before")
        s.redacted.add(p)
    if s.header["first"] != "1": return  # What was before it is not known.
    if kind == 0: need(account == len(s.accounts) + 1 == s.owners.setdefault((d["user_id"], d["chain_id"], d["token_address"]), account) and s.accounts.setdefault(account, [0, 0, 0]), "it is opened out of turn, or its owner has another one")
    if kind in (2, 9): need((taken := [s.changes.pop(p, None) or s.changes.pop(-p * (kind == 9), (0, 0)) for p in d.get("positions") or [d["reversed_position"]]])
        and ({t[0] for t in taken}, sum(t[1] for t in taken)) == ({account}, -amount), "it is no opposite of a change, or its second one")
    if kind in (1, 2, 3): s.changes[-position if kind == 2 else position] = account, amount  # What reverses can be discarded, and not reversed.
    if kind == 4: need((locked := int(d["amount"])) > 0, "it holds nothing") or s.holds.update({position: (account, locked, d["expires_at"])})
    if kind in (3, 5, 6):
        hold, taken, locked = s.holds.pop(d["hold_position"], (0, 0, "")), int(d.get("captured", 0)), -int(d.get("captured", 0)) - int(d["released"])
        need((*hold[:2], head["occurred_at"] >= hold[2], amount, taken > 0) == (account, -locked, kind == 6, -taken, kind == 3) and int(d["released"]) >= 0, "it ends no hold rightly")
    if "log_index" in d:  # A confirmation: no other one may say the same while it stands, and a revocation takes back what it said.
        key, moved = (d["chain_id"], d["block_hash"], d["log_index"], account), [{"account_id": account, "settled": "0", "amount": str(amount)}] if account else []
        need(s.confirmed.get(key) not in s.standing, "it is confirmed already")
        s.confirmed[key], s.standing[position] = position, [head["type"], *key[:2], d["block_number"], d.get("batch_sequence"), d["accounts"] if kind == 13 else moved]
    if kind == 17: need([d[name] for name in "revoked_type chain_id block_hash block_number batch_sequence accounts".split()] == s.standing.pop(d["revoked_position"], None), "it takes back something else, or nothing")
    way, moves = {13: 1, 17: -1}.get(kind), [(account, amount, amount * (kind in (7, 8)), locked)] * (kind < 10)
    if way: moves = [(e["account_id"], way * (int(e["amount"]) - int(e["settled"])), way * int(e["amount"]), 0) for e in d["accounts"]]
    for who, *by in moves: s.accounts[who] = [a + b for a, b in zip(s.accounts[who], by)]
    is_own = not account or ({m[0] for m in moves}, sum(m[1] for m in moves)) == ({account}, amount * (kind not in (0, 4)))
    need(is_own and (not account or s.accounts[account][0] == int(head["balance_after"])), "its balance_after is another one, or what it moves")
def said(s): return s.header["ledger_id"], s.size, root_of(s.frontier), s.hash
def check_line(s, raw):
    need(raw.endswith(b"\n") and not s.is_over, "it is cut off, or stands behind the last line")
    line, h = raw[:-1].decode(), s.header
    if h is None:
        need(re.fullmatch(HEADER, line), "it is no header")
        s.header = h = json.loads(line)
        s.size, s.hash, s.key = int(h["first"]) - 1, bytes.fromhex(h["prev_hash"]), h["public_key"] and bytes.fromhex(h["public_key"])
        s.frontier = list(zip([i for i in range(63, -1, -1) if s.size >> i & 1], map(bytes.fromhex, h["frontier"])))
        need(s.size < int(h["last"]) and bin(s.size).count("1") == len(h["frontier"]) and (s.size or not any(s.hash)), "it begins nowhere")
    elif line.startswith('{"checkpoint":'):
        c, before, s.checkpoint = json.loads(line)["checkpoint"], s.checkpoint, s.size
        note, key = c["note"], bytes.fromhex(c["public_key"])
        need(compact({"checkpoint": {"public_key": key.hex(), "note": note}}) == line and key in (s.keys or [key]), "it is no checkpoint of a given key")
        need(open_note(note, [key]) == said(s) and before < s.size, "it does not say what the events give, or is there twice")
    elif line.startswith('{"chainbridge_export_end":1,'):
        s.is_over, (text, _, signature) = True, line[:-1].rpartition(',"signature":')
        end = dict(events=str(s.size - int(h["first"]) + 1), position=h["last"], hash=s.hash.hex(), root=root_of(s.frontier).hex(), sha256=s.digest.hexdigest())
        need(str(s.size) == h["last"] and text + "}" == compact({"chainbridge_export_end": 1, **end}) and line[-1] == "}", "it does not say what is before it")
        need(signature == "null" if s.key is None else re.fullmatch('"[0-9a-f]{128}"', signature) and s.key in (s.keys or [s.key]), "nobody known signed it")
        if s.key: check_signature(s.key, text.encode(), bytes.fromhex(signature[1:-1]))
    else:
        replay(s, s.size + 1, *read_event(s, line))
        s.frontier, s.size = pushed(s.frontier, 0, sha(b"\0", s.hash)), s.size + 1
    if s.size in s.seen: s.seen[s.size] = said(s)
    s.digest.update(raw)
def check_proof(data, s):
    sides = [open_note(c["note"], s.keys or [bytes.fromhex(c["public_key"])]) for c in (data.get("from"), data.get("checkpoint", data.get("to"))) if c]
    need(all(side[0] == s.header["ledger_id"] and s.seen[side[1]] in (None, side) for side in sides), "the file has another root, or is of another ledger")
    proof, (_, size, root, _) = [bytes.fromhex(e) for e in data["proof"]], sides[-1]
    if "from" in data: found = both(sides[0][1], size, sides[0][2], proof) == [sides[0][2], root]
    else:
        position, leaf = int(data["position"]), bytes.fromhex(data["hash"])
        found = 0 < position <= size and (s.seen[position] or (0, 0, 0, leaf))[3] == leaf and path(position - 1, size, sha(b"\0", leaf), proof) == root
    need(found and not proof, "it does not lead to the root")
    s.beyond += any(s.seen[side[1]] is None for side in sides)
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file")
for option in ("--public-key", "--checkpoint", "--proof"): parser.add_argument(option, action="append", default=[])
options, where, read = parser.parse_args(), "", lambda path: open(path, encoding="utf-8", newline="").read()
try:
    notes, answers = {path: read(path) for path in options.checkpoint}, {path: json.loads(read(path)) for path in options.proof}
    wanted = [n.split("\n")[1] for n in notes.values()] + re.findall(r'"(?:position|tree_size)": "(\d+)"', json.dumps(list(answers.values())))
    s = argparse.Namespace(keys=[bytes.fromhex(key) for key in options.public_key], seen=dict.fromkeys(map(int, wanted)), digest=hashlib.sha256(),
        header=None, is_over=False, recorded_at="", checkpoint=0, beyond=0, accounts={}, owners={}, holds={}, changes={}, confirmed={}, standing={}, bare=set(), redacted=set())
    for number, raw in enumerate(open(options.file, "rb"), 1):
        where = f", line {number}"
        check_line(s, raw)
    need(s.is_over and (s.key or notes), "it is cut off, or nobody signed it")
    for where, n in notes.items(): need(open_note(n, s.keys or [s.key or b""]) == s.seen[int(n.split("\n")[1])], ": the file does not give it")
    for where, answer in answers.items(): check_proof(answer.get("data", answer), s)
except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
    sys.exit(f"FAILED {options.file}{where}: {error}")
print(f"ok {options.file}: {len(s.accounts)} accounts, last event {s.size}, root {root_of(s.frontier).hex()}, details erased: {len(s.bare)}, "
    f"{len(s.bare - s.redacted)} of them later; proofs that hold: {len(answers)}, {s.beyond} of them beyond the file")
