"""Payloads of audio and video frames, as spec/media.md says: the bytes are put together here, and what they give is written
down by hand."""

STAMP = 0x000661369BC87D80
STAMP_HEX = "10c00661369bc87d80"


def integer(value, size=None):
    """RFC 9000 §16, in the shortest form unless a size is given."""
    sizes = {1: (0x00, 6), 2: (0x40, 14), 4: (0x80, 30), 8: (0xC0, 62)}
    size = size or next(size for size, (_, bits) in sizes.items() if value < 1 << bits)
    first, bits = sizes[size]
    assert value < 1 << bits
    raw = bytearray(value.to_bytes(size, "big"))
    raw[0] |= first
    return bytes(raw)


def block(properties, length=None):
    return integer(len(properties) if length is None else length) + properties


def bad(name, payload, error):
    return {"name": name, "hex": payload.hex(), "error": error}


def good(name, payload, timestamp, data=b"", **more):
    read = {"timestamp_us": timestamp, "audio_level": None, "video_config": None, "audio_config": None, "data": data.hex()}
    return {"name": name, "hex": payload.hex(), "read": read | more}


def media_cases():
    stamp = bytes.fromhex(STAMP_HEX)
    small = integer(0x10) + integer(5)
    yield good("a timestamp alone, as in the text", bytes.fromhex("0910c00661369bc87d80"), STAMP)
    yield good("a timestamp and data", block(stamp) + b"\x01\x02\x03", STAMP, b"\x01\x02\x03")
    yield good("a timestamp of zero", block(integer(0x10) + integer(0)), 0)
    yield good("the largest timestamp", block(integer(0x10) + integer((1 << 62) - 1)), (1 << 62) - 1)
    yield good("integers in longer forms", integer(12, 4) + integer(0x10, 4) + integer(5, 8) + b"x", 5, b"x")
    yield good("an audio level with voice", block(integer(0x0C) + integer(0xA0) + integer(4) + integer(5)) + b"x", 5, b"x", audio_level={"voice": True, "level": 32})
    yield good("the loudest level without voice", block(integer(0x0C) + integer(0) + integer(4) + integer(5)), 5, audio_level={"voice": False, "level": 0})
    yield good("silence", block(integer(0x0C) + integer(127) + integer(4) + integer(5)), 5, audio_level={"voice": False, "level": 127})
    yield good("a video config", block(integer(0x0D) + integer(3) + b"\x01\x64\x00" + integer(3) + integer(5)) + b"key", 5, b"key", video_config="016400")
    yield good("an audio config", block(integer(0x0F) + integer(2) + b"\x12\x10" + integer(1) + integer(5)), 5, audio_config="1210")
    yield good("an empty config", block(integer(0x0D) + integer(0) + integer(3) + integer(5)), 5, video_config="")
    everything = integer(0x0C) + integer(0x85) + integer(1) + integer(1) + b"v" + integer(2) + integer(1) + b"a" + integer(1) + integer(5)
    yield good("every property", block(everything) + b"x", 5, b"x", audio_level={"voice": True, "level": 5}, video_config="76", audio_config="61")
    yield good("unknown properties before, between and after", block(integer(0) + integer(9) + integer(0x0D) + integer(1) + b"v" + integer(1) + integer(7) + integer(2) + integer(5) + integer(0x31) + integer(2) + b"zz"), 5, video_config="76")
    yield good("an unknown property of the largest id", block(small + integer((1 << 62) - 1 - 0x10) + integer(0)), 5)
    yield good("a config longer than 63 bytes", block(integer(0x0D) + integer(70) + b"c" * 70 + integer(3) + integer(5)), 5, video_config="63" * 70)

    yield bad("nothing at all", b"", "cut_short")
    yield bad("half a length", b"\x40", "cut_short")
    yield bad("a block that is shorter than its length", block(stamp)[:-1], "cut_short")
    yield bad("a length beyond all bytes", integer((1 << 62) - 1) + stamp, "cut_short")
    yield bad("an id without a value", block(integer(0x10)) + b"\x05", "cut_short")
    yield bad("a value that ends behind the block", block(stamp, 5) + b"data", "cut_short")
    yield bad("a config that ends behind the block", block(integer(0x0D) + integer(9) + b"v") + b"datadata", "cut_short")
    yield bad("a config beyond all bytes", block(integer(0x0D) + integer((1 << 62) - 1)) + b"data", "cut_short")
    yield bad("a config without a length", block(small + integer(0x21)), "cut_short")
    yield bad("half an id", block(small + b"\x80\x00"), "cut_short")
    yield bad("an empty block", block(b"") + b"data", "timestamp_missing")
    yield bad("a block without a timestamp", block(integer(0x0D) + integer(1) + b"v") + b"data", "timestamp_missing")
    yield bad("a timestamp under another id", block(integer(0x12) + integer(5)), "timestamp_missing")
    yield bad("a timestamp twice", block(small + integer(0) + integer(6)), "order_invalid")
    yield bad("an unknown property twice", block(small + integer(0x21) + integer(0) + integer(0) + integer(0)), "order_invalid")
    yield bad("an id above the largest", block(small + integer((1 << 62) - 0x10) + integer(0)), "order_invalid")
    yield bad("an audio level above 255", block(integer(0x0C) + integer(256) + integer(4) + integer(5)), "level_invalid")
    yield bad("an audio level above 255, and no timestamp", block(integer(0x0C) + integer(256)), "level_invalid")
