// Names and prefixes (spec/roles.md §Patterns). A pattern is a name, or a prefix followed by one `*`, so whether
// one lies within another is exact. Never guesses, and knows nothing of grants.

/** The longest pattern, in bytes. */
export const PATTERN_BYTES_MAX = 256;

/** The most patterns in one list. */
export const PATTERNS_MAX = 64;

/**
 * Whether a text is a pattern: a name of 1 to 256 bytes of `[0-9A-Za-z_.:-]`, or a prefix of one (possibly empty)
 * followed by one `*`, at most 256 bytes in all.
 *
 * ```ts
 * isPattern("cam-*"); // true
 * isPattern("*cam"); // false
 * ```
 */
export function isPattern(text: string): boolean {
  return text.length <= PATTERN_BYTES_MAX && /^(?:[\w.:-]+\*?|\*)$/.test(text);
}

/**
 * Whether one of the patterns matches a name; or, given a pattern, whether one of them matches all that it matches: a
 * pattern lies within a prefix exactly when it begins with it. The empty list matches nothing.
 *
 * ```ts
 * matches(["cam-*", "mic"], "cam-1"); // true
 * matches(["cam-*"], "cam-1*"); // true
 * matches(["cam-*"], "cam*"); // false
 * ```
 */
export function matches(patterns: readonly string[], name: string): boolean {
  return patterns.some(one => one === name || (one.endsWith("*") && name.startsWith(one.slice(0, -1))));
}
