#!/usr/bin/env python3
"""Seals and opens as spec/sealing.md says, with the package `cryptography`. Shares no code with Stagedoor.

    sealing.py                      writes sealing.json beside this file
    sealing.py --check              exits 1 if sealing.json is not what this writes
    sealing.py --open FILE KEY      prints every secret of a database, as a line of JSON each; KEY is the master key's file
"""

import base64
import hashlib
import json
import pathlib
import sqlite3
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = pathlib.Path(__file__).resolve().parent
# Table, column, and the column of the row's id.
COLUMNS = [("keys", "secret", "kid"), ("audit_keys", "secret", "kid")]
HEAD = b"sealed\x01"


def associated(*parts):
    parts = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def master_id(master):
    return hashlib.sha256(b"stagedoor master key id\x01" + master).digest()[:8]


def wrap(data_key, data_id, master, nonce):
    aad = associated("stagedoor data key", data_id, master_id(master))
    return b"\x01" + nonce + AESGCM(master).encrypt(nonce, data_key, aad)


def unwrap(wrapped, data_id, master):
    assert wrapped[:1] == b"\x01", "another version"
    aad = associated("stagedoor data key", data_id, master_id(master))
    return AESGCM(master).decrypt(wrapped[1:13], wrapped[13:], aad)


def place(table, column, row, data_id):
    return associated("stagedoor sealed", table, column, row, data_id)


def seal(secret, data_key, data_id, nonce, table, column, row):
    aad = place(table, column, row, data_id)
    return HEAD + data_id + nonce + AESGCM(data_key).encrypt(nonce, secret, aad)


def open_sealed(sealed, data_keys, table, column, row):
    assert sealed[:7] == HEAD, "in clear, or another version"
    data_id, nonce, text = sealed[7:15], sealed[15:27], sealed[27:]
    return AESGCM(data_keys[data_id]).decrypt(nonce, text, place(table, column, row, data_id))


def vectors():
    master, data_key, data_id = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 72))
    wrapped = wrap(data_key, data_id, master, bytes(range(80, 92)))
    assert unwrap(wrapped, data_id, master) == data_key
    cases = []
    for number, (secret, table, column, row) in enumerate([
        (bytes([0xFB]) * 32, "keys", "secret", "k_interop-1"),
        (b"a", "keys", "secret", ""),
        ("änna \U0001f3ad".encode() * 9, "some_table", "a", "-9223372036854775808"),
    ]):
        nonce = bytes(range(100 + number, 112 + number))
        sealed = seal(secret, data_key, data_id, nonce, table, column, row)
        assert open_sealed(sealed, {data_id: data_key}, table, column, row) == secret
        cases.append({
            "secret": secret.hex(), "table": table, "column": column, "row": row, "nonce": nonce.hex(),
            "sealed": sealed.hex(),
        })
    return {
        "master_key": master.hex(), "master_key_id": master_id(master).hex(), "data_key": data_key.hex(),
        "data_key_id": data_id.hex(), "wrap_nonce": bytes(range(80, 92)).hex(), "wrapped": wrapped.hex(), "cases": cases,
    }


def secrets(file, master):
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    rows = database.execute("SELECT id, wrapped FROM data_keys WHERE master_id = ?", (master_id(master),))
    data_keys = {data_id: unwrap(wrapped, data_id, master) for data_id, wrapped in rows}
    for table, column, row in COLUMNS:
        query = f"SELECT CAST({row} AS TEXT), {column} FROM {table} WHERE length({column}) > 0 ORDER BY 1"
        for name, sealed in database.execute(query):
            secret = open_sealed(sealed, data_keys, table, column, name)
            text = base64.urlsafe_b64encode(secret).decode().rstrip("=")
            yield {"table": table, "column": column, "row": name, "secret": text}


def main(arguments):
    written = HERE / "sealing.json"
    text = json.dumps(vectors(), indent=2) + "\n"
    if arguments[:1] == ["--open"]:
        for secret in secrets(arguments[1], pathlib.Path(arguments[2]).read_bytes()):
            print(json.dumps(secret))
    elif arguments == ["--check"]:
        return 0 if written.read_text() == text else 1
    else:
        written.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
