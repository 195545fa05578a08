//! COPY … FROM STDIN into protected columns: the data is read as it passes,
//! and what is written there must be a token, NULL or the default.
//!
//! ```text
//! client ── CopyData, cut anywhere ── lines · binary: fields ── row: rules ── CopyData ──> server
//! ```
//!
//! The data is read as `src/backend/commands/copyfromparse.c` reads it. What
//! it reads differently from version to version, or by settings of its own, is
//! refused. A value that is looked at is written anew, so that the server
//! reads in it what was decided here.
//!
//! Invariants: no byte of a row's end goes upstream before each of its values
//! was judged; no more of the data is kept than one value of a column that is
//! looked at.

mod binary;
mod lines;
mod relay;
mod row;
mod spelling;
#[cfg(test)]
mod tests;

use bytes::BytesMut;

use crate::error::{ClientError, sqlstate};
use crate::mask::{Encoding, Format, KeyRing};
use crate::policy::tokens::Streamed;
use crate::sql::analysis::{CopyFormat, CopyIn};
use binary::BinaryReader;
use lines::LineReader;
use row::Row;

/// The longest value of a column that is looked at, in bytes.
const LONGEST_VALUE: usize = 16 << 20;

/// The data of one COPY, on its way.
pub(super) struct CopyInStream {
    row: Row,
    reader: Reader,
}

enum Reader {
    Lines(LineReader),
    Binary(BinaryReader),
}

impl CopyInStream {
    /// `streamed`: what may be written in which columns.
    ///
    /// # Errors
    /// The data can't be read for certain, or an original could show by being
    /// taken for a NULL marker.
    pub fn new(
        copy: &CopyIn,
        streamed: &[Streamed],
        keys: &KeyRing,
        encoding: Encoding,
    ) -> Result<Self, ClientError> {
        let format = copy.format.as_ref().map_err(Clone::clone)?;
        let leads = |place: &usize| streamed.iter().any(|s| s.place == *place && s.takes.leads());
        if format.utf8 && encoding != Encoding::Utf8 {
            return Err(unfit("ENCODING other than client_encoding", "Leave the option ENCODING out."));
        }
        if format.force_null.iter().any(leads) {
            return Err(unfit("FORCE_NULL", "Leave the option out for the protected columns."));
        }
        let reader = match &format.format {
            CopyFormat::Text { null, .. } if null.is_empty() || format.default.as_deref() == Some("") => {
                return Err(unfit("an empty marker in text format", "Use another marker, or FORMAT csv."));
            }
            CopyFormat::Text { .. } | CopyFormat::Csv { .. } => Reader::Lines(LineReader::new(format)?),
            CopyFormat::Binary => Reader::Binary(BinaryReader::default()),
        };
        let wire = if matches!(reader, Reader::Binary(_)) { Format::Binary } else { Format::Text };
        Ok(Self { row: Row::new(copy.columns, streamed, keys, encoding, wire), reader })
    }

    /// Reads `data`, the next part of the client's; appends what goes upstream
    /// of it.
    ///
    /// # Errors
    /// The COPY must fail; nothing more of it may go upstream.
    pub fn take(&mut self, data: &[u8], out: &mut BytesMut) -> Result<(), ClientError> {
        match &mut self.reader {
            Reader::Lines(lines) => lines.take(data, &mut self.row, out),
            Reader::Binary(binary) => binary.take(data, &mut self.row, out),
        }
    }

    /// The client's data ends here.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn finish(&mut self, out: &mut BytesMut) -> Result<(), ClientError> {
        match &mut self.reader {
            Reader::Lines(lines) => lines.finish(&mut self.row, out),
            Reader::Binary(binary) => binary.finish(),
        }
    }
}

/// The data breaks the format: PostgreSQL's own code for it.
fn bad_format(what: impl Into<String>) -> ClientError {
    ClientError::new(sqlstate::BAD_COPY_FILE_FORMAT, what)
}

fn unfit(what: &str, hint: &str) -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        format!("COPY into protected columns does not take {what}"),
    )
    .with_hint(hint)
}
