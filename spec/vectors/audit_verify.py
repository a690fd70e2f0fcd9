#!/usr/bin/env python3
"""Verifies an export of the audit trail (spec/audit.md), on Python's standard library alone; shares no code with the server.

    python3 audit_verify.py EXPORT [CHECKPOINT]     prints each fault; exits 1 if there is one
    python3 audit_verify.py --vectors               verifies every case of audit/*.json
"""

import base64, hashlib, json, pathlib, sys
from ed25519 import verify as ed25519

TEXTS = "actor actor_kind room user role jti peer request_id detail".split()
u64 = lambda n: (n & 2**64 - 1).to_bytes(8, "big")
text = lambda t: len(t.encode()).to_bytes(4, "big") + t.encode()
maybe = lambda form, value: b"\0" if value is None else b"\1" + form(value)
unb64 = lambda t: base64.urlsafe_b64decode(t + "=" * (-len(t) % 4))
joined = lambda ids: [[a, b] for a, b in zip(sorted(i for i in ids if i - 1 not in ids), sorted(i for i in ids if i + 1 not in ids))]


def canonical(r):
    head = u64(r["at_ms"]) + maybe(u64, r.get("app")) + maybe(u64, r.get("app_since_ms")) + text(r["kind"]) + text(r["code"])
    return head + u64(r.get("count", 1)) + b"".join(maybe(text, r.get(name)) for name in TEXTS)


def link_hash(l, records):
    head = bytes([l["version"]]) + bytes.fromhex(l["previous"]) + u64(l["first"]) + u64(l["last"]) + u64(l["at_ms"])
    return hashlib.sha256(head + b"".join(records)).hexdigest()


def signed(keys, s, data):
    return s["kid"] in keys and ed25519(keys[s["kid"]], data, unb64(s["signature"]))


def checkpoint_bytes(c):
    return b"stagedoor.audit.checkpoint\1" + bytes.fromhex(c["chain"]) + u64(c["last"]) + bytes.fromhex(c["link"]) + u64(c["at_ms"])


def excerpt_bytes(head, end, records):
    data = hashlib.sha256(b"".join(u64(r["id"]) + canonical(r) for r in records)).digest()
    numbers = head["app"], head["app_since_ms"], len(records), end["first"], end["last"], end["at_ms"]
    return b"stagedoor.audit.excerpt\1" + bytes.fromhex(head["chain"]) + b"".join(map(u64, numbers)) + data


def verify_excerpt(head, lines, keys, faults):
    records, end = [l for l in lines if l["type"] == "record"], [l for l in lines if l["type"] == "excerpt_end"]
    for a, b in zip(records, records[1:]):
        if b["id"] <= a["id"]:
            faults.add(("added" if a["id"] == b["id"] else "reordered", "records", b["id"], b["id"]))
    if not end:
        faults.add(("cut", "records", max([r["id"] for r in records], default=0) + 1, None))
    elif len(records) < end[0]["records"]:
        faults.add(("missing", "records", end[0]["first"], end[0]["last"]))
    elif not faults and not signed(keys, end[0], excerpt_bytes(head, end[0], records)):
        faults.add(("altered", "records", min(records[0]["id"], end[0]["first"]), max(records[-1]["id"], end[0]["last"])))


def verify(lines, known=()):
    """The faults of an export: (what, of what, first id, last id)."""
    head, lines, faults = lines[0], lines[1:], set()
    numbers = lambda k: json.dumps({"crv": k["crv"], "kty": k["kty"], "x": k["x"]}, separators=(",", ":")).encode()
    keys = {base64.urlsafe_b64encode(hashlib.sha256(numbers(k)).digest()).rstrip(b"=").decode(): unb64(k["x"]) for k in head["keys"]}
    if head["type"] == "excerpt":
        verify_excerpt(head, lines, keys, faults)
        return faults
    tail, start, ended, pruned, links, strays, lost, gaps, late, points = None, head["start"], False, None, [], [], set(), set(), [], list(known)
    for line in lines:  # Sorts the lines: each link with the records that follow it.
        if line["type"] == "link":
            links.append((line, {}))
        elif line["type"] == "record":
            pruned = dict(part.split("=") for part in line["detail"].split()) if line["kind"] == "audit.prune" else pruned
            link, taken = links[-1] if links else ({"first": 1, "last": 0}, {})
            if line["id"] <= start and not links:
                continue
            if max([link["first"] - 1, *taken]) < line["id"] <= link["last"]:
                taken[line["id"]] = canonical(line)
            else:
                strays.append(line["id"])
        else:
            ended = line["type"] == "end"
            points.append(line["checkpoint"] if ended else line)
    stood = {}  # Hashes by last id: what a checkpoint may name, and the next link.
    for link, taken in links:
        first, last, ids = link["first"], link["last"], range(link["first"], link["last"] + 1)
        absent, hashed = set(ids) - set(taken), link_hash(link, taken.values())
        sound = not absent and hashed == link["link"]
        lost |= absent
        if not absent and not sound:
            forms = list(taken.values())
            pairs = [(a, b) for a in range(len(forms)) for b in range(a + 1, len(forms)) if len(forms) <= 64]
            swap = lambda a, b: [forms[b if n == a else a if n == b else n] for n in range(len(forms))]
            pair = next((p for p in pairs if link_hash(link, swap(*p)) == link["link"]), None)
            faults.add(("reordered", "records", first + pair[0], first + pair[1]) if pair else ("altered", "records" if forms else "links", first, max(first, last)))
        if tail and first <= tail["last"]:
            late.append((first, last))
            continue
        if tail and first > tail["last"] + 1:
            gaps |= set(range(tail["last"] + 1, first))
        elif tail and link["previous"] not in stood[tail["last"]] and sound and tail["sound"]:
            faults.add(("altered", "links", tail["first"], max(tail["first"], tail["last"])))
        elif not tail and sound and last == start and link["previous"] != head["chain"] + "0" * 32:
            faults.add(("altered", "links", first, first))
        stood[last] = {link["link"]} | ({hashed} if not absent else set())
        tail = link | {"sound": sound}
    end = max([tail["last"] if tail else start, *strays])
    gaps |= set(range((tail["last"] if tail else start) + 1, end + 1))
    opening = links[0][0] if links else None
    if opening and opening["last"] > start:
        through, link = (int(pruned["through"]), pruned.get("link")) if pruned else (start, None)
        stood[opening["first"] - 1] = {opening["previous"]}
        if pruned is None and through + 1 == opening["first"]:
            faults.add(("missing", "links", through, through))
        elif through + 1 < opening["first"]:
            faults.add(("missing", "records", through + 1, opening["first"] - 1))
        elif through + 1 > opening["first"]:
            faults.add(("added", "records", opening["first"], through))
        elif link != opening["previous"]:
            faults.add(("altered", "links", through, through))
    oldest = opening["first"] - 1 if opening else start
    confirmed = oldest
    for point in sorted(points, key=lambda point: point["last"]):
        if point["chain"] != head["chain"] or not signed(keys, point, checkpoint_bytes(point)):
            faults.add(("altered", "checkpoints", point["last"], point["last"]))
        elif point["last"] > end:
            faults = {f for f in faults if f[0] != "cut"} | {("cut", "records", end + 1, point["last"])}
        elif point["link"] in stood.get(point["last"], ()):
            confirmed = point["last"]
        elif point["last"] >= oldest and point["last"] not in gaps:
            faults.add(("forked", "links", min(confirmed + 1, point["last"]), point["last"]))
    if not ended and not any(f[0] == "cut" for f in faults):
        faults.add(("cut", "records", end + 1, None))
    moved = {i for i in strays if i in lost and i not in gaps}
    turned = {i for a, b in late for i in range(a, b + 1) if set(range(a, b + 1)) <= gaps}
    faults |= {("reordered" if set(range(a, b + 1)) <= turned else "added", "links", a, b) for a, b in late}
    for what, of, ids in [("missing", "links", gaps - turned), ("missing", "records", lost - moved), ("reordered", "records", moved), ("added", "records", {i for i in strays if i not in gaps} - moved)]:
        faults |= {(what, of, a, b) for a, b in joined(ids)}
    return faults


def vectors():
    for path in sorted((pathlib.Path(__file__).parent / "audit").glob("*.json")):
        cases = json.loads(path.read_text())["cases"]
        for case in (case for case in cases if "lines" in case):
            found, expected = verify(case["lines"], case.get("known", ())), {tuple(fault) for fault in case["faults"]}
            assert found == expected, f"{path.name}: {case['name']}: {found} instead of {expected}"
        print(f"{path.name}: {len(cases)} cases")


if __name__ == "__main__":
    if sys.argv[1:] == ["--vectors"]:
        sys.exit(vectors())
    export, *known = [[json.loads(line) for line in open(path, encoding="utf-8")] for path in sys.argv[1:3]]
    found = sorted(verify(export, *known), key=lambda fault: fault[2])
    print("\n".join(f"{what}: {of} {a} to {b}" for what, of, a, b in found) or "whole")
    sys.exit(bool(found))
