//! The schema `bauta` inside a SQL session: `bauta.columns()`, `request()`,
//! `requests()`, `grants()`, `whoami()`, answered by bauta itself.
//!
//! ```text
//! recognise(text)  read   one bauta function, what is wanted of its rows  (pure)
//! execute          answer the function's rows; `request` files a request
//!                  select WHERE, ORDER BY, LIMIT, the select list          (pure)
//!                  value  text and binary wire formats                     (pure)
//! ```
//!
//! Invariant: a statement that calls a function of schema `bauta` never goes
//! upstream: it is answered here, or refused. The schema does not exist there.

mod answer;
mod read;
mod select;
mod value;

#[cfg(test)]
mod tests;

pub use answer::SessionContext;
pub use value::{Kind, Parameter, Value};

use crate::catalog::Oid;
use crate::error::{ClientError, sqlstate};

/// A function of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Columns,
    Request,
    Requests,
    Grants,
    Whoami,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    pub name: String,
    pub kind: Kind,
}

/// A parameter of a function.
struct Argument {
    name: &'static str,
    kind: Kind,
    required: bool,
}

/// A row of a result: as many values as [`VirtualStatement::columns`].
pub type Row = Vec<Value>;

const REQUESTS: &[(&str, Kind)] = &[
    ("id", Kind::Int8),
    ("status", Kind::Text),
    ("columns", Kind::TextArray),
    ("duration", Kind::Interval),
    ("reason", Kind::Text),
    ("ticket", Kind::Text),
    ("created_at", Kind::Timestamptz),
    ("decided_by", Kind::Text),
    ("decided_at", Kind::Timestamptz),
    ("grant_id", Kind::Int8),
];

impl Function {
    const ALL: [Self; 5] = [Self::Columns, Self::Request, Self::Requests, Self::Grants, Self::Whoami];

    fn name(self) -> &'static str {
        match self {
            Self::Columns => "columns",
            Self::Request => "request",
            Self::Requests => "requests",
            Self::Grants => "grants",
            Self::Whoami => "whoami",
        }
    }

    fn columns(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Columns => &[
                ("column_name", Kind::Text),
                ("method", Kind::Text),
                ("domain", Kind::Text),
                ("tags", Kind::TextArray),
                ("discloses", Kind::TextArray),
                ("access", Kind::Text),
                ("grant_id", Kind::Int8),
                ("may_request", Kind::Bool),
            ],
            Self::Request | Self::Requests => REQUESTS,
            Self::Grants => &[
                ("id", Kind::Int8),
                ("columns", Kind::TextArray),
                ("reason", Kind::Text),
                ("expires_at", Kind::Timestamptz),
                ("seconds_left", Kind::Int4),
                ("once", Kind::Bool),
                ("export", Kind::Bool),
                ("uses", Kind::Int8),
            ],
            Self::Whoami => &[
                ("login", Kind::Text),
                ("end_user", Kind::Text),
                ("roles", Kind::TextArray),
                ("session", Kind::Int8),
            ],
        }
    }

    fn arguments(self) -> &'static [Argument] {
        const REQUEST: [Argument; 6] = [
            Argument { name: "columns", kind: Kind::Text, required: true },
            Argument { name: "duration", kind: Kind::Text, required: true },
            Argument { name: "reason", kind: Kind::Text, required: true },
            Argument { name: "ticket", kind: Kind::Text, required: false },
            Argument { name: "once", kind: Kind::Bool, required: false },
            Argument { name: "break_glass", kind: Kind::Bool, required: false },
        ];
        match self {
            Self::Request => &REQUEST,
            Self::Columns | Self::Requests | Self::Grants | Self::Whoami => &[],
        }
    }
}

/// What stands for a value in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Null,
    Literal(String),
    /// `$n`, from 1.
    Parameter(usize),
}

/// One SELECT over what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    /// Column (of what is below) = value.
    filters: Vec<(usize, Kind, Operand)>,
    /// Column, descending, NULLs first.
    order: Vec<(usize, bool, bool)>,
    limit: Option<Operand>,
    offset: Option<Operand>,
    /// Column of what is below.
    output: Vec<usize>,
}

/// A statement that bauta answers itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualStatement {
    function: Function,
    /// By position of [`Function::arguments`].
    arguments: Vec<Option<Operand>>,
    /// Innermost first.
    levels: Vec<Level>,
    columns: Vec<OutputColumn>,
    /// The type of `$1`, `$2` …
    parameters: Vec<Kind>,
}

/// Is this a statement for schema `bauta`? None: it is not, and the text is
/// the server's business. Cheap for texts without the word.
///
/// # Errors
/// `Some(Err)`: it is one, but not of a form that is answered (`0A000`), or it
/// names a function or column that does not exist.
pub fn recognise(text: &str) -> Option<Result<VirtualStatement, ClientError>> {
    if !mentions(text.as_bytes()) {
        return None;
    }
    read::read(text)
}

/// The schema's name, in any case, with something after it that may call a
/// function.
pub(super) fn mentions(text: &[u8]) -> bool {
    const NAME: &[u8] = b"bauta";
    memchr::memchr2_iter(b'b', b'B', text).any(|at| {
        let Some((word, rest)) = text.get(at..).and_then(|t| t.split_at_checked(NAME.len())) else {
            return false;
        };
        let goes_on = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80;
        word.eq_ignore_ascii_case(NAME) && !rest.first().is_none_or(goes_on)
    })
}

impl VirtualStatement {
    /// The columns of its result. They have no table.
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// The types of its parameters, in order.
    pub fn parameter_types(&self) -> Vec<Oid> {
        self.parameters.iter().map(|k| k.oid()).collect()
    }

    /// Does running it change anything? (A request is filed at every run.)
    pub fn has_effect(&self) -> bool {
        self.function == Function::Request
    }

    /// Runs it.
    ///
    /// # Errors
    /// `22023` for a bad duration, `42703` for an unknown column, `42501` for
    /// what the session may not ask for, `22P02` for a value that is none of
    /// its type, `08P01` for parameters that don't fit.
    pub async fn execute(
        &self,
        parameters: &[Parameter],
        context: &SessionContext<'_>,
    ) -> Result<Vec<Row>, ClientError> {
        let given = parameters.len();
        if given != self.parameters.len() {
            return Err(ClientError::new(
                sqlstate::PROTOCOL_VIOLATION,
                format!("{given} parameters given, {} needed", self.parameters.len()),
            ));
        }
        let mut values = Vec::with_capacity(given);
        for parameter in parameters {
            values.push(parameter.text()?);
        }
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            arguments.push(argument.as_ref().and_then(|operand| select::resolve(operand, &values)));
        }
        let mut rows = answer::rows(self.function, &arguments, context).await?;
        for level in &self.levels {
            rows = select::apply(level, rows, &values)?;
        }
        Ok(rows)
    }
}
