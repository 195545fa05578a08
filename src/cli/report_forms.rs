//! A report as CSV and as a page that stands alone.
//!
//! Names and reasons were written by others: the page shows them as text and
//! loads nothing, and no cell of the CSV begins like a formula.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::output::printable;
use crate::audit::report::{Entry, Scope};
use crate::audit::verify::Report as Chain;

/// A report with what it is about.
pub struct Report<'a> {
    pub entries: &'a [Entry],
    pub scope: &'a Scope,
    pub made_at: Timestamp,
    /// What verifying the files found; or why they were not verified.
    pub chain: Result<&'a Chain, &'a str>,
}

/// Names of the CSV's columns.
const HEADER: [&str; 16] = [
    "database",
    "column",
    "user",
    "first",
    "last",
    "statements",
    "rows",
    "unfinished",
    "uses",
    "grant",
    "role",
    "approved_by",
    "requested_by",
    "reason",
    "ticket",
    "observed",
];

/// RFC 4180, a header first.
///
/// # Errors
/// None is known: it is written to memory.
pub fn csv(entries: &[Entry]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    out.write_record(HEADER)?;
    for entry in entries {
        let number = |n: u64| n.to_string();
        let text = |text: &Option<String>| inert(text.as_deref().unwrap_or_default());
        out.write_record([
            inert(&entry.database),
            inert(&entry.column),
            inert(&entry.user),
            time(entry.first),
            time(entry.last),
            number(entry.statements),
            number(entry.rows),
            number(entry.unfinished),
            entry.uses.join("; "),
            entry.grant.map(|id| id.to_string()).unwrap_or_default(),
            text(&entry.role),
            inert(&entry.approved_by.join("; ")),
            text(&entry.requested_by),
            text(&entry.reason),
            text(&entry.ticket),
            entry.observed.to_string(),
        ])?;
    }
    out.into_inner().map_err(|e| e.into_error().into())
}

/// A spreadsheet runs what begins with one of these; an apostrophe before it
/// makes it text (OWASP, "CSV Injection").
fn inert(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// `2026-11-23T20:15:00Z`
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Under what a person saw it: `grant 3` or `role billing`.
pub fn basis(entry: &Entry) -> String {
    match (entry.grant, &entry.role) {
        _ if entry.observed => "nothing: mode = observe".to_owned(),
        (Some(id), _) => format!("grant {id}"),
        (None, Some(role)) => format!("role {role}"),
        (None, None) => "unknown".to_owned(),
    }
}

/// What verifying found, in a sentence.
pub fn verdict(chain: Result<&Chain, &str>) -> String {
    let chain = match chain {
        Ok(chain) => chain,
        Err(why) => return format!("The log was not verified: {why}."),
    };
    if let Some(bad) = &chain.bad {
        return format!(
            "THE LOG IS DAMAGED: {}, line {}: {}. What follows that line may be false.",
            bad.file.display(),
            bad.line,
            bad.fault
        );
    }
    let Some((first, last)) = chain.first_seq.zip(chain.last.as_ref()) else {
        return "The log holds no record.".to_owned();
    };
    let begins = match first {
        1 => String::new(),
        _ => " Earlier files are not among these.".to_owned(),
    };
    format!(
        "The log was verified: {} records, seq {first} to {}, head {}.{begins}",
        chain.records,
        last.seq,
        String::from_utf8_lossy(&last.mac)
    )
}

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1a1a1a}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
th{font-weight:600;background:#f5f5f5}td.n{text-align:right;font-variant-numeric:tabular-nums}
p.bad{background:#fde8e8;padding:.6rem;font-weight:600}p.chain{color:#555;overflow-wrap:anywhere}
@media print{body{margin:0;max-width:none}}";

/// A page that loads nothing and runs nothing.
pub fn html(report: &Report<'_>) -> String {
    let mut out = String::new();
    let bad = !report.chain.is_ok_and(|chain| chain.bad.is_none());
    // Writing to a String does not fail.
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Who saw protected columns</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n\
         <h1>Who saw protected columns</h1>\n<p>{}</p>\n<p class=\"{}\">{}</p>\n",
        escape(&about(report)),
        if bad { "bad" } else { "chain" },
        escape(&verdict(report.chain)),
    );
    if report.entries.is_empty() {
        out.push_str("<p>Nobody saw any.</p>\n");
    }
    for group in report.entries.chunk_by(|a, b| (&a.database, &a.column) == (&b.database, &b.column)) {
        if let Some(first) = group.first() {
            let _ = writeln!(
                out,
                "<h2>{} <small>in {}</small></h2>",
                escape(&first.column),
                escape(&first.database)
            );
        }
        out.push_str(
            "<table>\n<tr><th>Who</th><th>First</th><th>Last</th><th>Statements</th><th>Rows</th>\
             <th>Use</th><th>Under</th><th>Approved by</th><th>Reason</th></tr>\n",
        );
        group.iter().for_each(|entry| row(&mut out, entry));
        out.push_str("</table>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn row(out: &mut String, entry: &Entry) {
    let cells = [
        entry.user.clone(),
        time(entry.first),
        time(entry.last),
        entry.statements.to_string(),
        rows(entry),
        entry.uses.join(", ").replace('_', " "),
        basis(entry),
        entry.approved_by.join(", "),
        reason(entry),
    ];
    out.push_str("<tr>");
    for (place, cell) in cells.iter().enumerate() {
        let class = if matches!(place, 3 | 4) { " class=\"n\"" } else { "" };
        let _ = write!(out, "<td{class}>{}</td>", escape(cell));
    }
    out.push_str("</tr>\n");
}

/// `12`, or `12 +` where the outcome of a statement is not known.
pub fn rows(entry: &Entry) -> String {
    match entry.unfinished {
        0 => entry.rows.to_string(),
        _ => format!("{} +", entry.rows),
    }
}

/// Reason and ticket.
pub fn reason(entry: &Entry) -> String {
    let ticket = entry.ticket.as_ref().map(|ticket| format!("[{ticket}]"));
    [ticket, entry.reason.clone()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `2026-11-01T00:00:00Z to 2026-11-23T20:15:00Z, user ana, column *.*.email`
fn about(report: &Report<'_>) -> String {
    let scope = report.scope;
    let since = scope.since.map_or_else(|| "the beginning of the log".to_owned(), time);
    let mut about = format!("From {since} to {}", time(scope.until.unwrap_or(report.made_at)));
    for (what, value) in [("user", &scope.user), ("column", &scope.column)] {
        if let Some(value) = value {
            let _ = write!(about, ", {what} {value}");
        }
    }
    let _ = write!(about, ". Made at {} by bauta {}.", time(report.made_at), env!("CARGO_PKG_VERSION"));
    about
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
