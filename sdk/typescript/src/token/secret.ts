// A key's secret as text (spec/credentials.md): raw in base64url, or with check digits.

import { decode, utf8 } from "./base64url.ts";

/** CRC-32 (ISO 3309). */
function crc32(text: string): number {
  let crc = -1;
  for (const byte of utf8(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 && 0xedb88320);
  }
  return ~crc >>> 0;
}

/** The number that digits of base62 write. */
function base62(digits: string): bigint {
  let number = 0n;
  for (const digit of digits) {
    // The upper case comes before the lower, which `parseInt` does not tell apart.
    const value = parseInt(digit, 36) + (digit >= "a" ? 26 : 0);
    number = number * 62n + BigInt(value);
  }
  return number;
}

/** The bytes of a secret; `undefined` where the text is none, or its check is wrong. */
export function secretOf(text: string): Uint8Array<ArrayBuffer> | undefined {
  const [, before, digits, check] = /^(sdsec_([0-9A-Za-z]{43}))([0-9A-Za-z]{6})$/.exec(text) ?? [];
  if (!before || !digits || !check) return decode(text);
  const number = base62(digits);
  if (base62(check) !== BigInt(crc32(before)) || number >> 256n) return undefined;
  const hex = number.toString(16).padStart(64, "0");
  return Uint8Array.from(hex.match(/../g) ?? [], byte => parseInt(byte, 16));
}
