//! From a record to the members of a JSON object, in the documented order.
//! Follows `docs/AUDIT-FORMAT.md`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::queue::Ticket;
use super::record::{Event, Who};
use super::sqltext::SqlTexts;
use crate::policy::decide::{ColumnDecision, What};
use crate::policy::{Access, Basis};

/// One entry of `columns`.
#[derive(Debug, Serialize)]
struct ColumnEntry<'a> {
    column: &'a str,
    #[serde(rename = "use")]
    use_: &'static str,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
}

impl<'a> From<&'a ColumnDecision> for ColumnEntry<'a> {
    fn from(entry: &'a ColumnDecision) -> Self {
        let mut line = Self {
            column: &entry.column.name,
            use_: entry.use_,
            decision: "refused",
            method: None,
            grant: None,
            role: None,
        };
        match &entry.what {
            What::Masked(method) => {
                line.decision = "masked";
                line.method = Some(method);
            }
            What::Revealed(access) => {
                line.decision = "revealed";
                match access {
                    Access::Revealed { basis: Basis::Grant(id), .. } => line.grant = Some(id.0),
                    Access::Revealed { basis: Basis::Role(role), .. } => line.role = Some(role),
                    Access::Masked => line.decision = "masked",
                }
            }
            What::Neutralised => line.decision = "neutralised",
            What::Refused => {}
            What::Disclosed => line.decision = "disclosed",
        }
        line
    }
}

/// The ids of the grants that a statement leans on, ascending, each once.
fn grants_of(columns: &[ColumnDecision]) -> Vec<i64> {
    let mut ids: Vec<i64> = columns.iter().filter_map(|c| ColumnEntry::from(c).grant).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// RFC 3339 in UTC with microseconds. Records come by the thousand a second:
/// only the digits behind the point are written anew for each.
#[derive(Default)]
pub(super) struct Times {
    second: Option<i64>,
    text: String,
}

/// `2026-01-02T03:04:05.`, before the microseconds and the `Z`.
const WHOLE_SECONDS: usize = 20;

impl Times {
    pub fn text(&mut self, at: Timestamp) -> &str {
        // Before 1970 fractions count backwards.
        let second = Some(at.as_second()).filter(|second| *second > 0);
        if second.is_none() || second != self.second || self.text.len() != WHOLE_SECONDS + 7 {
            self.text.clear();
            // A String takes everything.
            let _ = write!(self.text, "{at:.6}");
            self.second = second;
            return &self.text;
        }
        self.text.truncate(WHOLE_SECONDS);
        let mut rest = at.subsec_microsecond();
        let mut digits = [0_u8; 6];
        for digit in digits.iter_mut().rev() {
            *digit = u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        self.text.extend(digits.map(|digit| char::from(b'0' + digit)));
        self.text.push('Z');
        &self.text
    }
}

/// The common members, before those of the event.
pub(super) struct Head<'a> {
    pub seq: u64,
    pub at: &'a str,
    pub node: &'a str,
    pub event: &'static str,
    pub session: Option<i64>,
    pub user: Option<&'a str>,
    /// The member is there only if somebody was named.
    pub end_user: Option<&'a str>,
    pub database: Option<&'a str>,
    pub client: Option<&'a str>,
}

impl<'a> Head<'a> {
    pub fn new(seq: u64, at: &'a str, node: &'a str, event: &Event, who: &'a Who) -> Self {
        let known = |s: &'a Arc<str>| (!s.is_empty()).then_some(&**s);
        Self {
            seq,
            at,
            node,
            event: event.name(),
            session: (who.session != 0).then_some(who.session),
            user: known(&who.user),
            end_user: who.end_user.as_deref(),
            database: known(&who.database),
            client: known(&who.client),
        }
    }

    /// As an object without its brace. Written by hand: every record begins
    /// so, and the names need no look for what must be escaped.
    fn put(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut member = |name: &str, value: Value<'_>| {
            out.extend_from_slice(name.as_bytes());
            match value {
                Value::Plain(text) => {
                    out.push(b'"');
                    out.extend_from_slice(text.as_bytes());
                    out.push(b'"');
                    Ok(())
                }
                Value::Text(text) => serde_json::to_writer(&mut *out, &text),
                Value::Number(number) => serde_json::to_writer(&mut *out, &number),
            }
        };
        member("{\"seq\":", Value::Number(i64::try_from(self.seq).ok()))?;
        member(",\"at\":", Value::Plain(self.at))?;
        member(",\"node\":", Value::Text(Some(self.node)))?;
        member(",\"event\":", Value::Plain(self.event))?;
        member(",\"session\":", Value::Number(self.session))?;
        member(",\"user\":", Value::Text(self.user))?;
        if self.end_user.is_some() {
            member(",\"end_user\":", Value::Text(self.end_user))?;
        }
        member(",\"database\":", Value::Text(self.database))?;
        member(",\"client\":", Value::Text(self.client))
    }
}

/// A member of the head.
enum Value<'a> {
    /// Of letters, digits and signs that need no escape.
    Plain(&'a str),
    Text(Option<&'a str>),
    Number(Option<i64>),
}

/// The members of `statement.start`.
#[derive(Serialize)]
struct StatementStartBody<'a> {
    sql: Option<&'a str>,
    /// Only where the text was cut: its whole length in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql_bytes: Option<usize>,
    fingerprint: Option<&'a str>,
    columns: Vec<ColumnEntry<'a>>,
    grants: Vec<i64>,
    /// Only where it is true.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    observed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    would_refuse: Option<&'a str>,
}

/// The members of `statement.end`.
#[derive(Serialize)]
struct StatementEndBody<'a> {
    /// None: its start could not be written.
    start: Option<u64>,
    rows: u64,
    bytes: u64,
    ms: f64,
    sqlstate: Option<&'a str>,
    refused: bool,
}

/// Appends a record as an open object: without `prev`, `mac` and its brace.
/// `seq_of` tells the seq of a statement's start.
pub(super) fn encode_event(
    out: &mut Vec<u8>,
    head: &Head<'_>,
    event: &Event,
    texts: &mut SqlTexts,
    seq_of: impl Fn(Ticket) -> Option<u64>,
) -> serde_json::Result<()> {
    match event {
        Event::SessionStart(body) => encode(out, head, body),
        Event::SessionEnd(body) => encode(out, head, body),
        Event::AuthFailed(body) => encode(out, head, body),
        Event::StatementStart(start) => {
            let shown = texts.show(&start.sql);
            let body = StatementStartBody {
                sql: shown.sql.as_deref(),
                sql_bytes: shown.sql_bytes,
                fingerprint: shown.fingerprint.as_deref(),
                columns: start.columns.iter().map(ColumnEntry::from).collect(),
                grants: grants_of(&start.columns),
                observed: start.observed.is_some(),
                would_refuse: start.observed.as_ref().and_then(|observed| observed.would_refuse.as_deref()),
            };
            encode(out, head, &body)
        }
        Event::StatementEnd(end) => {
            let body = StatementEndBody {
                start: seq_of(end.start),
                rows: end.rows,
                bytes: end.bytes,
                ms: millis(end.elapsed),
                sqlstate: end.sqlstate.as_deref(),
                refused: end.refused,
            };
            encode(out, head, &body)
        }
        Event::RequestCreated(body) => encode(out, head, body),
        Event::RequestApproved(body) => encode(out, head, body),
        Event::RequestDenied(body) => encode(out, head, body),
        Event::RequestReviewed(body) => encode(out, head, body),
        Event::GrantCreated(body) => encode(out, head, body),
        Event::GrantUsed(body) => encode(out, head, body),
        Event::GrantExpired(body) => encode(out, head, body),
        Event::GrantRevoked(body) => encode(out, head, body),
        Event::PolicyLoaded(body) => encode(out, head, body),
        Event::NotifyFailed(body) => encode(out, head, body),
        Event::Tripwire(body) => encode(out, head, body),
        Event::LogRecovered(body) => encode(out, head, body),
        Event::LogResumed(body) => encode(out, head, body),
        Event::LogHeadLost(body) => encode(out, head, body),
    }
}

/// Whole microseconds, so that no digit is noise.
fn millis(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e6).round() / 1e3
}

/// Head and body as one open object: `{"seq":…,…` without its brace.
fn encode(out: &mut Vec<u8>, head: &Head<'_>, body: &impl Serialize) -> serde_json::Result<()> {
    head.put(out)?;
    let joint = out.len();
    serde_json::to_writer(&mut *out, body)?;
    out.pop();
    if let Some(brace) = out.get_mut(joint) {
        *brace = b',';
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn times_are_those_of_the_library(moments in proptest::collection::vec((-3i64..3, 0i32..1_000_000_000), 1..20)) {
            let mut times = Times::default();
            for base in [0, 1_767_323_045, 253_402_207_000] {
                for (second, nanos) in &moments {
                    let at = Timestamp::new(base + second, *nanos).unwrap();
                    proptest::prop_assert_eq!(times.text(at), format!("{at:.6}"));
                }
            }
        }
    }
}
