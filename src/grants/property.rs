//! Goal: at every moment, through any order of asking, deciding, using,
//! revoking, reloading, waiting, clock steps, restarts, crashes and a broken
//! audit log,
//! a value is revealed exactly if a grant valid at that moment covers it.
//!
//! Method: random operations on an engine with a real SQLite file, and on a
//! model of what people agreed that is too simple to be wrong. A failing seed
//! shrinks and replays (`proptest-regressions`).

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::decisions::Narrowing;
use super::model::sample::{ask, root, shop};
use super::model::{Actor, Ask};
use super::tests::Bench;
use super::*;
use crate::policy::{Access, Permits};

const USERS: [&str; 3] = ["ana", "eve", "sam"];

#[derive(Debug, Clone)]
enum Step {
    Ask {
        user: usize,
        columns: Vec<usize>,
        seconds: u64,
    },
    Approve {
        request: usize,
        by: usize,
        shorter: Option<u64>,
        only_first: bool,
    },
    Deny {
        request: usize,
        by: usize,
    },
    Give {
        user: usize,
        columns: Vec<usize>,
        seconds: u64,
        once: bool,
        session: Option<i64>,
    },
    Use {
        grant: usize,
        session: i64,
    },
    Revoke {
        grant: usize,
    },
    /// A reload: analysts may ask, or may not.
    Reload {
        allowed: bool,
    },
    Pass {
        seconds: u64,
    },
    WallClock {
        seconds: i64,
    },
    Restart,
    Crash,
    BreakLog {
        broken: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let columns =
        || prop::collection::btree_set(0..3usize, 1..3).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    prop_oneof![
        3 => (0..3usize, columns(), 1..100u64)
            .prop_map(|(user, columns, seconds)| Step::Ask { user, columns, seconds }),
        4 => (0..6usize, 0..5usize, prop::option::of(1..120u64), any::<bool>()).prop_map(
            |(request, by, shorter, only_first)| Step::Approve { request, by, shorter, only_first }
        ),
        1 => (0..6usize, 0..5usize).prop_map(|(request, by)| Step::Deny { request, by }),
        3 => (0..3usize, columns(), 1..100u64, any::<bool>(), prop::option::of(1..3i64)).prop_map(
            |(user, columns, seconds, once, session)| Step::Give { user, columns, seconds, once, session }
        ),
        2 => (0..6usize, 1..3i64).prop_map(|(grant, session)| Step::Use { grant, session }),
        2 => (0..6usize).prop_map(|grant| Step::Revoke { grant }),
        2 => any::<bool>().prop_map(|allowed| Step::Reload { allowed }),
        4 => (1..60u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => (-200..200i64).prop_map(|seconds| Step::WallClock { seconds }),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
        1 => any::<bool>().prop_map(|broken| Step::BreakLog { broken }),
    ]
}

/// What was agreed. Times in seconds since the test began.
struct Agreed {
    id: GrantId,
    user: &'static str,
    session: Option<i64>,
    columns: BTreeSet<usize>,
    /// By a request: roles count.
    asked: bool,
    once: bool,
    length: i64,
    /// On the wall clock.
    expires: i64,
    /// In the life of the process.
    until: i64,
    over: bool,
}

#[derive(Default)]
struct Model {
    grants: Vec<Agreed>,
    /// (id, user, columns, seconds)
    requests: Vec<(RequestId, usize, Vec<usize>, u64)>,
    elapsed: i64,
    wall: i64,
}

impl Model {
    fn agree(
        &mut self,
        id: GrantId,
        user: usize,
        session: Option<i64>,
        columns: &[usize],
        seconds: u64,
        (asked, once): (bool, bool),
    ) {
        let length = i64::try_from(seconds).unwrap();
        self.grants.push(Agreed {
            id,
            user: USERS[user],
            session,
            columns: columns.iter().copied().collect(),
            asked,
            once,
            length,
            expires: self.wall + length,
            until: self.elapsed + length,
            over: false,
        });
    }
    fn restart(&mut self) {
        for grant in &mut self.grants {
            let left = (grant.expires - self.wall).clamp(0, grant.length);
            // What ended before stays ended, whatever the wall clock says.
            grant.over |= grant.session.is_some() || grant.until <= self.elapsed;
            grant.until = self.elapsed + left;
        }
    }
    fn sees(&self, user: &str, session: i64, column: usize) -> bool {
        self.grants.iter().any(|g| {
            !g.over
                && g.user == user
                && g.session.is_none_or(|s| s == session)
                && g.columns.contains(&column)
                && self.elapsed < g.until
        })
    }
}

fn person(index: usize) -> Actor {
    match index {
        0..3 => Actor::login(USERS[index]),
        3 => Actor::login("kim"),
        _ => root(),
    }
}

fn take(bench: Bench, model: &mut Model, step: &Step) -> Bench {
    let engine = bench.engine.clone();
    match step {
        Step::Ask { user, columns, seconds } => {
            let wanted = ask(USERS[*user], columns, *seconds);
            if let Ok((request, true)) = bench.run(engine.ask(wanted, None, person(*user))) {
                model.requests.push((request.id, *user, columns.clone(), *seconds));
            }
        }
        Step::Approve { request, by, shorter, only_first } => {
            let Some((id, user, columns, seconds)) = model.requests.get(*request).cloned() else {
                return bench;
            };
            let columns = if *only_first { columns[..1].to_vec() } else { columns };
            let narrowing = Narrowing {
                duration: shorter.map(Duration::from_secs),
                columns: Some(columns.iter().map(|i| ColumnName::of(&shop()[*i])).collect()),
            };
            if let Ok(approved) = bench.run(engine.approve(id, person(*by), narrowing)) {
                assert!(*by != user, "nobody approves his own request");
                assert!(*by >= 2, "only security and root approve");
                let seconds = shorter.unwrap_or(seconds).min(seconds);
                assert!(user == 2 || !bench.analysts_ask_not(), "a role that lost the right");
                model.agree(approved.grant_id.unwrap(), user, None, &columns, seconds, (true, false));
            }
        }
        Step::Deny { request, by } => {
            if let Some((id, ..)) = model.requests.get(*request) {
                let _ = bench.run(engine.deny(*id, person(*by), None));
            }
        }
        Step::Give { user, columns, seconds, once, session } => {
            let wanted = Ask { once: *once, session: *session, ..ask(USERS[*user], columns, *seconds) };
            if let Ok(state) = bench.run(engine.give(wanted, root())) {
                model.agree(state.grant.id, *user, *session, columns, *seconds, (false, *once));
            }
        }
        Step::Use { grant, session } => {
            if let Some(agreed) = model.grants.get_mut(*grant) {
                let used = bench.run(engine.used(&[agreed.id], *session));
                assert!(used.is_err() || !(agreed.over && agreed.once), "a once grant is used once");
                if agreed.once && used.is_ok() {
                    agreed.over = true;
                }
            }
        }
        Step::Revoke { grant } => {
            if let Some(agreed) = model.grants.get_mut(*grant) {
                // An end counts even if it can't be recorded.
                let _ = bench.run(engine.revoke(agreed.id, root(), None));
                agreed.over = true;
            }
        }
        Step::Reload { allowed } => {
            bench.reload(*allowed);
            if !allowed {
                let analysts = model.grants.iter_mut().filter(|g| g.asked && g.user != "sam");
                analysts.for_each(|grant| grant.over = true);
            }
        }
        Step::Pass { seconds } => {
            bench.clock.pass(*seconds);
            model.elapsed += i64::try_from(*seconds).unwrap();
            model.wall += i64::try_from(*seconds).unwrap();
            // The keeper wakes at deadlines by itself, on the real clock.
            bench.run(engine.flush());
        }
        Step::WallClock { seconds } => {
            bench.clock.step(*seconds);
            model.wall += seconds;
        }
        Step::Restart | Step::Crash => {
            drop(engine);
            model.restart();
            return if matches!(step, Step::Crash) { bench.crash() } else { bench.restart() };
        }
        Step::BreakLog { broken } => *bench.paper.broken.lock() = *broken,
    }
    bench
}

fn check(bench: &Bench, model: &Model) {
    let now = crate::clock::Clock::now(&*bench.clock);
    for user in USERS {
        for session in 1..3 {
            let permits = bench.engine.permits(user, session, &[]);
            for (index, column) in shop().iter().enumerate() {
                let revealed = permits.access(column, now) != Access::Masked;
                let valid = model.sees(user, session, index);
                assert_eq!(revealed, valid, "{user} in session {session}, {}", column.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn revealed_exactly_while_a_valid_grant_covers_it(steps in prop::collection::vec(step(), 1..30)) {
        let mut bench = Bench::new(1);
        let mut model = Model::default();
        for step in &steps {
            bench = take(bench, &mut model, step);
            check(&bench, &model);
        }
    }
}
