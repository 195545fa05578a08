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
use crate::config::AuditSql;
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
            What::Neutralised | What::LeftOut => line.decision = "neutralised",
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
struct Times {
    second: Option<i64>,
    text: String,
}

/// `2026-01-02T03:04:05.`, before the microseconds and the `Z`.
const WHOLE_SECONDS: usize = 20;

impl Times {
    fn text(&mut self, at: Timestamp) -> &str {
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

/// Sessions whose members are remembered.
const PEOPLE: usize = 256;

/// What records say of a session: the same in all of them.
struct People(Vec<Option<(Arc<Who>, Vec<u8>)>>);

impl People {
    /// The members `session` to `client`, with a comma before each.
    fn members(&mut self, who: &Arc<Who>) -> serde_json::Result<&[u8]> {
        let place = usize::try_from(who.session).unwrap_or(0) % self.0.len();
        let Some(slot) = self.0.get_mut(place) else { return Ok(&[]) };
        if slot.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, who)) {
            let mut out = Vec::new();
            member(&mut out, ",\"session\":", &(who.session != 0).then_some(who.session))?;
            member(&mut out, ",\"user\":", &known(&who.user))?;
            if let Some(end_user) = &who.end_user {
                member(&mut out, ",\"end_user\":", &**end_user)?;
            }
            member(&mut out, ",\"database\":", &known(&who.database))?;
            member(&mut out, ",\"client\":", &known(&who.client))?;
            *slot = Some((who.clone(), out));
        }
        Ok(slot.as_ref().map_or(&[], |(_, members)| members))
    }
}

/// Empty: unknown.
fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// A member whose name, with what stands around it, needs no escape.
pub(super) fn member(
    out: &mut Vec<u8>,
    name: &str,
    value: &(impl Serialize + ?Sized),
) -> serde_json::Result<()> {
    out.extend_from_slice(name.as_bytes());
    serde_json::to_writer(out, value)
}

/// The members of `statement.start` behind those of its text.
#[derive(Serialize)]
struct StatementStartBody<'a> {
    columns: Vec<ColumnEntry<'a>>,
    grants: Vec<i64>,
    /// Only where it is true.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    observed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    would_refuse: Option<&'a str>,
}

/// Turns records into lines, and remembers what many of them share: what their
/// session and their text give is encoded once.
pub(super) struct Encoder {
    node: Arc<str>,
    times: Times,
    people: People,
    texts: SqlTexts,
}

impl Encoder {
    pub fn new(node: Arc<str>, sql: AuditSql) -> Self {
        let people = People(std::iter::repeat_with(|| None).take(PEOPLE).collect());
        Self { node, times: Times::default(), people, texts: SqlTexts::new(sql) }
    }

    /// Appends a record as an open object: without `prev`, `mac` and its brace.
    /// `seq_of` tells the seq of a statement's start.
    pub fn encode(
        &mut self,
        out: &mut Vec<u8>,
        (seq, at): (u64, Timestamp),
        who: &Arc<Who>,
        event: &Event,
        seq_of: impl Fn(Ticket) -> Option<u64>,
    ) -> serde_json::Result<()> {
        member(out, "{\"seq\":", &seq)?;
        out.extend_from_slice(b",\"at\":\"");
        out.extend_from_slice(self.times.text(at).as_bytes());
        member(out, "\",\"node\":", &*self.node)?;
        out.extend_from_slice(b",\"event\":\"");
        out.extend_from_slice(event.name().as_bytes());
        out.push(b'"');
        out.extend_from_slice(self.people.members(who)?);
        match event {
            Event::StatementStart(start) => {
                self.texts.put(out, &start.sql)?;
                if start.columns.is_empty() && start.observed.is_none() {
                    out.extend_from_slice(b",\"columns\":[],\"grants\":[]");
                    return Ok(());
                }
                let observed = start.observed.as_ref();
                let body = StatementStartBody {
                    columns: start.columns.iter().map(ColumnEntry::from).collect(),
                    grants: grants_of(&start.columns),
                    observed: observed.is_some(),
                    would_refuse: observed.and_then(|observed| observed.would_refuse.as_deref()),
                };
                put_members(out, &body)
            }
            Event::StatementEnd(end) => {
                // None: its start could not be written.
                member(out, ",\"start\":", &seq_of(end.start))?;
                member(out, ",\"rows\":", &end.rows)?;
                member(out, ",\"bytes\":", &end.bytes)?;
                member(out, ",\"ms\":", &millis(end.elapsed))?;
                member(out, ",\"sqlstate\":", &end.sqlstate)?;
                member(out, ",\"refused\":", &end.refused)
            }
            Event::SessionStart(body) => put_members(out, body),
            Event::SessionEnd(body) => put_members(out, body),
            Event::AuthFailed(body) => put_members(out, body),
            Event::RequestCreated(body) => put_members(out, body),
            Event::RequestApproved(body) => put_members(out, body),
            Event::RequestDenied(body) => put_members(out, body),
            Event::RequestReviewed(body) => put_members(out, body),
            Event::GrantCreated(body) => put_members(out, body),
            Event::GrantUsed(body) => put_members(out, body),
            Event::GrantExpired(body) => put_members(out, body),
            Event::GrantRevoked(body) => put_members(out, body),
            Event::PolicyLoaded(body) => put_members(out, body),
            Event::NotifyFailed(body) => put_members(out, body),
            Event::Tripwire(body) => put_members(out, body),
            Event::LogRecovered(body) => put_members(out, body),
            Event::LogResumed(body) => put_members(out, body),
            Event::LogHeadLost(body) => put_members(out, body),
        }
    }
}

/// Whole microseconds, so that no digit is noise.
fn millis(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e6).round() / 1e3
}

/// The members of an object, with a comma before each.
fn put_members(out: &mut Vec<u8>, body: &impl Serialize) -> serde_json::Result<()> {
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
    use crate::audit::record::GrantUsed;

    #[test]
    fn a_record_names_its_own_session_whoever_was_remembered_in_the_place() {
        let who = |session, user: &str| {
            Arc::new(Who { session, user: user.into(), database: "shop".into(), ..Who::default() })
        };
        let ana = who(1, "ana");
        let person = Arc::new(Who { end_user: Some("mia \"m\"".into()), ..(*ana).clone() });
        let sam = who(1 + PEOPLE as i64, "sam");
        let nobody = Arc::new(Who::default());
        let mut encoder = Encoder::new("n".into(), AuditSql::Full);
        for who in [&ana, &ana, &person, &sam, &nobody, &ana, &sam] {
            let mut out = Vec::new();
            let event = Event::GrantUsed(GrantUsed { grant: 1, uses: 2 });
            encoder.encode(&mut out, (7, Timestamp::UNIX_EPOCH), who, &event, |_| None).unwrap();
            out.push(b'}');
            let record: serde_json::Value = serde_json::from_slice(&out).unwrap();
            let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let member = |name: &str| record[name].as_str().map(str::to_owned);
            assert_eq!(record["session"].as_i64(), Some(who.session).filter(|id| *id != 0));
            assert_eq!(member("user"), known(&who.user));
            assert_eq!(member("database"), known(&who.database));
            assert_eq!(member("end_user"), who.end_user.as_deref().map(str::to_owned));
            assert_eq!(record["uses"], 2);
        }
    }

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
