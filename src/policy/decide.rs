//! THE decision: a pure function of (analysis, permits, now).

use std::sync::Arc;
use std::time::Instant;

use super::{Access, Basis, ProtectedColumn};
use crate::error::ClientError;
use crate::sql::splice::Edit;

/// What happens to one statement for one person at one moment.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Nothing reaches PostgreSQL.
    Refuse {
        error: ClientError,
        columns: Vec<ColumnDecision>,
    },
    Run(Verdict),
}

/// A statement that may run, and in which form.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Edits of the original text; empty: it goes upstream byte for byte.
    /// Two verdicts with equal edits have the same form.
    pub edits: Vec<Edit>,
    /// One per output column.
    pub outputs: Vec<OutputAction>,
    /// One NOTICE each, shown once per execution.
    pub notices: Vec<Notice>,
    /// The first moment at which this decision stops being true.
    pub until: Option<Instant>,
    /// Every protected column touched, for the audit record.
    pub columns: Vec<ColumnDecision>,
    /// The session sees every protected column of every relation that the
    /// statement names: errors and notices pass whole.
    pub full_grant: bool,
    /// Some use was let through because of a grant or role (not only an
    /// output revealed): a cursor or portal in this form ends with the grant.
    pub leans_on: Vec<Basis>,
}

#[derive(Debug, Clone)]
pub enum OutputAction {
    /// Nothing protected in it.
    Pass,
    /// Protected, and this person may see it until `Verdict::until`.
    Reveal { columns: Vec<Arc<ProtectedColumn>> },
    /// Masked with the column's own method.
    Mask { column: Arc<ProtectedColumn> },
    /// Masked with `redact`, whatever the column's method: derived, mixed or
    /// computed from several.
    Redact { columns: Vec<Arc<ProtectedColumn>> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub message: String,
    pub hint: Option<String>,
}

/// One entry of `columns` in an audit record.
#[derive(Debug, Clone)]
pub struct ColumnDecision {
    pub column: Arc<ProtectedColumn>,
    /// The use's name, as `docs/AUDIT-FORMAT.md` lists them.
    pub use_: &'static str,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// With this method's name.
    Masked(&'static str),
    Revealed(Access),
    Neutralised,
    Refused,
    /// The column's mask (or `allow`) discloses what the use needs.
    Disclosed,
}
