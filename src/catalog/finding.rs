//! What is wrong, or worth knowing, about how a policy fits a database.
//! `check` prints findings; `serve` logs errors and shows them in `status`.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The policy does not do what it says until it is mended.
    Error,
    /// Protected values may be seen or used in a way the policy may not want.
    Warning,
    /// Good to know.
    Note,
}

/// One line of `check`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub database: String,
    /// `proxy.toml:41`, if a rule is the cause.
    pub place: Option<String>,
    pub message: String,
    /// What to do.
    pub mend: Option<String>,
}

impl Finding {
    pub fn new(severity: Severity, database: &str, message: impl Into<String>) -> Self {
        Self { severity, database: database.to_owned(), place: None, message: message.into(), mend: None }
    }
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// `proxy.toml:41: error: message: mend`, as compilers write it.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: database \"{}\": {}", self.severity, self.database, self.message)?;
        if let Some(mend) = &self.mend {
            write!(f, ": {mend}")?;
        }
        Ok(())
    }
}
