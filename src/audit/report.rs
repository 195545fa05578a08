//! `audit report`: for each protected column, who saw it unmasked, when, under
//! whose approval, for what reason, how many statements and rows.
//!
//! A statement counts when its decision let a value, or the answer to a
//! question about it, through (`revealed`), and it ran: a refusal of another
//! column refuses all of it. Under `mode = "observe"` nothing was masked or
//! refused: all of it counts, as shown under no rule. Reasons and approvals are those of the grant's own
//! records, wherever in the files they stand. Nothing is believed to be
//! unedited here: that is `verify`.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use memchr::memmem::Finder;
use serde::Serialize;

use super::read::for_each_line;
use super::search::{self, Seen, SeenColumn, pattern_fits};

/// Statements that wait for their end at most; the oldest count without.
const MAX_OPEN: usize = 100_000;

/// What to report; all conditions together.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// `schema.table.column`, `*` for any part.
    pub column: Option<String>,
    pub user: Option<String>,
}

/// One column as one person saw it for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub database: String,
    pub column: String,
    pub user: String,
    pub first: Timestamp,
    pub last: Timestamp,
    pub statements: u64,
    /// Rows of those statements, sent or affected.
    pub rows: u64,
    /// Statements whose outcome is not in these files.
    pub unfinished: u64,
    /// Which uses were let through: `output`, `predicate` …
    pub uses: Vec<String>,
    /// None: a role's `unmask`, or nothing at all under `mode = "observe"`.
    pub grant: Option<i64>,
    pub role: Option<String>,
    /// Shown because nothing was protected then: `mode = "observe"`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observed: bool,
    /// Of the grant; empty: its records are not among these files.
    pub approved_by: Vec<String>,
    pub requested_by: Option<String>,
    pub reason: Option<String>,
    pub ticket: Option<String>,
}

/// Reads the files in their order.
///
/// # Errors
/// A file that can't be read.
pub fn report(files: &[PathBuf], scope: &Scope) -> Result<Vec<Entry>, (PathBuf, io::Error)> {
    let mut reader = Reader::new(scope);
    for file in files {
        for_each_line::<io::Error>(file, |line| {
            reader.line(line);
            Ok(())
        })
        .map_err(|error| (file.clone(), error))?;
    }
    Ok(reader.finish())
}

/// What lets a person see a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Basis {
    /// By its place in `Grants::all`: a number may be given twice, when the
    /// state was begun anew.
    Grant(usize),
    Role(String),
    /// `mode = "observe"`.
    Unprotected,
    Unknown,
}

type Key = (String, String, String, Basis);

#[derive(Debug)]
struct Seeing {
    first: Timestamp,
    last: Timestamp,
    statements: u64,
    rows: u64,
    unfinished: u64,
    uses: Vec<String>,
}

/// A statement whose end has not been read.
struct Open {
    at: Timestamp,
    keys: Vec<(Key, Vec<String>)>,
}

struct Reader<'a> {
    scope: &'a Scope,
    revealed: Finder<'static>,
    observed: Finder<'static>,
    ended: Finder<'static>,
    granted: Finder<'static>,
    approved: Finder<'static>,
    grants: Grants,
    open: BTreeMap<u64, Open>,
    seen: BTreeMap<Key, Seeing>,
}

impl<'a> Reader<'a> {
    fn new(scope: &'a Scope) -> Self {
        let find = |text: &str| Finder::new(text).into_owned();
        Self {
            scope,
            revealed: find("\"decision\":\"revealed\""),
            observed: find("\"observed\":true"),
            ended: find("\"event\":\"statement.end\""),
            granted: find("\"event\":\"grant.created\""),
            approved: find("\"event\":\"request.approved\""),
            grants: Grants::default(),
            open: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    fn line(&mut self, line: &[u8]) {
        let has = |finder: &Finder<'_>| finder.find(line).is_some();
        let ends = has(&self.ended);
        // Most lines of a log matter to nobody's report.
        let matters = ends && !self.open.is_empty()
            || !ends
                && (has(&self.revealed) || has(&self.observed) || has(&self.granted) || has(&self.approved));
        if !matters {
            return;
        }
        let Some(found) = search::read(line) else { return };
        let record = found.record;
        match record.event.as_str() {
            "statement.start" => self.start(&record),
            "statement.end" => self.end(&record),
            "grant.created" => self.grants.created(&record),
            "request.approved" => self.grants.approved(&record),
            _ => {}
        }
    }

    fn start(&mut self, record: &Seen) {
        let scope = self.scope;
        let in_time = scope.since.is_none_or(|t| record.at >= t) && scope.until.is_none_or(|t| record.at < t);
        if !in_time || scope.user.is_some() && scope.user != record.user && scope.user != record.end_user {
            return;
        }
        let observed = record.rest.get("observed").and_then(serde_json::Value::as_bool) == Some(true);
        let mut keys: Vec<(Key, Vec<String>)> = Vec::new();
        for column in &record.columns {
            let SeenColumn::Decision { column, use_, decision, grant, role, .. } = column else { continue };
            let wanted = scope.column.as_ref().is_none_or(|pattern| pattern_fits(pattern, column));
            // A disclosure is the mask's own, and so no reveal.
            let shown = decision == "revealed" || observed && decision != "disclosed";
            if !shown || !wanted {
                continue;
            }
            let basis = match (grant, role) {
                _ if decision != "revealed" => Basis::Unprotected,
                (Some(id), _) => Basis::Grant(self.grants.current(*id)),
                (None, Some(role)) => Basis::Role(role.clone()),
                (None, None) => Basis::Unknown,
            };
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let key = (text(&record.database), column.clone(), text(&record.person()), basis);
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, uses)) => uses.push(use_.clone()),
                None => keys.push((key, vec![use_.clone()])),
            }
        }
        if keys.is_empty() {
            return;
        }
        self.open.insert(record.seq, Open { at: record.at, keys });
        if self.open.len() > MAX_OPEN
            && let Some((_, oldest)) = self.open.pop_first()
        {
            self.count(oldest, None);
        }
    }

    fn end(&mut self, record: &Seen) {
        let Some(open) = record.number("start").and_then(|start| self.open.remove(&start)) else { return };
        let refused = record.rest.get("refused").and_then(serde_json::Value::as_bool) == Some(true);
        if !refused {
            self.count(open, Some(record.number("rows").unwrap_or(0)));
        }
    }

    fn count(&mut self, open: Open, rows: Option<u64>) {
        for (key, uses) in open.keys {
            let seeing = self.seen.entry(key).or_insert_with(|| Seeing {
                first: open.at,
                last: open.at,
                statements: 0,
                rows: 0,
                unfinished: 0,
                uses: Vec::new(),
            });
            seeing.first = seeing.first.min(open.at);
            seeing.last = seeing.last.max(open.at);
            seeing.statements += 1;
            seeing.rows = seeing.rows.saturating_add(rows.unwrap_or(0));
            seeing.unfinished += u64::from(rows.is_none());
            for use_ in uses {
                if !seeing.uses.contains(&use_) {
                    seeing.uses.push(use_);
                }
            }
        }
    }

    fn finish(mut self) -> Vec<Entry> {
        while let Some((_, open)) = self.open.pop_first() {
            self.count(open, None);
        }
        let grants = self.grants;
        let mut entries: Vec<Entry> =
            self.seen.into_iter().map(|(key, seeing)| entry(key, seeing, &grants)).collect();
        entries.sort_by(|a, b| {
            let order = |e: &Entry| (e.database.clone(), e.column.clone(), e.first, e.user.clone());
            order(a).cmp(&order(b))
        });
        entries
    }
}

fn entry((database, column, user, basis): Key, seeing: Seeing, grants: &Grants) -> Entry {
    let mut uses = seeing.uses;
    uses.sort();
    let observed = basis == Basis::Unprotected;
    let (grant, role) = match basis {
        Basis::Grant(place) => (grants.all.get(place), None),
        Basis::Role(role) => (None, Some(role)),
        Basis::Unprotected | Basis::Unknown => (None, None),
    };
    Entry {
        database,
        column,
        user,
        first: seeing.first,
        last: seeing.last,
        statements: seeing.statements,
        rows: seeing.rows,
        unfinished: seeing.unfinished,
        uses,
        grant: grant.map(|g| g.id),
        role,
        observed,
        approved_by: grant.map(|g| g.approved_by.clone()).unwrap_or_default(),
        requested_by: grant.and_then(|g| g.requested_by.clone()),
        reason: grant.and_then(|g| g.reason.clone()),
        ticket: grant.and_then(|g| g.ticket.clone()),
    }
}

#[derive(Debug, Default)]
struct Grant {
    id: i64,
    approved_by: Vec<String>,
    requested_by: Option<String>,
    reason: Option<String>,
    ticket: Option<String>,
}

/// What the records say of grants.
#[derive(Default)]
struct Grants {
    all: Vec<Grant>,
    newest: HashMap<i64, usize>,
    /// By request: who approved it so far.
    approvals: HashMap<i64, Vec<String>>,
    /// By grant: everybody who approved its request, read before the grant.
    approvers: HashMap<i64, Vec<String>>,
}

impl Grants {
    /// The grant that has this number now.
    fn current(&mut self, id: i64) -> usize {
        *self.newest.entry(id).or_insert_with(|| {
            self.all.push(Grant { id, ..Grant::default() });
            self.all.len() - 1
        })
    }

    fn created(&mut self, record: &Seen) {
        let Some(id) = integer(record, "grant") else { return };
        let text = |member| record.text(member).map(str::to_owned);
        let approved_by = match self.approvers.remove(&id) {
            Some(all) => all,
            None => text("approved_by").into_iter().collect(),
        };
        self.newest.insert(id, self.all.len());
        self.all.push(Grant {
            id,
            approved_by,
            requested_by: text("requested_by"),
            reason: text("reason"),
            ticket: text("ticket"),
        });
    }

    fn approved(&mut self, record: &Seen) {
        let (Some(request), Some(by)) = (integer(record, "request"), record.text("by")) else { return };
        let approvals = self.approvals.entry(request).or_default();
        if !approvals.iter().any(|known| known == by) {
            approvals.push(by.to_owned());
        }
        let Some(grant) = integer(record, "grant") else { return };
        let all = self.approvals.remove(&request).unwrap_or_default();
        // The grant's own record may stand before or after this one.
        let waits = |g: &&mut Grant| all.last().is_some_and(|last| g.approved_by == [last.as_str()]);
        match self.newest.get(&grant).and_then(|place| self.all.get_mut(*place)).filter(waits) {
            Some(known) => known.approved_by = all,
            None => drop(self.approvers.insert(grant, all)),
        }
    }
}

fn integer(record: &Seen, member: &str) -> Option<i64> {
    record.rest.get(member)?.as_i64()
}
