//! The rows of the data: which column a value is for, and what goes upstream
//! in its place.

use std::sync::Arc;

use bytes::BytesMut;
use zeroize::Zeroizing;

use super::{LONGEST_VALUE, bad_format};
use crate::error::{ClientError, sqlstate};
use crate::mask::{self, Encoding, Format, KeyRing, Mask, Wire};
use crate::policy::ProtectedColumn;
use crate::policy::tokens::{Streamed, Takes};

pub(super) struct Row {
    /// One for each column; None: it is not looked at.
    rules: Vec<Option<Rule>>,
    /// The column of the value at hand.
    at: usize,
    /// Rows before this one.
    done: u64,
}

struct Rule {
    column: Arc<ProtectedColumn>,
    takes: Takes,
    /// Leads tokens back. None: nothing does.
    back: Option<Box<dyn Mask>>,
}

/// What goes upstream in a value's place.
pub(super) enum Turned {
    Original(Zeroizing<Vec<u8>>),
    /// It means itself.
    Itself,
}

impl Row {
    pub fn new(
        columns: usize,
        streamed: &[Streamed],
        keys: &KeyRing,
        encoding: Encoding,
        format: Format,
    ) -> Self {
        let rule = |place: usize| {
            // Several, where the table's name may mean several tables, or a constraint
            // takes less than the column itself.
            let here = streamed.iter().filter(|streamed| streamed.place == place);
            let streamed = here.min_by_key(|streamed| streamed.takes)?;
            let Streamed { column, takes, ty, .. } = streamed;
            let wire = Wire { format, encoding };
            let back = takes.leads().then(|| mask::originals(&column.method, &column.domain, ty, wire, keys));
            Some(Rule { column: column.clone(), takes: *takes, back: back.flatten() })
        };
        Self { rules: (0..columns).map(rule).collect(), at: 0, done: 0 }
    }

    pub fn columns(&self) -> usize {
        self.rules.len()
    }

    /// Which column the value at hand is for.
    pub fn place(&self) -> usize {
        self.at
    }

    /// Is the value at hand looked at?
    pub fn is_watched(&self) -> bool {
        self.rules.get(self.at).is_some_and(Option::is_some)
    }

    /// The value at hand has ended, and the next begins.
    pub fn next_value(&mut self) -> Result<(), ClientError> {
        self.at += 1;
        match self.at < self.columns() {
            true => Ok(()),
            false => {
                Err(bad_format(format!("extra data after last expected column in row {}", self.number())))
            }
        }
    }

    /// The row has ended with the value at hand.
    pub fn end(&mut self) -> Result<(), ClientError> {
        self.count_columns(self.at + 1)?;
        self.at = 0;
        self.done += 1;
        Ok(())
    }

    pub fn count_columns(&self, count: usize) -> Result<(), ClientError> {
        match count == self.columns() {
            true => Ok(()),
            false => Err(bad_format(format!(
                "row {} of COPY has {count} columns instead of {}",
                self.number(),
                self.columns()
            ))),
        }
    }

    /// What goes upstream in the place of a value that is looked at, which is
    /// neither NULL nor the default.
    pub fn turn(&self, value: &[u8]) -> Result<Turned, ClientError> {
        let Some(rule) = self.rules.get(self.at).and_then(Option::as_ref) else { return Ok(Turned::Itself) };
        let mut original = BytesMut::new();
        match rule.back.as_ref().map(|back| back.apply(value, &mut original)) {
            Some(Ok(_)) => Ok(Turned::Original(original.to_vec().into())),
            Some(Err(_)) | None if rule.takes == Takes::Either => Ok(Turned::Itself),
            Some(Err(_)) | None => Err(self.denied(rule)),
        }
    }

    /// A value of so many bytes is kept until it is whole.
    pub fn check_length(&self, length: usize) -> Result<(), ClientError> {
        let Some(rule) = self.rules.get(self.at).and_then(Option::as_ref) else { return Ok(()) };
        match length <= LONGEST_VALUE {
            true => Ok(()),
            false => Err(ClientError::new(
                sqlstate::PROGRAM_LIMIT_EXCEEDED,
                format!(
                    "the value for protected column {} in row {} of COPY is too long",
                    rule.column.name,
                    self.number()
                ),
            )),
        }
    }

    /// As for a value in an INSERT.
    fn denied(&self, rule: &Rule) -> ClientError {
        let name = &rule.column.name;
        let lead = match rule.takes {
            Takes::Nothing => "does not hold NULL",
            Takes::Tokens | Takes::Either => "holds neither a token of it nor NULL",
        };
        ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: write that touches protected column {name}"),
        )
        .with_detail(format!("Row {} of COPY {lead}. Nothing was stored.", self.number()))
        .with_hint(format!(
            "SELECT * FROM bauta.request('{}', '15m', 'why you need it');",
            name.replace('\'', "''")
        ))
    }

    /// Of the row at hand, from 1.
    pub fn number(&self) -> u64 {
        self.done + 1
    }
}
