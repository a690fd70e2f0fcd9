//! Times and durations as people write them.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Seconds of each unit, largest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
/// What a duration looks like.
const SPAN: &str = "a duration, such as 90s, 15m, 1h30m or 7d";

/// A duration: `90s`, `15m`, `1h30m`, `7d`; a bare number is seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// In seconds.
    pub(super) s: u64,
}

/// A text that is not a time, or not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not {1}")]
pub(super) struct TimeError(String, &'static str);

impl FromStr for Span {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError(text.into(), SPAN);
        if let Ok(s) = text.parse() {
            return Ok(Self { s });
        }
        let (mut s, mut digits, mut units) = (0_u64, String::new(), UNITS.iter());
        for letter in text.chars() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            // Each unit once, in descending order.
            let (_, of) = units.find(|(unit, _)| *unit == letter).ok_or_else(wrong)?;
            let number: u64 = digits.parse().map_err(|_| wrong())?;
            s = number.checked_mul(*of).and_then(|more| s.checked_add(more)).ok_or_else(wrong)?;
            digits.clear();
        }
        if digits.is_empty() && !text.is_empty() { Ok(Self { s }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.s;
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, of) in UNITS {
            if left >= of {
                write!(f, "{}{unit}", left / of)?;
                left %= of;
            }
        }
        Ok(())
    }
}

impl Span {
    pub(super) fn get(self) -> Duration {
        Duration::from_secs(self.s)
    }
}

/// When something ends: a duration from now, or a time such as `2027-01-31T18:00:00Z`, or `@` and Unix seconds. A
/// bare number is refused: it could be either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Seconds from now.
    In(Span),
    /// Unix seconds.
    At(u64),
}

impl FromStr for When {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        const WHEN: &str =
            "a duration from now, such as 90s or 1h, or a time, such as 2027-01-31T18:00:00Z";
        let wrong = || TimeError(text.into(), WHEN);
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        if let Some(unix_s) = text.strip_prefix('@') {
            return unix_s.parse().map(Self::At).map_err(|_| wrong());
        }
        match text.parse() {
            Ok(span) => Ok(Self::In(span)),
            Err(_) => seconds_of(text).map(Self::At).ok_or_else(wrong),
        }
    }
}

impl When {
    /// In Unix seconds.
    pub(super) fn unix_s(self, now_s: u64) -> u64 {
        match self {
            Self::In(span) => now_s.saturating_add(span.s),
            Self::At(s) => s,
        }
    }
}

/// When something happened: a duration ago, or a time as in [`When`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// Seconds ago.
    Ago(Span),
    /// Unix seconds.
    At(u64),
}

impl FromStr for Past {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        const PAST: &str =
            "how long ago, such as 5m or 2h, or a time, such as 2027-01-31T18:00:00Z";
        match text.parse() {
            Ok(When::In(span)) => Ok(Self::Ago(span)),
            Ok(When::At(unix_s)) => Ok(Self::At(unix_s)),
            Err(TimeError(text, _)) => Err(TimeError(text, PAST)),
        }
    }
}

impl Past {
    /// In Unix milliseconds.
    pub(super) fn unix_ms(self, now_s: u64) -> u64 {
        let unix_s = match self {
            Self::Ago(span) => now_s.saturating_sub(span.s),
            Self::At(unix_s) => unix_s,
        };
        unix_s.saturating_mul(1_000)
    }
}

/// The present time in Unix seconds.
pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

/// A time in UTC, to the second: `2027-01-31T18:00:00Z`.
pub(super) fn utc(unix_s: u64) -> String {
    let (days, s) = (unix_s / 86_400, unix_s % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", s / 3_600, s / 60 % 60, s % 60)
}

/// Converts days since 1970-01-01 to year, month and day of the Gregorian calendar. Counts years from March, so that a
/// leap day is the last day of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// Converts a date to days since 1970-01-01, if it is valid.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let year_from_march = year.checked_sub(u64::from(month <= 2))?;
    let (era, of_era) = (year_from_march / 400, year_from_march % 400);
    let of_year = (153 * from_march + 2) / 5 + day.checked_sub(1)?;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = days.checked_sub(719_468)?;
    (date(days) == (year, month, day)).then_some(days)
}

/// Parses an RFC 3339 time, in UTC or with an offset, to Unix seconds.
fn seconds_of(text: &str) -> Option<u64> {
    let number = |part: &str, digits: usize| -> Option<u64> {
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    let (date, time) = (text.get(..10)?, text.get(11..19)?);
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let [year, month, day] = <[&str; 3]>::try_from(date.split('-').collect::<Vec<_>>()).ok()?;
    let [hour, minute, second] = <[&str; 3]>::try_from(time.split(':').collect::<Vec<_>>()).ok()?;
    let days = days(number(year, 4)?, number(month, 2)?, number(day, 2)?)?;
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let local = days * 86_400 + hour * 3_600 + minute * 60 + second;
    let zone = text.get(19..)?;
    if zone.eq_ignore_ascii_case("z") {
        return Some(local);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let offset = number(hours, 2)? * 3_600 + number(minutes, 2)? * 60;
    match zone.as_bytes()[0] {
        b'+' => local.checked_sub(offset),
        b'-' => local.checked_add(offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, s) in [
            ("90s", 90),
            ("15m", 900),
            ("1h", 3_600),
            ("1h30m", 5_400),
            ("7d", 604_800),
            ("60", 60),
        ] {
            assert_eq!(text.parse(), Ok(Span { s }), "{text}");
        }
        for bad in
            ["", "h", "1", "1x", "1m1h", "1h1h", "-1s", "1.5h", "1h5", "99999999999999999999s"]
        {
            assert_eq!(bad.parse::<Span>().is_ok(), bad == "1", "{bad}");
        }
        assert_eq!(Span { s: 93_784 }.to_string(), "1d2h3m4s");
        assert_eq!(Span { s: 0 }.to_string(), "0s");
    }

    #[test]
    fn times_are_read_and_written() {
        for (text, s) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:01Z", 951_825_601),
            ("2027-01-31T18:00:00Z", 1_801_418_400),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(text.parse(), Ok(When::At(s)), "{text}");
            assert_eq!(utc(s), text);
        }
        assert_eq!("2027-01-31T20:00:00+02:00".parse(), Ok(When::At(1_801_418_400)));
        assert_eq!("1h".parse(), Ok(When::In(Span { s: 3_600 })));
        for bad in
            ["4000000000", "2027-02-29T00:00:00Z", "2027-01-31", "2027-01-31T24:00:00Z", "soon", ""]
        {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
        assert_eq!("1h".parse(), Ok(Past::Ago(Span { s: 3_600 })));
        assert_eq!("@7".parse::<Past>().map(|past| past.unix_ms(9)), Ok(7_000));
        assert_eq!("5s".parse::<Past>().map(|past| past.unix_ms(9)), Ok(4_000));
        assert!("7".parse::<Past>().is_err_and(|error| error.to_string().contains("ago")));
        for days in (0..60_000).step_by(7) {
            let (year, month, day) = date(days);
            assert_eq!(super::days(year, month, day), Some(days));
        }
    }
}
