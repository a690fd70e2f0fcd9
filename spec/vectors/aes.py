"""AES-256 (FIPS 197) in CBC and GCM (NIST SP 800-38A, 38D), on the standard library alone. Slow, and for vectors only."""


def gf(a, b):
    product = 0
    for bit in range(8):
        product ^= (a << bit) * (b >> bit & 1)
    for bit in range(14, 7, -1):
        product ^= (0x11B << (bit - 8)) * (product >> bit & 1)
    return product


def s_box():
    box = []
    for value in range(256):
        inverse = next((other for other in range(256) if gf(value, other) == 1), 0)
        doubled = inverse | inverse << 8
        turned = inverse ^ doubled >> 4 ^ doubled >> 5 ^ doubled >> 6 ^ doubled >> 7
        box.append((turned ^ 0x63) & 0xFF)
    return box


S = s_box()
TIMES_2 = [gf(value, 2) for value in range(256)]
SHIFTED = [0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def round_keys(key):
    words, constant = [key[at : at + 4] for at in range(0, 32, 4)], 1
    for at in range(8, 60):
        word = words[at - 1]
        if at % 8 == 0:
            word = xor(bytes(S[b] for b in word[1:] + word[:1]), bytes([constant, 0, 0, 0]))
            constant = gf(constant, 2)
        elif at % 8 == 4:
            word = bytes(S[b] for b in word)
        words.append(xor(words[at - 8], word))
    return [b"".join(words[at : at + 4]) for at in range(0, 60, 4)]


def mixed(column):
    whole = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(column[at] ^ whole ^ TIMES_2[column[at] ^ column[(at + 1) % 4]] for at in range(4))


def encrypt_block(keys, block):
    block = xor(block, keys[0])
    for key in keys[1:]:
        block = bytes(S[block[at]] for at in SHIFTED)
        if key is not keys[-1]:
            block = b"".join(mixed(block[at : at + 4]) for at in range(0, 16, 4))
        block = xor(block, key)
    return block


def cbc(key, iv, plain):
    """Encrypts whole blocks; what pads them is the caller's."""
    assert len(plain) % 16 == 0
    keys, done = round_keys(key), [iv]
    for at in range(0, len(plain), 16):
        done.append(encrypt_block(keys, xor(done[-1], plain[at : at + 16])))
    return b"".join(done[1:])


def times_h(h, x):
    product = 0
    for bit in range(127, -1, -1):
        product ^= h * (x >> bit & 1)
        h = h >> 1 ^ (0xE1 << 120) * (h & 1)
    return product


def gcm(key, nonce, plain):
    """Ciphertext and tag, without associated data."""
    keys = round_keys(key)
    count = lambda number: encrypt_block(keys, nonce + number.to_bytes(4, "big"))
    cipher = b"".join(xor(plain[at : at + 16], count(2 + at // 16)) for at in range(0, len(plain), 16))
    h, tag = int.from_bytes(encrypt_block(keys, bytes(16)), "big"), 0
    padded = cipher + bytes(-len(cipher) % 16) + (8 * len(cipher)).to_bytes(16, "big")
    for at in range(0, len(padded), 16):
        tag = times_h(h, tag ^ int.from_bytes(padded[at : at + 16], "big"))
    return cipher + xor(tag.to_bytes(16, "big"), count(1))


# FIPS 197 C.3, and the GCM specification's test cases 13 and 14.
assert encrypt_block(round_keys(bytes(range(32))), bytes(17 * n for n in range(16))).hex() == "8ea2b7ca516745bfeafc49904b496089"
assert gcm(bytes(32), bytes(12), b"").hex() == "530f8afbc74536b9a963b4f1c4cb738b"
assert gcm(bytes(32), bytes(12), bytes(16)).hex() == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
