//! Why an operation on grants or requests was not done. One type for the
//! control socket (status, code) and for SQL (SQLSTATE): see interface.

use crate::error::{ClientError, sqlstate};

/// What went wrong, in words that the asker may read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The input makes no sense: mend it and ask again.
    #[error("{message}")]
    Invalid { message: String, hint: Option<String> },
    /// A duration that can't be read, or is longer than the asker's roles allow.
    #[error("{message}")]
    BadDuration { message: String, hint: Option<String> },
    #[error("no protected column matches \"{given}\"")]
    UnknownColumn { given: String, nearest: Option<String> },
    /// This person may not do this.
    #[error("{message}")]
    Forbidden { message: String, hint: Option<String> },
    #[error("there is no {what} {id}")]
    NotFound { what: &'static str, id: i64 },
    /// It was possible once: decided, ended or used since.
    #[error("{message}")]
    Conflict { message: String },
    /// The decision could not be made durable; nothing was granted.
    #[error("{message}")]
    Unavailable { message: String },
}

impl Fault {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), hint: None }
    }
    pub fn duration(message: impl Into<String>) -> Self {
        Self::BadDuration { message: message.into(), hint: None }
    }
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden { message: message.into(), hint: None }
    }
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into() }
    }

    /// Adds what to do next, where the kind of fault has room for it.
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Invalid { hint, .. } | Self::BadDuration { hint, .. } | Self::Forbidden { hint, .. } =
            &mut self
        {
            *hint = Some(text.into());
        }
        self
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { hint, .. } | Self::BadDuration { hint, .. } | Self::Forbidden { hint, .. } => {
                hint.clone()
            }
            Self::UnknownColumn { nearest, .. } => nearest.as_ref().map(|n| format!("did you mean {n}?")),
            Self::NotFound { .. } | Self::Conflict { .. } | Self::Unavailable { .. } => None,
        }
    }

    /// As a SQL client sees it.
    pub fn to_client(&self) -> ClientError {
        let code = match self {
            Self::Invalid { .. } | Self::BadDuration { .. } => sqlstate::INVALID_PARAMETER_VALUE,
            Self::UnknownColumn { .. } => sqlstate::UNDEFINED_COLUMN,
            Self::Forbidden { .. } | Self::Conflict { .. } | Self::NotFound { .. } => {
                sqlstate::INSUFFICIENT_PRIVILEGE
            }
            Self::Unavailable { .. } => sqlstate::IO_ERROR,
        };
        let error = ClientError::new(code, self.to_string());
        match self.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
