//! What is wrong with a configuration: one line a fault, with its place and
//! the mend.

use std::fmt;

/// One fault. Displays as `proxy.toml:41: message`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The file as the command named it.
    pub file: String,
    /// From 1; 0: the file as a whole.
    pub line: usize,
    /// What is wrong and what would be right, in one line.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// All faults of one reading, in the order of their lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The known word nearest to a mistyped one, if any is near at all.
pub(super) fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&given.to_lowercase(), k), k))
        .filter(|(distance, k)| *distance <= k.len().div_ceil(3).max(1))
        .min()
        .map(|(_, k)| k)
}

/// `: did you mean "x"?`, or which words there are.
pub(super) fn suggestion<'k>(given: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    match nearest(given, known.clone()) {
        Some(near) => format!(": did you mean \"{near}\"?"),
        None => {
            let all: Vec<&str> = known.into_iter().collect();
            format!("; there are {}", all.join(", "))
        }
    }
}
