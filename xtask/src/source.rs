//! Rust source as tokens with their lines: without comments, literals, and what `#[cfg(test)]` or a feature hides. Not
//! a parser: [`crate::uses`] only needs names, paths and brackets.

/// A name, a sign (`::` is one), or a bracket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its text, without `r#`.
    pub(crate) text: String,
    /// Its line, from 1.
    pub(crate) line: usize,
}

/// The tokens of a file.
pub(crate) fn words(source: &str) -> Vec<Word> {
    let chars: Vec<char> = source.chars().collect();
    let (mut words, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let here = line;
        let next = skipped(&chars, at).unwrap_or_else(|| {
            let end = word_end(&chars, at);
            let text: String = chars[at..end].iter().collect();
            words.push(Word { text: text.trim_start_matches("r#").to_owned(), line: here });
            end
        });
        line += chars[at..next].iter().filter(|char| **char == '\n').count();
        at = next;
    }
    words
}

/// Where a space, comment or literal that starts at `at` ends; `None` if none starts there.
fn skipped(chars: &[char], at: usize) -> Option<usize> {
    let char = chars[at];
    let next = chars.get(at + 1).copied();
    match (char, next) {
        _ if char.is_whitespace() => Some(at + 1),
        ('/', Some('/')) => Some(position(chars, at, |char| char == '\n')),
        ('/', Some('*')) => Some(block_comment_end(chars, at)),
        ('"', _) => Some(text_end(chars, at + 1)),
        ('b' | 'c', Some('"')) => Some(text_end(chars, at + 2)),
        ('r', Some('"' | '#')) => raw_text_end(chars, at + 1),
        ('b' | 'c', Some('r')) if matches!(chars.get(at + 2), Some('"' | '#')) => {
            raw_text_end(chars, at + 2)
        }
        ('b', Some('\'')) => char_end(chars, at + 1),
        ('\'', _) => char_end(chars, at).or(Some(at + 1)),
        _ => None,
    }
}

fn position(chars: &[char], from: usize, is_end: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|char| is_end(*char)).map_or(chars.len(), |found| from + found)
}

fn block_comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// The end of a string whose first character is at `at`.
fn text_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of a raw string whose `#` or `"` is at `at`; `None` if it is a raw identifier.
fn raw_text_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|char| **char == '#').count();
    (chars.get(at + hashes) == Some(&'"')).then_some(())?;
    let mut end = at + hashes + 1;
    while end < chars.len() {
        let closes = chars[end] == '"'
            && chars[end + 1..].iter().take(hashes).filter(|char| **char == '#').count() == hashes;
        if closes {
            return Some(end + 1 + hashes);
        }
        end += 1;
    }
    Some(chars.len())
}

/// The end of a character literal whose quote is at `at`; `None` if it is a lifetime.
fn char_end(chars: &[char], at: usize) -> Option<usize> {
    match chars.get(at + 1)? {
        '\\' => Some(position(chars, at + 3, |char| char == '\'') + 1),
        _ => (chars.get(at + 2) == Some(&'\'')).then_some(at + 3),
    }
}

fn word_end(chars: &[char], at: usize) -> usize {
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    match chars[at] {
        'r' if chars.get(at + 1) == Some(&'#') => {
            position(chars, at + 2, |char| !is_name(char)).max(at + 1)
        }
        char if is_name(char) => position(chars, at, |char| !is_name(char)),
        ':' if chars.get(at + 1) == Some(&':') => at + 2,
        _ => at + 1,
    }
}

/// Where the bracket at `at` is closed; the end of the file if it is not.
pub(crate) fn closing(words: &[Word], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(at) {
        match word.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    words.len()
}

/// The tokens of a normal build, and the modules that are not part of it: those behind `#[cfg(test)]` and features.
pub(crate) fn built(words: &[Word]) -> (Vec<Word>, Vec<String>) {
    let (mut kept, mut hidden, mut at) = (Vec::new(), Vec::new(), 0);
    while at < words.len() {
        let end = attribute_end(words, at);
        let Some(end) = end.filter(|end| hides(&words[at..*end])) else {
            kept.push(words[at].clone());
            at += 1;
            continue;
        };
        let item_end = item_end(words, end);
        let item = &words[end..item_end];
        let name = item.iter().position(|word| word.text == "mod").map(|mod_at| mod_at + 1);
        hidden.extend(name.and_then(|name| item.get(name)).map(|word| word.text.clone()));
        at = item_end;
    }
    (kept, hidden)
}

/// The position after the `]` of an attribute that starts at `at`.
fn attribute_end(words: &[Word], at: usize) -> Option<usize> {
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.text == text);
    (is(at, "#") && is(at + 1, "[")).then(|| (closing(words, at + 1) + 1).min(words.len()))
}

fn hides(attribute: &[Word]) -> bool {
    let has = |text: &str| attribute.iter().any(|word| word.text == text);
    has("cfg") && (has("test") || has("feature")) && !has("not")
}

/// The position after the item, field or statement that starts at `at`, including further attributes.
fn item_end(words: &[Word], mut at: usize) -> usize {
    while let Some(end) = attribute_end(words, at) {
        at = end;
    }
    let mut is_item = false;
    while at < words.len() {
        match words[at].text.as_str() {
            "fn" | "impl" | "struct" | "enum" | "trait" => is_item = true,
            "(" | "[" => at = closing(words, at),
            "{" => return closing(words, at) + 1,
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            ")" | "]" | "}" => return at,
            _ => {}
        }
        at += 1;
    }
    words.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn comments_and_literals_are_not_tokens() {
        let source =
            "a /* b /* c */ d */ \"e \\\" f\" r#\"g \" h\"# b'i' '\\'' 'k'\n// l\nm::r#n<'o>";
        let words = words(source);
        assert_eq!(texts(&words), ["a", "m", "::", "n", "<", "o", ">"]);
        assert_eq!(words.last().map(|word| word.line), Some(3));
    }

    #[test]
    fn test_and_feature_only_code_is_left_out() {
        let source = "#[cfg(test)] mod tests; a; #[cfg(test)] #[x] fn f<A, B>(c: [u8; 3]) { d } e; \
            struct S { #[cfg(feature = \"x\")] f: u8, g: u8 } #[cfg(not(test))] h;";
        let (kept, hidden) = built(&words(source));
        let kept = texts(&kept).join(" ");
        assert_eq!(kept, "a ; e ; struct S { g : u8 } # [ cfg ( not ( test ) ) ] h ;");
        assert_eq!(hidden, ["tests"]);
    }
}
