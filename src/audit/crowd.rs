//! How many sessions are busy now, and so how large the next group may become.
//! Pure.
//!
//! A sync costs the same for one record as for a hundred. When many sessions
//! are busy, the writer waits a moment for those of the last two groups, as
//! PostgreSQL's `commit_delay` does; where there are fewer than its default
//! `commit_siblings`, nobody waits for others.

use std::time::{Duration, Instant};

use super::queue::Entry;

/// Busy sessions from which on it is worth to wait for them.
const ENOUGH: usize = 5;
/// The longest wait for others, in syncs: a statement waits for its own too.
const SYNCS: u32 = 8;
/// So often in a row those who were expected may not come, before nobody is
/// waited for: sessions that wait for something else than each other.
const IN_VAIN: u32 = 2;
/// After so many groups it is tried again.
const TRY_AGAIN: u32 = 64;
/// The longest wait for others.
const LONGEST: Duration = Duration::from_millis(2);

/// Whom to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Others {
    /// Intents of the group, if all come.
    pub expected: usize,
    /// How long.
    pub patience: Duration,
}

#[derive(Default)]
pub(super) struct Crowd {
    /// Sessions of the last group, and of the one before, in order.
    last: Vec<i64>,
    before: Vec<i64>,
    at: Option<Instant>,
    /// How long a sync takes, lately.
    sync: Duration,
    /// Waits in vain, one after the other.
    in_vain: u32,
    /// Groups that nobody was waited for since.
    alone: u32,
}

impl Crowd {
    /// A group was taken. `complete`: whether those who were waited for came.
    pub fn saw(&mut self, group: &[Entry], now: Instant, complete: Option<bool>) {
        self.alone = if complete.is_some() { 0 } else { self.alone + 1 };
        match complete {
            Some(true) => self.in_vain = 0,
            Some(false) => self.in_vain += 1,
            None if self.alone >= TRY_AGAIN => {
                self.alone = 0;
                self.in_vain = self.in_vain.min(IN_VAIN - 1);
            }
            None => {}
        }
        let idle = self.at.replace(now).is_none_or(|at| now.duration_since(at) > 2 * LONGEST);
        std::mem::swap(&mut self.last, &mut self.before);
        if idle {
            self.before.clear();
        }
        self.last.clear();
        let intents = group.iter().filter(|entry| entry.record.event.is_intent());
        self.last.extend(intents.map(|entry| entry.record.who.session));
        self.last.sort_unstable();
        self.last.dedup();
    }

    /// A group was made durable in this time.
    pub fn synced(&mut self, took: Duration) {
        self.sync = (self.sync * 7 + took) / 8;
    }

    /// Whom the next group waits for.
    pub fn others(&self) -> Option<Others> {
        let gone = self.before.iter().filter(|session| self.last.binary_search(session).is_err());
        let expected = self.last.len() + gone.count();
        let patience = (self.sync * SYNCS).min(LONGEST);
        let pays = self.in_vain < IN_VAIN;
        (pays && expected >= ENOUGH && !patience.is_zero()).then_some(Others { expected, patience })
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Ticket;
    use super::super::record::*;
    use super::*;
    use std::sync::Arc;

    fn group(sessions: std::ops::Range<i64>) -> Vec<Entry> {
        sessions
            .map(|session| {
                let sql = Sql::whole(Arc::<str>::from("SELECT 1"), Conceal::Nothing);
                let event =
                    Event::StatementStart(StatementStart { sql, columns: Arc::from([]), observed: None });
                let who = Arc::new(Who { session, ..Who::default() });
                Entry { ticket: Ticket(1), at: jiff::Timestamp::UNIX_EPOCH, record: Record { who, event } }
            })
            .collect()
    }

    fn expected(groups: &[std::ops::Range<i64>], pause: Duration) -> Option<usize> {
        let mut crowd = Crowd::default();
        crowd.synced(Duration::from_millis(1));
        let mut now = Instant::now();
        for sessions in groups {
            crowd.saw(&group(sessions.clone()), now, None);
            now += pause;
        }
        crowd.others().map(|others| others.expected)
    }

    #[test]
    fn sessions_of_two_groups_make_one_crowd() {
        let busy = Duration::from_micros(300);
        assert_eq!(expected(&[0..4, 4..8], busy), Some(8));
        assert_eq!(expected(&[0..6, 4..8], busy), Some(8));
        assert_eq!(expected(&[0..8, 0..8], busy), Some(8));
        assert_eq!(expected(&[0..90, 0..6, 0..6], busy), Some(6), "older groups don't count");
    }

    #[test]
    fn a_few_sessions_and_those_of_long_ago_are_no_crowd() {
        assert_eq!(expected(&[], Duration::ZERO), None);
        assert_eq!(expected(&[0..2, 2..4], Duration::from_micros(300)), None);
        assert_eq!(expected(&[0..4, 4..8], Duration::from_secs(1)), None);
    }

    #[test]
    fn nobody_waits_again_and_again_for_those_who_do_not_come() {
        let mut crowd = Crowd::default();
        crowd.synced(Duration::from_millis(1));
        let now = Instant::now();
        let mut waits = |complete| {
            crowd.saw(&group(0..8), now, complete);
            crowd.others().is_some()
        };
        assert!(waits(None) && waits(Some(true)) && waits(Some(false)));
        assert!(!waits(Some(false)), "twice in vain");
        assert_eq!((0..TRY_AGAIN).filter(|_| waits(None)).count(), 1, "tried again after a while");
        assert!(!waits(Some(false)));
        assert_eq!((0..TRY_AGAIN).filter(|_| waits(None)).count(), 1);
        assert!(waits(Some(true)) && waits(Some(false)), "who came is waited for as ever");
    }

    #[test]
    fn the_wait_follows_the_disk_and_has_an_end() {
        let mut crowd = Crowd::default();
        crowd.saw(&group(0..8), Instant::now(), None);
        assert_eq!(crowd.others(), None, "nothing was synced yet");
        crowd.synced(Duration::from_micros(80));
        assert_eq!(crowd.others().map(|o| o.patience), Some(Duration::from_micros(80)));
        crowd.synced(Duration::from_secs(1));
        assert_eq!(crowd.others().map(|o| o.patience), Some(LONGEST));
    }
}
