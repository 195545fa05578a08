//! What commands print: tables for people, one JSON object a line for
//! programs, errors in one line.
//!
//! Invariant: text that others chose (SQL, names) reaches a terminal without
//! control characters, so that it can't move the cursor or hide a line.

use std::io::{self, Write};

use serde::Serialize;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

/// Prints one line to stdout.
///
/// # Errors
/// A closed pipe, which [`is_closed_pipe`] tells from failures.
pub fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Prints bytes as they are.
///
/// # Errors
/// As [`line()`].
pub fn raw(bytes: &[u8]) -> anyhow::Result<()> {
    Ok(io::stdout().lock().write_all(bytes)?)
}

/// Prints records: with `json` one object a line, else a table whose columns
/// `header` names and whose cells `row` makes. No records: nothing as JSON,
/// the header as a table.
pub fn records<T: Serialize>(
    json: bool,
    header: &[&str],
    records: &[T],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if json {
        for record in records {
            line(serde_json::to_string(record)?)?;
        }
        return Ok(());
    }
    raw(table(header, records.iter(), row).as_bytes())
}

/// The same table as text, each line ended.
pub fn table<'a, T: 'a>(
    header: &[&str],
    records: impl Iterator<Item = &'a T>,
    row: impl Fn(&T) -> Vec<String>,
) -> String {
    let mut table = Builder::default();
    table.push_record(header.iter().map(|h| (*h).to_owned()));
    for record in records {
        table.push_record(row(record).iter().map(|cell| printable(cell)));
    }
    let text = table.build().with(Style::empty()).with(Padding::new(0, 2, 0, 0)).to_string();
    text.lines().flat_map(|row| [row.trim_end(), "\n"]).collect()
}

/// Prints records of a list that goes on: no header, cells between two spaces.
pub fn follow<T: Serialize>(
    json: bool,
    records: &[T],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    for record in records {
        let cells = || row(record).iter().filter(|c| !c.is_empty()).map(|c| printable(c)).collect::<Vec<_>>();
        line(if json { serde_json::to_string(record)? } else { cells().join("  ") })?;
    }
    Ok(io::stdout().lock().flush()?)
}

/// The text in one line, control characters as spaces or `\u{…}`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Characters that turn the direction of text or have no width: they make a
/// line read other than it is ("Trojan Source", CVE-2021-42574).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The error and its causes in one line.
pub fn one_line(error: &anyhow::Error) -> String {
    printable(&format!("{error:#}"))
}

/// Did the reader of our output go away?
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_cannot_paint_over_the_terminal() {
        assert_eq!(printable("SELECT 1;\n\x1b[2K\u{202e}x"), "SELECT 1; \\u{1b}[2K\\u{202e}x");
    }

    #[test]
    fn an_error_is_one_line_with_its_causes() {
        let error = anyhow::Error::from(io::Error::other("disk\ngone")).context("writing proxy.toml");
        assert_eq!(one_line(&error), "writing proxy.toml: disk gone");
        assert!(!is_closed_pipe(&error));
        let closed = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert!(is_closed_pipe(&closed));
    }
}
