"""Cases of the audit trail: the canonical form, links and checkpoints, and exports with every fault."""

import base64
import copy
import hashlib

from audit_verify import canonical, checkpoint_bytes, excerpt_bytes, link_hash
from ed25519 import public, sign
from signing import b64

CHAIN = hashlib.sha256(b"stagedoor vector chain").hexdigest()[:32]
SEEDS = {name: hashlib.sha256(b"stagedoor vector audit key " + name.encode()).digest() for name in ("first", "second")}
AT_MS = 1_790_000_000_000


def jwk(name):
    x = b64(public(SEEDS[name]))
    kid = b64(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"}


KEYS = {name: jwk(name) for name in SEEDS}

# --- Records ----------------------------------------------------------------------------------------------

FULL = {
    "id": 7, "at_ms": AT_MS, "app": 4_294_967_295, "app_since_ms": 1_700_000_000_000, "kind": "token.mint", "code": "ok",
    "count": 3, "actor": "k_1", "actor_kind": "api_key", "room": "lobby", "user": "änna", "role": "speaker", "jti": "t-1",
    "peer": "192.0.2.1:4000", "request_id": "r_1", "detail": "kid=k1",
}


def record(number, **change):
    plain = {"id": number, "at_ms": AT_MS + number, "kind": "door", "code": "ok", "user": f"user {number}"}
    return {"type": "record"} | plain | change


def form_cases():
    for name, change in [
        ("every field", FULL),
        ("only what every record has", {"id": 1, "at_ms": 0, "kind": "door", "code": "ok"}),
        ("a count of one is the same as none", {"id": 1, "at_ms": 0, "kind": "door", "code": "ok", "count": 1}),
        ("an empty text is not an absent one", {"id": 1, "at_ms": 0, "kind": "door", "code": "ok", "user": ""}),
        ("the same text in another field", {"id": 1, "at_ms": 0, "kind": "door", "code": "ok", "role": ""}),
        ("numbers at their ends", {"id": 1, "at_ms": -1, "app": 0, "app_since_ms": 2**63 - 1, "kind": "", "code": ""}),
    ]:
        yield {"name": name, "record": change, "canonical": canonical(change).hex()}


# --- Trails -----------------------------------------------------------------------------------------------


def link(previous, records, first=None, last=None, at_ms=AT_MS + 1_000):
    first = records[0]["id"] if records else first
    last = records[-1]["id"] if records else last
    made = {"type": "link", "version": 1, "first": first, "last": last, "at_ms": at_ms, "previous": previous}
    return made | {"link": link_hash(made, [canonical(r) for r in records])}


def checkpoint(of, key="first", chain=CHAIN, at_ms=AT_MS + 2_000):
    made = {"chain": chain, "last": of["last"], "link": of["link"], "at_ms": at_ms, "kid": KEYS[key]["kid"]}
    return made | {"signature": b64(sign(SEEDS[key], checkpoint_bytes(made)))}


class Trail:
    """A trail that is written as the server writes it."""

    def __init__(self, start=0, sizes=(3, 3, 3, 3)):
        self.lines, self.start = [], start
        self.head = link(CHAIN + "0" * 32, [], start + 1, start)
        self.lines.append(self.head)
        for size in sizes:
            self.add(size)

    def add(self, size, **change):
        first = self.head["last"] + 1
        records = [record(first + n, **change) for n in range(size)]
        self.head = link(self.head["link"], records)
        self.lines += [self.head, *records]
        return self

    def checkpoint(self, key="first"):
        self.lines.append({"type": "checkpoint"} | checkpoint(self.head, key))
        return self

    def prune(self, through):
        """Takes the oldest transactions, after a checkpoint, and records that."""
        self.checkpoint()
        last = next(l for l in self.lines if l["type"] == "link" and l["last"] == through)
        taken = [l for l in self.lines if l["type"] == "record" and l["id"] <= through]
        gone = [l for l in self.lines if l["type"] == "link" and l["last"] <= through]
        self.lines = [l for l in self.lines if l not in taken and l not in gone]
        detail = f"records={len(taken)} through={through} link={last['link']}"
        return self.add(1, kind="audit.prune", actor="system", actor_kind="system", user=None, detail=detail)

    def export(self, key="first"):
        begin = {"type": "trail", "version": 1, "chain": CHAIN, "start": self.start, "keys": list(KEYS.values())}
        records = sum(line["type"] == "record" for line in self.lines)
        end = {"type": "end", "records": records, "checkpoint": checkpoint(self.head, key)}
        # An absent field is left out.
        lines = [{name: value for name, value in line.items() if value is not None} for line in self.lines]
        return copy.deepcopy([begin, *lines, end])


def at(lines, kind, number):
    """The place of a record, or of the link that ends with it."""
    name = {"record": "id", "link": "last"}[kind]
    return next(n for n, line in enumerate(lines) if line["type"] == kind and line[name] == number)


def changed(change, trail=None):
    lines = (trail or Trail().checkpoint()).export()
    return change(lines) or lines


def set_in(kind, number, /, **change):
    return lambda lines: lines[at(lines, kind, number)].update(change)


def drop(*places):
    def dropped(lines):
        for kind, number in places:
            del lines[at(lines, kind, number)]
    return dropped


def swap(a, b, whole=False):
    def swapped(lines):
        a_at, b_at = at(lines, "record", a), at(lines, "record", b)
        lines[a_at], lines[b_at] = lines[b_at], lines[a_at]
        if whole:
            lines[a_at]["id"], lines[b_at]["id"] = a, b
    return swapped


def forged(lines):
    """A record altered, and every hash after it made good, as whoever holds the database can."""
    lines[at(lines, "record", 5)]["user"] = "mallory"
    previous = None
    for place, line in enumerate(lines):
        if line["type"] == "link":
            line["previous"] = previous or line["previous"]
            records = [l for l in lines if l["type"] == "record" and line["first"] <= l["id"] <= line["last"]]
            line["link"] = previous = link_hash(line, [canonical(r) for r in records])


def repaired(lines):
    """The same, as far as the link of the record itself."""
    lines[at(lines, "record", 5)]["user"] = "mallory"
    line = lines[at(lines, "link", 6)]
    line["link"] = link_hash(line, [canonical(l) for l in lines if l["type"] == "record" and 4 <= l["id"] <= 6])


def cut_to(last, ended=True):
    def cut(lines):
        kept = [l for l in lines[:-1] if l.get("id", l.get("last", 0)) <= last]
        return kept + ([lines[-1]] if ended else [])
    return cut


def fork():
    """A backup from before record 7 was restored, and the server went on."""
    return Trail(sizes=(3, 3)).add(4, code="another")


def trail_cases():
    kept = checkpoint(Trail(sizes=(3, 3, 3)).head)
    whole = [
        ("a trail", Trail().export()),
        ("a trail with checkpoints by both keys", Trail().checkpoint().add(2).checkpoint("second").export("second")),
        ("a chain that begins after older records", [Trail(2).export()[0], record(1), record(2), *Trail(2).export()[1:]]),
        ("a trail without records", Trail(sizes=()).export()),
        ("a pruned trail", Trail().prune(6).export()),
        ("a trail pruned twice", Trail().prune(3).prune(6).export()),
        ("a trail with a gap of dropped events", Trail().add(1, kind="events.dropped", code="dropped", count=42).export()),
    ]
    for name, lines in whole:
        yield {"name": name, "lines": lines, "faults": []}
    yield {"name": "a trail and a kept checkpoint", "known": [kept], "lines": Trail().export(), "faults": []}
    one, tail = [["altered", "records", 4, 6]], Trail().export()[-1]["checkpoint"]
    for field, value in FULL.items():
        if field != "id":
            made = Trail(sizes=(3,)).add(3, **{k: v for k, v in FULL.items() if k not in ("id", "at_ms")})
            value = value + 1 if isinstance(value, int) else value + "x"
            yield {"name": f"altered {field}", "lines": changed(set_in("record", 5, **{field: value}), made), "faults": one}
    for name, change, faults, *known in [
        ("a field emptied", set_in("record", 5, user=""), one),
        ("a removed record", drop(("record", 5)), [["missing", "records", 5, 5]]),
        ("three removed records of two links", drop(("record", 5), ("record", 6), ("record", 7)), [["missing", "records", 5, 7]]),
        ("a doubled record", lambda lines: lines.insert(at(lines, "record", 5), lines[at(lines, "record", 5)]), [["added", "records", 5, 5]]),
        ("two lines exchanged", swap(5, 6), [["reordered", "records", 5, 5]]),
        ("two lines of two links exchanged", swap(6, 7), [["reordered", "records", 6, 7]]),
        ("two records of one link exchanged", swap(4, 6, True), [["reordered", "records", 4, 6]]),
        ("two records of two links exchanged", swap(6, 7, True), [["altered", "records", 4, 6], ["altered", "records", 7, 9]]),
        ("a removed link", drop(("link", 6)), [["missing", "links", 4, 6]]),
        ("a removed link with its records", drop(("link", 6), ("record", 4), ("record", 5), ("record", 6)), [["missing", "links", 4, 6]]),
        ("the first link removed", drop(("link", 0)), [["missing", "links", 0, 0]]),
        ("the oldest records removed", drop(("link", 0), ("link", 3), ("record", 1), ("record", 2), ("record", 3)), [["missing", "records", 1, 3]]),
        ("a doubled link", lambda lines: lines.insert(at(lines, "link", 9), lines[at(lines, "link", 6)]), [["added", "links", 4, 6], ["missing", "records", 4, 6]]),
        ("an altered link", set_in("link", 6, link="0" * 64), one),
        ("a link that names another", set_in("link", 6, previous="0" * 64), one),
        ("an altered time of a link", set_in("link", 6, at_ms=0), one),
        ("a record without a link at the end", lambda lines: lines.insert(-1, record(13)), [["missing", "links", 13, 13]]),
        ("an altered record with its link made good", repaired, [["altered", "links", 4, 6]]),
        ("all made good after an altered record", forged, [["forked", "links", 1, 12]]),
        ("an altered checkpoint", lambda lines: lines[-2].update(at_ms=0), [["altered", "checkpoints", 12, 12]]),
        ("a checkpoint of another chain", lambda lines: lines[-2].update(checkpoint(Trail().head, chain="0" * 32)), [["altered", "checkpoints", 12, 12]]),
        ("a checkpoint by an unknown key", lambda lines: lines[0]["keys"].pop(0) and None, [["altered", "checkpoints", 12, 12]]),
        ("an export that breaks off", cut_to(9, ended=False), [["cut", "records", 10, None]]),
        ("an export that lacks its newest transaction", cut_to(9), [["cut", "records", 10, 12]]),
        ("a tail cut off without a trace", lambda lines: Trail(sizes=(3, 3)).export(), [["cut", "records", 7, 9]], kept),
        ("a fork after a restoration", lambda lines: fork().export(), [["forked", "links", 1, 9]], kept),
        ("a fork that a checkpoint before confirms in part", lambda lines: Trail(sizes=(3, 3)).checkpoint().add(4, code="another").export(), [["forked", "links", 7, 9]], kept),
    ]:
        yield {"name": name, **({"known": known} if known else {}), "lines": changed(change), "faults": faults}
    pruned = lambda: Trail().prune(3)
    yield {"name": "more is gone than was pruned", "lines": changed(drop(("link", 6), ("record", 4), ("record", 5), ("record", 6)), pruned()), "faults": [["missing", "records", 4, 6]]}
    detail = next(l["detail"] for l in pruned().lines if l.get("kind") == "audit.prune").replace("link=", "link=0")[:-1]
    yield {"name": "pruning that names another link", "lines": renamed(detail), "faults": [["altered", "links", 3, 3]]}


def renamed(detail):
    trail = Trail().prune(3)
    head = [l for l in trail.lines if l["type"] == "link"][-2]
    trail.lines = trail.lines[:-2]
    trail.head = head
    return trail.add(1, kind="audit.prune", actor="system", actor_kind="system", user=None, detail=detail).export()


# --- Excerpts ---------------------------------------------------------------------------------------------


def excerpt(numbers=(2, 5, 6), key="first"):
    records = [record(n, app=7, app_since_ms=5) for n in numbers]
    head = {"type": "excerpt", "version": 1, "chain": CHAIN, "app": 7, "app_since_ms": 5, "keys": [KEYS["first"]]}
    first, last = (numbers[0], numbers[-1]) if numbers else (0, 0)
    end = {"type": "excerpt_end", "records": len(records), "first": first, "last": last, "at_ms": AT_MS, "kid": KEYS[key]["kid"]}
    end["signature"] = b64(sign(SEEDS[key], excerpt_bytes(head, end, records)))
    return copy.deepcopy([head, *records, end])


def excerpt_cases():
    altered = [["altered", "records", 2, 6]]
    for name, lines, faults in [
        ("an excerpt", excerpt(), []),
        ("an excerpt without records", excerpt(()), []),
        ("an altered record", changed_excerpt(lambda lines: lines[2].update(user="mallory")), altered),
        ("an altered id", changed_excerpt(lambda lines: lines[2].update(id=4)), altered),
        ("a removed record", changed_excerpt(lambda lines: lines.pop(2) and None), [["missing", "records", 2, 6]]),
        ("a doubled record", changed_excerpt(lambda lines: lines.insert(2, lines[2])), [["added", "records", 5, 5]]),
        ("exchanged records", changed_excerpt(lambda lines: lines.__setitem__(slice(2, 4), [lines[3], lines[2]])), [["reordered", "records", 5, 5]]),
        ("an excerpt of another app", changed_excerpt(lambda lines: lines[0].update(app=8)), altered),
        ("an excerpt that breaks off", excerpt()[:-1], [["cut", "records", 7, None]]),
        ("an excerpt by another key", excerpt(key="second"), altered),
    ]:
        yield {"name": name, "lines": lines, "faults": faults}


def changed_excerpt(change):
    lines = excerpt()
    change(lines)
    return lines


def key_cases():
    for name, seed in SEEDS.items():
        of = Trail().head
        made = checkpoint(of, name)
        yield {"name": f"the {name} key", "seed": seed.hex(), "jwk": KEYS[name], "checkpoint": made, "signed": checkpoint_bytes(made).hex()}
