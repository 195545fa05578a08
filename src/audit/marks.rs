//! What the bytes of a line tell of a search, before it is read as JSON: most
//! lines of a long log are passed over by it. A quote inside a text is escaped,
//! so what is looked for with its quotes is a member.

use jiff::Timestamp;
use memchr::memmem::Finder;

use super::search::Query;

/// Byte strings that a line must have to match, its end apart.
pub(super) struct Marks {
    member: Vec<Finder<'static>>,
    grant: Option<(Finder<'static>, Finder<'static>)>,
    /// As the log writes times, which sort as bytes.
    since: Option<String>,
    until: Option<String>,
}

/// What stands before a record's time.
const AT: &[u8] = b",\"at\":\"";

impl Marks {
    pub(super) fn of(query: &Query) -> Self {
        let finder = |text: &str| Finder::new(text).into_owned();
        let decision = query.decision.as_deref().filter(|decision| *decision != "refused");
        let decision = decision.map(|decision| finder(&format!("\"decision\":\"{decision}\"")));
        let column = query.column.as_ref().filter(|column| !column.contains('*'));
        let column = column.and_then(|column| Some(finder(&serde_json::to_string(column).ok()?)));
        // To the microsecond: what is left out of that, `matches` looks at.
        let time = |at: Timestamp| format!("{at:.6}");
        Self {
            member: decision.into_iter().chain(column).collect(),
            grant: query.grant.map(|id| (finder(&format!("\"grant\":{id}")), finder("\"grants\":["))),
            since: query.since.map(time),
            until: query.until.map(time),
        }
    }

    /// False: the line does not match, or is a statement's end.
    pub(super) fn may_be_on(&self, line: &[u8]) -> bool {
        self.may_be_then(line)
            && self.member.iter().all(|mark| mark.find(line).is_some())
            && self.grant.as_ref().is_none_or(|(own, listed)| {
                let after = listed.find(line).and_then(|at| line.get(at + listed.needle().len()));
                own.find(line).is_some() || after.is_some_and(|next| *next != b']')
            })
    }

    fn may_be_then(&self, line: &[u8]) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some(start) = memchr::memmem::find(line, AT).map(|at| at + AT.len()) else { return true };
        let is_in =
            |length: usize, holds: &dyn Fn(&[u8]) -> bool| line.get(start..start + length).is_none_or(holds);
        self.since.as_ref().is_none_or(|since| is_in(since.len(), &|at| at >= since.as_bytes()))
            && self.until.as_ref().is_none_or(|until| is_in(until.len(), &|at| at <= until.as_bytes()))
    }
}
