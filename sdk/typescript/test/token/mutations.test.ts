// 100,000 changed tokens: none is taken, but where its claims are those that the key has signed. Seeded, so that a
// failure comes again.

import { expect, test } from "vitest";
import { Key, Keys, mint, TokenFault, verify } from "../../src/token/index.ts";
import { sign } from "../../src/token/key.ts";

const NOW = 1_790_000_000;
const CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é";

/** Numbers below a bound, the same in every run (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function changed(text: string, below: (max: number) => number): string {
  const at = below(text.length);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  const char = CHARS.charAt(below(CHARS.length));
  switch (below(6)) {
    case 0:
      return before + char + after.slice(1);
    case 1:
      return before + char + after;
    case 2:
      return before + after.slice(1);
    case 3:
      return before + after.slice(below(after.length));
    case 4:
      return before + text.slice(below(text.length));
    default:
      return before.slice(0, -1) + after.charAt(0) + before.slice(-1) + after.slice(1);
  }
}

async function keyOf(state: "current" | "retired" = "current"): Promise<Key> {
  return Key.hs256({ app: 7, kid: "k", secret: new Uint8Array(32).fill(7), state });
}

test("no change of a token is taken", async () => {
  const key = await keyOf();
  const keys = new Keys([key]);
  const claims = { room: "lobby", sub: "ann", role: "host", jti: "t", grants: { set: ["a*"] } };
  const token = await mint(key, claims, { now: NOW });
  const below = seeded(1);
  const codes = new Map<string, number>();
  const visit = async (other: string): Promise<void> => {
    const code = await verify(other, keys, { now: NOW }).then(
      () => "taken",
      (error: unknown) => (error instanceof TokenFault ? error.publicCode : String(error)),
    );
    codes.set(code, (codes.get(code) ?? 0) + 1);
  };
  for (let batch = 0; batch < 200; batch++) {
    const others = Array.from({ length: 500 }, () => changed(token, below));
    await Promise.all(others.filter(other => other !== token).map(visit));
  }
  expect([...codes.keys()]).toEqual(["token_invalid"]);
});

test("signed claims that were changed give claims or a fault, and never another error", async () => {
  const key = await keyOf();
  const keys = new Keys([key]);
  const whole =
    '{"app":7,"room":"lobby","sub":"ann","role":"host","grants":{"publish":{"kinds":["audio"]},"waits":true},' +
    '"iat":1790000000,"nbf":1790000000,"exp":1790000600,"jti":"t","at_exp":{"grace":30},"until":{"send":1790000001}}';
  const header = Buffer.from('{"alg":"HS256","kid":"k"}').toString("base64url");
  const below = seeded(2);
  let taken = 0;
  for (let left = 4_000; left > 0; left--) {
    const signed = `${header}.${Buffer.from(changed(whole, below)).toString("base64url")}`;
    const token = `${signed}.${await sign(key, signed)}`;
    try {
      const claims = await verify(token, keys, { now: NOW });
      // What is taken can be minted again, and says the same.
      expect(await verify(await mint(key, claims), keys, { now: NOW })).toEqual(claims);
      taken++;
    } catch (error) {
      expect(error).toBeInstanceOf(TokenFault);
    }
  }
  expect(taken).toBeGreaterThan(50);
});
