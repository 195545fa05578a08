//! Records as a person reads them: when, who, what was decided, the text.

use std::collections::BTreeMap;

use super::search::{Found, Seen, SeenColumn};

/// One record in one or more lines, without control characters.
pub fn show(found: &Found) -> Vec<String> {
    let record = &found.record;
    match record.event.as_str() {
        "statement.start" => statement(record, found.end.as_deref().map(|e| &e.record)),
        "statement.end" => vec![format!("{}  {}", head(record), outcome(record))],
        _ => vec![format!("{}  {}  {}", head(record), record.event, members(record))],
    }
}

/// `2026-11-23 21:05:45Z  ana@shop  session 42`
fn head(record: &Seen) -> String {
    let person = record.person();
    let user = person.as_deref().unwrap_or("-");
    let mut out = format!("{}  {user}", record.at.strftime("%Y-%m-%d %H:%M:%SZ"));
    if let Some(database) = &record.database {
        out.push_str(&format!("@{database}"));
    }
    if let Some(session) = record.session {
        out.push_str(&format!("  session {session}"));
    }
    out
}

fn statement(record: &Seen, end: Option<&Seen>) -> Vec<String> {
    let outcome = end.map_or_else(|| "no outcome yet".to_owned(), outcome);
    let mut lines = vec![format!("{}  {outcome}", head(record))];
    lines.extend(decisions(&record.columns).into_iter().map(|d| format!("    {d}")));
    if record.rest.get("observed").and_then(serde_json::Value::as_bool) == Some(true) {
        let refused = record
            .text("would_refuse")
            .map_or_else(String::new, |code| format!("; would have been refused ({code})"));
        lines.push(format!("    mode = observe: none of this was applied{refused}"));
    }
    let text = match (record.text("sql"), record.text("fingerprint")) {
        (Some(sql), _) => sql.split_whitespace().collect::<Vec<_>>().join(" "),
        (None, Some(fingerprint)) => format!("(text not kept; fingerprint {fingerprint})"),
        (None, None) => "(text not kept)".to_owned(),
    };
    lines.push(format!("    {text}"));
    if let Some(bytes) = record.number("sql_bytes") {
        lines.push(format!("    … cut; {bytes} bytes in all"));
    }
    lines
}

/// `3 rows, 1.5 ms` or `error 42501, 0.2 ms`
fn outcome(end: &Seen) -> String {
    let millis = end.rest.get("ms").map_or_else(|| "?".to_owned(), ToString::to_string);
    let refused = end.rest.get("refused").and_then(serde_json::Value::as_bool) == Some(true);
    match (end.text("sqlstate"), end.number("rows")) {
        (Some(code), _) if refused => format!("refused ({code})"),
        (Some(code), _) => format!("error {code}, {millis} ms"),
        (None, Some(1)) => format!("1 row, {millis} ms"),
        (None, Some(rows)) => format!("{rows} rows, {millis} ms"),
        (None, None) => format!("{millis} ms"),
    }
}

/// One line for each decision: `masked    public.customers.email (email)`.
fn decisions(columns: &[SeenColumn]) -> Vec<String> {
    let mut grouped: BTreeMap<(usize, String, String), Vec<&str>> = BTreeMap::new();
    for entry in columns {
        let SeenColumn::Decision { column, use_, decision, method, grant, role } = entry else { continue };
        let (rank, why) = match decision.as_str() {
            "refused" => (0, format!("as {}", use_.replace('_', " "))),
            "revealed" => match (grant, role) {
                (Some(id), _) => (1, format!("under grant {id}")),
                (None, Some(role)) => (1, format!("by role {role}")),
                (None, None) => (1, String::new()),
            },
            "neutralised" => (2, format!("as {}", use_.replace('_', " "))),
            "masked" => (3, method.as_ref().map_or_else(String::new, |m| format!("({m})"))),
            _ => (4, format!("as {}", use_.replace('_', " "))),
        };
        let names = grouped.entry((rank, decision.clone(), why)).or_default();
        if !names.contains(&column.as_str()) {
            names.push(column);
        }
    }
    grouped
        .into_iter()
        .map(|((_, decision, why), names)| {
            format!("{decision:<11} {} {why}", names.join(", ")).trim_end().to_owned()
        })
        .collect()
}

/// The members of an event that is not a statement: `grant 3, reason "…"`.
fn members(record: &Seen) -> String {
    let mut parts = Vec::new();
    if let Some(client) = record
        .client
        .as_ref()
        .filter(|_| record.event.starts_with("session") || record.event.starts_with("auth"))
    {
        parts.push(format!("from {client}"));
    }
    let names: Vec<&str> = record
        .columns
        .iter()
        .map(|c| match c {
            SeenColumn::Name(name) => name.as_str(),
            SeenColumn::Decision { column, .. } => column,
        })
        .collect();
    if !names.is_empty() {
        parts.push(names.join(", "));
    }
    for (name, value) in &record.rest {
        let hidden = matches!(name.as_str(), "node" | "prev" | "mac");
        let empty = value.is_null()
            || *value == serde_json::Value::Bool(false)
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_str() == Some("");
        if !hidden && !empty {
            parts.push(format!("{} {value}", name.replace('_', " ")));
        }
    }
    parts.join(", ")
}
