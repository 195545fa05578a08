//! `audit search`: finds records by who, what, when, over all files of a log.
//!
//! Lines that can't match are passed over by their bytes, without reading them
//! as JSON. A statement's end goes with its start. Nothing is believed to be
//! unedited here: that is `verify`.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use memchr::memmem::Finder;
use serde::Deserialize;

use super::marks::Marks;
use super::read::{for_each_line, for_each_line_with};
use crate::grants::model::END_USER;

/// Starts that wait for their end at most; the oldest are shown without.
const MAX_OPEN: usize = 100_000;

/// What to look for; all conditions together.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub user: Option<String>,
    pub session: Option<i64>,
    /// `schema.table.column`, `*` for any part.
    pub column: Option<String>,
    pub grant: Option<i64>,
    pub decision: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// A record, as far as searching and showing need it.
#[derive(Debug, Clone, Deserialize)]
pub struct Seen {
    pub seq: u64,
    pub at: Timestamp,
    pub event: String,
    pub session: Option<i64>,
    pub user: Option<String>,
    /// The person behind a shared login.
    #[serde(default)]
    pub end_user: Option<String>,
    pub database: Option<String>,
    pub client: Option<String>,
    #[serde(default)]
    pub columns: Vec<SeenColumn>,
    /// All other members.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// An entry of `columns`: of a statement, or of a grant or request.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum SeenColumn {
    Decision {
        column: String,
        #[serde(rename = "use")]
        use_: String,
        decision: String,
        method: Option<String>,
        grant: Option<i64>,
        role: Option<String>,
    },
    Name(String),
}

impl SeenColumn {
    fn name(&self) -> &str {
        match self {
            Self::Decision { column, .. } => column,
            Self::Name(name) => name,
        }
    }
    fn decision(&self) -> Option<&str> {
        match self {
            Self::Decision { decision, .. } => Some(decision),
            Self::Name(_) => None,
        }
    }
}

impl Seen {
    pub fn number(&self, member: &str) -> Option<u64> {
        self.rest.get(member)?.as_u64()
    }
    /// Who it is about: the end user, as grants name one, or else the login.
    pub fn person(&self) -> Option<String> {
        match &self.end_user {
            Some(person) => Some(format!("{END_USER}{person}")),
            None => self.user.clone(),
        }
    }
    pub fn text(&self, member: &str) -> Option<&str> {
        self.rest.get(member)?.as_str()
    }
}

/// A record that matched, and its line.
#[derive(Debug, Clone)]
pub struct Found {
    pub record: Seen,
    pub line: String,
    /// Of a `statement.start`: its outcome, where there is one yet.
    pub end: Option<Box<Found>>,
}

impl Query {
    /// Searches the files in their order and gives each match to `show`,
    /// starts with their ends. Lines that are no records are skipped.
    ///
    /// # Errors
    /// A file that can't be read, or what `show` fails with.
    pub fn run<E: From<io::Error>>(
        &self,
        files: &[PathBuf],
        mut show: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut pairs = Pairs::default();
        // The first one finds lines, the others look at them.
        let filter = self.filter();
        let (marks, ends) = (Marks::of(self), Finder::new("\"event\":\"statement.end\""));
        let (first, others) = match filter.split_first() {
            Some((first, others)) => (Some(first), others),
            None => (None, &[][..]),
        };
        for file in files {
            let mut look = |line: &[u8]| {
                if !others.iter().all(|f| f.find(line).is_some()) {
                    return Ok(());
                }
                let is_end = ends.find(line).is_some();
                let may_matter = if is_end { pairs.waits_for(line) } else { marks.may_be_on(line) };
                let Some(found) = may_matter.then(|| read(line)).flatten() else { return Ok(()) };
                if is_end {
                    pairs.end(found);
                } else if self.matches(&found.record) {
                    pairs.push(found);
                }
                pairs.ready(false, self, &mut show)
            };
            match first {
                Some(needle) => for_each_line_with(file, needle, &mut look)?,
                None => for_each_line(file, &mut look)?,
            }
        }
        pairs.ready(true, self, &mut show)
    }

    /// Byte strings that every matching line and its end have.
    fn filter(&self) -> Vec<Finder<'static>> {
        let mut finders = Vec::new();
        if let Some(user) = &self.user
            && let Ok(user) = serde_json::to_string(user)
        {
            // The end of `"end_user":` too.
            finders.push(Finder::new(&format!("user\":{user},")).into_owned());
        }
        if let Some(session) = self.session {
            finders.push(Finder::new(&format!("\"session\":{session},")).into_owned());
        }
        finders
    }

    fn matches(&self, record: &Seen) -> bool {
        let is = |want: &Option<String>, have: &Option<String>| want.is_none() || want == have;
        (is(&self.user, &record.user) || self.user == record.end_user)
            && (self.session.is_none() || self.session == record.session)
            && self.since.is_none_or(|t| record.at >= t)
            && self.until.is_none_or(|t| record.at < t)
            && self.grant.is_none_or(|id| touches_grant(record, id))
            && (self.column.is_none() || record.columns.iter().any(|c| self.matches_column(c)))
            && self.decision.as_ref().is_none_or(|d| d == "refused" || self.has_decision(record, d))
    }

    fn matches_column(&self, column: &SeenColumn) -> bool {
        let named = self.column.as_ref().is_none_or(|p| pattern_fits(p, column.name()));
        let decided = self.decision.as_ref().is_none_or(|d| column.decision() == Some(d));
        named && decided
    }

    fn has_decision(&self, record: &Seen, decision: &str) -> bool {
        record.columns.iter().any(|c| c.decision() == Some(decision))
    }

    /// A refusal may name no column (a text that can't be analysed): then its
    /// end tells.
    fn was_refused(&self, found: &Found) -> bool {
        let by_end = found.end.as_ref().and_then(|e| e.record.rest.get("refused")).and_then(|r| r.as_bool());
        self.has_decision(&found.record, "refused") || by_end == Some(true)
    }

    fn wanted(&self, found: &Found) -> bool {
        self.decision.as_deref() != Some("refused") || self.was_refused(found)
    }
}

fn touches_grant(record: &Seen, id: i64) -> bool {
    let own = record.rest.get("grant").and_then(serde_json::Value::as_i64) == Some(id);
    let listed = record.rest.get("grants").and_then(|g| g.as_array());
    own || listed.is_some_and(|g| g.iter().any(|g| g.as_i64() == Some(id)))
}

/// Does `schema.table.column` fit a pattern with `*` for any part?
pub(super) fn pattern_fits(pattern: &str, name: &str) -> bool {
    if pattern == name {
        return true;
    }
    let (mut want, mut have) = (pattern.split('.'), name.split('.'));
    loop {
        match (want.next(), have.next()) {
            (None, None) => return true,
            (Some(w), Some(h)) if w == "*" || w == h => {}
            _ => return false,
        }
    }
}

/// Matches in order, starts until their end is read.
#[derive(Default)]
struct Pairs {
    waiting: VecDeque<Found>,
}

impl Pairs {
    fn push(&mut self, found: Found) {
        self.waiting.push_back(found);
    }

    /// Is this the end of a start that waits?
    fn waits_for(&self, end: &[u8]) -> bool {
        const START: &[u8] = b"\"start\":";
        if self.waiting.is_empty() {
            return false;
        }
        let Some(at) = memchr::memmem::find(end, START).map(|at| at + START.len()) else { return false };
        let digits = end.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit());
        let start = digits.fold(0_u64, |seq, digit| seq.wrapping_mul(10).wrapping_add((digit - b'0').into()));
        self.waiting.binary_search_by_key(&start, |found| found.record.seq).is_ok()
    }

    fn end(&mut self, end: Found) {
        let Some(start) = end.record.number("start") else { return };
        if let Ok(at) = self.waiting.binary_search_by_key(&start, |f| f.record.seq)
            && let Some(found) = self.waiting.get_mut(at)
        {
            found.end = Some(Box::new(end));
        }
    }

    fn ready<E>(
        &mut self,
        all: bool,
        query: &Query,
        show: &mut impl FnMut(Found) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(front) = self.waiting.front() {
            let open = front.record.event == "statement.start" && front.end.is_none();
            if open && !all && self.waiting.len() <= MAX_OPEN {
                return Ok(());
            }
            if let Some(found) = self.waiting.pop_front()
                && query.wanted(&found)
            {
                show(found)?;
            }
        }
        Ok(())
    }
}

/// One line as a record; None if it is none.
pub fn read(line: &[u8]) -> Option<Found> {
    let record = serde_json::from_slice(line).ok()?;
    let line = String::from_utf8_lossy(line).trim_end().to_owned();
    Some(Found { record, line, end: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lines are passed over by their bytes would not have matched.
    #[test]
    fn no_line_is_passed_over_that_matches() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("audit.jsonl");
        let mut text = String::new();
        for n in 0..60_u64 {
            let (seq, user) = (2 * n + 1, ["ana", "bob"][usize::from(n % 3 == 0)]);
            let column = ["public.customers.email", r#"public.\"a b\".c"#][usize::from(n % 5 == 0)];
            let (decision, grants) = match n % 4 {
                // With the quote that ends it.
                0 => (format!("revealed\",\"grant\":{},\"x\":\"", n % 7), (n % 7).to_string()),
                1 => ("masked\",\"method\":\"email".to_owned(), String::new()),
                2 => ("disclosed".to_owned(), "3,17".to_owned()),
                _ => ("neutralised".to_owned(), String::new()),
            };
            let head = |seq: u64, event: &str| {
                format!(
                    "{{\"seq\":{seq},\"at\":\"2026-11-23T20:15:00.{:06}Z\",\"node\":\"n\",\"event\":\"{event}\",\
                     \"session\":1,\"user\":\"{user}\",\"database\":\"d\",\"client\":null,",
                    n * 7
                )
            };
            text += &head(seq, "statement.start");
            text += &format!(
                "\"sql\":\"SELECT '\\\"grant\\\":5'\",\"columns\":[{{\"column\":\"{column}\",\"use\":\"output\",\
                 \"decision\":\"{decision}\"}}],\"grants\":[{grants}]}}\n"
            );
            text += &head(seq + 1, "statement.end");
            text += &format!("\"start\":{seq},\"rows\":1,\"refused\":false}}\n");
        }
        std::fs::write(&file, &text).unwrap();
        let all: Vec<Found> = text.lines().filter_map(|line| read(line.as_bytes())).collect();
        assert_eq!(all.len(), 120);
        let one = Query::default;
        let at = |time: &str| Some(time.parse::<Timestamp>().unwrap());
        for (query, some) in [
            (one(), true),
            (Query { user: Some("ana".into()), ..one() }, true),
            (Query { column: Some("public.\"a b\".c".into()), ..one() }, true),
            (Query { column: Some("*.*.email".into()), decision: Some("masked".into()), ..one() }, true),
            (Query { decision: Some("revealed".into()), ..one() }, true),
            (Query { grant: Some(3), ..one() }, true),
            (Query { grant: Some(1), user: Some("bob".into()), ..one() }, true),
            (Query { grant: Some(5), column: Some("public.customers.email".into()), ..one() }, true),
            (Query { grant: Some(33), ..one() }, false),
            (Query { since: at("2026-11-23T20:15:00.000070Z"), ..one() }, true),
            (Query { since: at("2026-11-23T20:15:00.000070001Z"), ..one() }, true),
            (Query { until: at("2026-11-23T20:15:00.00007Z"), ..one() }, true),
            (
                Query {
                    since: at("2026-11-23T20:15:00Z"),
                    until: at("2026-11-23T20:15:00.000001Z"),
                    ..one()
                },
                true,
            ),
            (Query { until: at("2026-11-23T20:15:00Z"), ..one() }, false),
        ] {
            let starts = all.iter().filter(|found| found.record.event == "statement.start");
            let expected: Vec<u64> =
                starts.filter(|found| query.matches(&found.record)).map(|found| found.record.seq).collect();
            let mut got = Vec::new();
            query
                .run(std::slice::from_ref(&file), |found| {
                    assert!(found.end.is_some(), "{query:?}: {found:?}");
                    got.push(found.record.seq);
                    Ok::<(), io::Error>(())
                })
                .unwrap();
            assert_eq!(got, expected, "{query:?}");
            assert_eq!(!got.is_empty(), some, "{query:?}");
        }
    }

    #[test]
    fn patterns_fit_by_parts() {
        for (pattern, name, fits) in [
            ("public.customers.email", "public.customers.email", true),
            ("*.*.email", "public.customers.email", true),
            ("public.customers.*", "public.customers.email", true),
            ("public.customers", "public.customers.email", false),
            ("*.*.ssn", "public.customers.email", false),
        ] {
            assert_eq!(pattern_fits(pattern, name), fits, "{pattern} {name}");
        }
    }
}
