//! How long a grant lasts, as people write it: the configuration's durations,
//! in whole seconds, at least one.

use std::time::Duration;

use crate::config::units;

/// What could not be read, and what can.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{given}\" is not a duration: write 90s, 15m, 2h or 1d")]
pub struct BadDuration {
    pub given: String,
}

/// Reads `90s`, `15m`, `2h`, `1d` or a sum such as `1h30m`.
///
/// # Errors
/// [`BadDuration`] for anything else, a bare number included: its unit would
/// be a guess.
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    units::parse_duration(text)
        .filter(|d| !d.is_zero() && d.subsec_nanos() == 0)
        .ok_or_else(|| BadDuration { given: text.to_owned() })
}

/// The same in words.
pub fn show(duration: Duration) -> String {
    if duration.is_zero() { "0s".to_owned() } else { units::show_duration(duration) }
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
    }

    #[test]
    fn refuses_what_has_no_unit_or_no_length() {
        let overflow = format!("{}d", u64::MAX);
        for text in ["", "15", "m", "0", "0s", "500ms", "-5m", "1w", "1.5h", "15M", "٣s", overflow.as_str()]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
