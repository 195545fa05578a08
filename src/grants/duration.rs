//! Durations as people write them: `90s`, `15m`, `2h`, `1d`, and sums such as
//! `1h30m`. One reader for the configuration, the control socket, the command
//! line and SQL.

use std::time::Duration;

/// What could not be read, and what can.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{given}\" is not a duration: write 90s, 15m, 2h or 1d")]
pub struct BadDuration {
    pub given: String,
}

const SECONDS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];

/// Reads a duration of at least one second.
///
/// # Errors
/// [`BadDuration`] for anything else, a bare number included: its unit would
/// be a guess.
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    read(text.trim()).filter(|d| !d.is_zero()).ok_or_else(|| BadDuration { given: text.to_owned() })
}

fn read(text: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next()?;
        let (_, seconds) = SECONDS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        rest = tail.get(unit.len_utf8()..)?;
    }
    Some(Duration::from_secs(total))
}

/// The same in words: the largest units first, none that is zero.
pub fn show(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut out = String::new();
    for (name, seconds) in SECONDS.iter().rev() {
        let count = left / seconds;
        left %= seconds;
        if count > 0 {
            out.push_str(&count.to_string());
            out.push(*name);
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_shows() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
            assert_eq!(parse(&show(Duration::from_secs(seconds))), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(show(Duration::from_secs(90)), "1m30s");
    }

    #[test]
    fn refuses_what_has_no_unit_or_no_length() {
        let overflow = format!("{}d", u64::MAX);
        for text in ["", "15", "m", "0s", "-5m", "15 m", "1w", "1.5h", "15M", "٣s", overflow.as_str()] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
