//! Text and CSV: where values and lines end, as `CopyReadLineText` has it.
//! What the values mean is in [`spelling`](super::spelling).
//!
//! Lines end alike, all with `\n` or all with `\r\n`, and go upstream with `\n`.

use bytes::{BufMut, BytesMut};
use zeroize::Zeroizing;

use super::row::Row;
use super::spelling::Spelling;
use super::{bad_format, unfit};
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{CopyFormat, CopyInFormat};

pub(super) struct LineReader {
    spelling: Spelling,
    delimiter: u8,
    /// None: text format.
    quotes: Option<Quotes>,
    state: State,
    /// How lines end, once one has.
    returns: Option<bool>,
    /// The header line is still to come: nobody looks at it.
    header: bool,
    /// Bytes of the value at hand.
    length: usize,
    /// They are kept, as they stand there, if it is looked at.
    value: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy)]
struct Quotes {
    quote: u8,
    escape: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    /// Text: behind a backslash. CSV: behind one that begins a line.
    Backslash,
    /// CSV: within quotes.
    Quoted,
    /// CSV: behind an escape character within quotes.
    Escaped,
    /// `\.` stands alone on the line so far.
    Marker,
    /// Behind `\r`; of a line that is `\.`?
    Return {
        marker: bool,
    },
    /// The server reads nothing more.
    Ended,
}

impl LineReader {
    /// # Errors
    /// Characters that mean two things.
    pub fn new(format: &CopyInFormat) -> Result<Self, ClientError> {
        let (delimiter, header, quotes) = match &format.format {
            CopyFormat::Text { delimiter, header, .. } => (*delimiter, *header, None),
            CopyFormat::Csv { delimiter, header, quote, escape, .. } => {
                (*delimiter, *header, Some(Quotes { quote: *quote, escape: *escape }))
            }
            CopyFormat::Binary => (0, false, None),
        };
        let (quote, escape) = quotes.map_or((0, 0), |quotes| (quotes.quote, quotes.escape));
        let ambiguous = [delimiter, quote, escape].iter().any(|byte| matches!(byte, b'\n' | b'\r'))
            || [quote, escape].contains(&delimiter)
            || [delimiter, quote].contains(&b'\\');
        if ambiguous {
            return Err(unfit("such a DELIMITER, QUOTE or ESCAPE", "Use other characters."));
        }
        Ok(Self {
            spelling: Spelling::of(format),
            delimiter,
            quotes,
            state: State::Plain,
            returns: None,
            header,
            length: 0,
            value: Zeroizing::default(),
        })
    }

    pub fn take(&mut self, mut data: &[u8], row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        while self.state != State::Ended {
            let ordinary = match self.state {
                State::Plain => data.iter().take_while(|byte| !self.is_special(**byte, row)).count(),
                State::Quoted => data.iter().take_while(|byte| !self.is_quoting(**byte)).count(),
                State::Backslash | State::Escaped | State::Marker | State::Return { .. } | State::Ended => 0,
            };
            let (run, rest) = data.split_at_checked(ordinary).unwrap_or((data, b""));
            self.put(run, row, out)?;
            let Some((byte, rest)) = rest.split_first() else { break };
            self.step(*byte, row, out)?;
            data = rest;
        }
        Ok(())
    }

    pub fn finish(&mut self, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        match self.state {
            State::Ended => Ok(()),
            State::Plain if self.begins_line(row) => Ok(()),
            // The last line need not end.
            State::Plain => self.end_line(row, out),
            State::Backslash if self.quotes.is_some() => {
                self.put(b"\\", row, out)?;
                self.end_line(row, out)
            }
            State::Marker => self.end_marker(row, out),
            State::Quoted | State::Escaped => self.finish_quoted(row, out),
            State::Backslash | State::Return { .. } => Err(bad_format("COPY data ends within a line end")),
        }
    }

    /// An escape character that closes the quotes may be the last byte.
    fn finish_quoted(&mut self, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        let closes = self.quotes.is_some_and(|quotes| quotes.quote == quotes.escape);
        match self.state == State::Escaped && closes {
            true => self.end_line(row, out),
            false => Err(bad_format("unterminated CSV quoted field")),
        }
    }

    fn is_special(&self, byte: u8, row: &Row) -> bool {
        match self.quotes {
            _ if byte == self.delimiter || byte == b'\n' || byte == b'\r' => true,
            None => byte == b'\\',
            Some(quotes) => byte == quotes.quote || (byte == b'\\' && self.begins_line(row)),
        }
    }

    fn is_quoting(&self, byte: u8) -> bool {
        self.quotes.is_some_and(|quotes| byte == quotes.quote || byte == quotes.escape)
    }

    fn begins_line(&self, row: &Row) -> bool {
        row.place() == 0 && self.length == 0
    }

    /// A byte that is not just part of a value.
    fn step(&mut self, byte: u8, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        match self.state {
            State::Plain => self.plain(byte, row, out),
            State::Backslash => self.behind_backslash(byte, row, out),
            State::Quoted => self.quoted(byte, row, out),
            State::Escaped => self.behind_escape(byte, row, out),
            State::Marker => self.behind_marker(byte, row, out),
            State::Return { marker } => match byte {
                b'\n' => self.line_feed(true, marker, row, out),
                _ => Err(literal_return()),
            },
            State::Ended => Ok(()),
        }
    }

    fn plain(&mut self, byte: u8, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        match byte {
            b'\n' => self.line_feed(false, false, row, out),
            b'\r' => {
                self.state = State::Return { marker: false };
                Ok(())
            }
            byte if byte == self.delimiter => self.end_value(row, out),
            b'\\' if self.quotes.is_none() || self.begins_line(row) => {
                self.state = State::Backslash;
                Ok(())
            }
            // A quote; quotes may begin anywhere in a value.
            byte => {
                self.state = State::Quoted;
                self.put(&[byte], row, out)
            }
        }
    }

    fn behind_backslash(&mut self, byte: u8, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        match (byte, self.quotes) {
            (b'.', _) if self.begins_line(row) => {
                self.state = State::Marker;
                Ok(())
            }
            // Versions differ in what this means.
            (b'.', None) => Err(bad_format("end-of-copy marker is not alone on its line")),
            (_, None) => {
                self.state = State::Plain;
                self.put(&[b'\\', byte], row, out)
            }
            // In CSV a backslash is a character like any other.
            (_, Some(_)) => {
                self.state = State::Plain;
                self.put(b"\\", row, out)?;
                match self.is_special(byte, row) {
                    true => self.plain(byte, row, out),
                    false => self.put(&[byte], row, out),
                }
            }
        }
    }

    fn quoted(&mut self, byte: u8, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        let escapes = self.quotes.is_some_and(|quotes| byte == quotes.escape);
        self.state = if escapes { State::Escaped } else { State::Plain };
        self.put(&[byte], row, out)
    }

    fn behind_escape(&mut self, byte: u8, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        let Some(quotes) = self.quotes else { return Ok(()) };
        if byte == quotes.quote || byte == quotes.escape {
            self.state = State::Quoted;
            return self.put(&[byte], row, out);
        }
        // It escaped nothing: a quote that closed, or a character.
        self.state = if quotes.quote == quotes.escape { State::Plain } else { State::Quoted };
        let special = match self.state {
            State::Plain => self.is_special(byte, row),
            _ => self.is_quoting(byte),
        };
        match special {
            true => self.step(byte, row, out),
            false => self.put(&[byte], row, out),
        }
    }

    fn behind_marker(&mut self, byte: u8, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        match byte {
            b'\n' => self.line_feed(false, true, row, out),
            b'\r' => {
                self.state = State::Return { marker: true };
                Ok(())
            }
            _ if self.quotes.is_none() => Err(bad_format("end-of-copy marker is not alone on its line")),
            byte => {
                self.state = State::Plain;
                self.put(b"\\.", row, out)?;
                match self.is_special(byte, row) {
                    true => self.plain(byte, row, out),
                    false => self.put(&[byte], row, out),
                }
            }
        }
    }

    fn line_feed(
        &mut self,
        returns: bool,
        marker: bool,
        row: &mut Row,
        out: &mut BytesMut,
    ) -> Result<(), ClientError> {
        if *self.returns.get_or_insert(returns) != returns {
            return Err(if returns { literal_return() } else { bad_format("literal newline found in data") });
        }
        self.state = State::Plain;
        if marker { self.end_marker(row, out) } else { self.end_line(row, out) }
    }

    /// `\.`: the end of the data, or in CSV for the newest servers a value.
    fn end_marker(&mut self, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        if self.quotes.is_some() && row.columns() == 1 && !self.header {
            self.put(b"\\.", row, out)?;
            return Err(ClientError::new(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "\\. in COPY into one protected column means different things to different servers",
            )
            .with_hint("End the data without it."));
        }
        out.put_slice(b"\\.\n");
        self.state = State::Ended;
        Ok(())
    }

    /// Passes a part of the value at hand on, or keeps it.
    fn put(&mut self, part: &[u8], row: &Row, out: &mut BytesMut) -> Result<(), ClientError> {
        self.length = self.length.saturating_add(part.len());
        if self.header || !row.is_watched() {
            out.put_slice(part);
            return Ok(());
        }
        row.check_length(self.length)?;
        self.value.extend_from_slice(part);
        Ok(())
    }

    fn end_value(&mut self, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        if self.header {
            self.length = self.length.saturating_add(1);
        } else {
            self.judge(row, out)?;
            row.next_value()?;
        }
        out.put_u8(self.delimiter);
        Ok(())
    }

    fn end_line(&mut self, row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        if std::mem::take(&mut self.header) {
            self.length = 0;
        } else {
            self.judge(row, out)?;
            row.end()?;
        }
        out.put_u8(b'\n');
        Ok(())
    }

    /// Writes what stands for a value that was looked at.
    fn judge(&mut self, row: &Row, out: &mut BytesMut) -> Result<(), ClientError> {
        self.length = 0;
        if row.is_watched() {
            let value = std::mem::take(&mut self.value);
            self.spelling.write(&value, row, out)?;
        }
        Ok(())
    }
}

fn literal_return() -> ClientError {
    bad_format("literal carriage return found in data")
}
