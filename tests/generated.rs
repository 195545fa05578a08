//! Non-interference over generated scripts: random SQL in random messages,
//! through bauta, against two databases that differ in protected values only.
//! Whatever reaches the client must be the same from both.
//!
//! A script is a few steps in one or two sessions: queries, cursors, prepared
//! statements, portals with row limits, transactions, writes, COPY, DDL,
//! tokens used as values, functions with effects. Rows without ORDER BY are
//! compared as a multiset, tokens up to their names. `SEED` and `STATEMENTS`
//! replay and lengthen; a failure is shrunk and printed with its seed.
//!
//! The generator must be worth something: enough statements must run, be
//! masked, neutralised, refused; and past bauta, most scripts must differ.

mod compare;
mod play;
mod rich;
mod script;
mod shrink;
mod statements;

use std::fmt::Write as _;

use compare::{Heard, difference, keyed};
use play::{Place, Script};

use crate::harness::{Bauta, Server};
use crate::interference::{POLICY, databases_with};

const SCHEMA: &str = include_str!("generated_data/schema.sql");
const DATA: &str = include_str!("generated_data/data.sql");
const SETTLE: &str = include_str!("generated_data/settle.sql");
const MORE_POLICY: &str = include_str!("generated_data/policy.toml");

/// A statement that takes longer says nothing: time is not promised.
const SESSION: &str =
    "ALTER ROLE ana SET statement_timeout = '1s'; ALTER ROLE ana SET lock_timeout = '500ms';
    ALTER ROLE ana SET max_parallel_workers_per_gather = 0; ALTER ROLE ana SET jit = off";

const TIMED_OUT: &str = "57014";

/// Failures that are shrunk and shown; more of them say little more.
const SHOWN: usize = 5;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().expect("a number"))
}

fn pairs(server: &Server) -> [[&'static str; 2]; 2] {
    let pairs = databases_with(server, SCHEMA, DATA);
    for line in SESSION.split(';') {
        server.sql("postgres", line);
    }
    for database in pairs.into_iter().flatten() {
        server.sql(database, SETTLE);
    }
    pairs
}

/// The two databases of a pair, through one port.
struct Twins {
    left: Place,
    right: Place,
}

impl Twins {
    fn new(port: u16, server: &Server, [left, right]: [&'static str; 2]) -> Self {
        let place = |database| Place::new(port, server.port(), database);
        Self { left: place(left), right: place(right) }
    }

    fn play(&mut self, script: &Script) -> [Vec<Heard>; 2] {
        let _said = SayIfLost(script);
        std::thread::scope(|scope| {
            let left = scope.spawn(|| self.left.play(script));
            let right = self.right.play(script);
            [left.join().expect("no panic"), right]
        })
    }

    fn play_anew(&mut self, script: &Script) -> [Vec<Heard>; 2] {
        self.left.reconnect();
        self.right.reconnect();
        self.play(script)
    }
}

/// A script that nothing was heard of again.
struct SayIfLost<'a>(&'a Script);

impl Drop for SayIfLost<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the script with SEED={}:\n{}", self.0.seed, self.0);
        }
    }
}

fn timed_out(heard: &[Heard]) -> bool {
    let mut frames = heard.iter().flat_map(|heard| &heard.frames);
    frames.any(|frame| frame.tag == b'E' && frame.field(b'C').as_deref() == Some(TIMED_OUT))
}

/// What became of the statements of one run.
#[derive(Debug, Default)]
struct Tally {
    scripts: usize,
    skipped: usize,
    statements: usize,
    ran: usize,
    masked: usize,
    neutralised: usize,
    refused: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, heard: &[Heard]) {
        self.scripts += 1;
        for answer in heard {
            let error = answer.frames.iter().find(|frame| frame.tag == b'E');
            let notices = answer.frames.iter().filter(|frame| frame.tag == b'N');
            let says = |frame: &crate::harness::Frame, what: &str| {
                frame.field(b'M').is_some_and(|message| message.contains(what))
            };
            self.statements += 1;
            self.ran += usize::from(error.is_none());
            let masked = answer.frames.iter().any(shows_mask) || !keyed(answer).is_empty();
            self.masked += usize::from(masked);
            self.neutralised += usize::from(notices.clone().any(|notice| says(notice, "without a grant")));
            match error {
                Some(error) if is_refusal(error) => self.refused += 1,
                Some(_) => self.failed += 1,
                None => {}
            }
        }
    }

    fn assert_worth_something(&self) {
        for (what, part, floor) in [
            ("ran", self.ran, 40),
            ("showed a mask", self.masked, 9),
            ("were neutralised", self.neutralised, 5),
            ("were refused", self.refused, 15),
        ] {
            assert!(self.share(part) >= floor, "only {} % {what}: {self:?}", self.share(part));
        }
        assert!(self.share(self.failed) <= 33, "too many fail: {self:?}");
        assert!(self.skipped * 20 < self.scripts, "too many scripts ran out of time: {self:?}");
    }

    fn share(&self, part: usize) -> usize {
        part * 100 / self.statements.max(1)
    }
}

/// bauta's own errors have no routine of the server's source in them.
fn is_refusal(error: &crate::harness::Frame) -> bool {
    let code = error.field(b'C');
    matches!(code.as_deref(), Some("42501" | "0A000" | "54001")) && error.field(b'R').is_none()
}

fn shows_mask(frame: &crate::harness::Frame) -> bool {
    let has = |sign: &[u8]| frame.body.windows(sign.len()).any(|window| window == sign);
    matches!(frame.tag, b'D' | b'd') && has(b"***")
}

#[test]
fn whatever_scripts_are_made_a_client_hears_the_same_from_both_databases() {
    let server = Server::start();
    let [_, masked] = pairs(&server);
    let bauta = Bauta::start(&server, &format!("{POLICY}\n{MORE_POLICY}"));
    let mut twins = Twins::new(bauta.port, &server, masked);
    let (mut tally, mut faults, mut found) = (Tally::default(), String::new(), 0);
    let wanted = usize::try_from(setting("STATEMENTS", 1_000)).expect("a number");
    for seed in setting("SEED", 1).. {
        if tally.statements >= wanted || found >= SHOWN {
            break;
        }
        let script = script::script(seed);
        let [left, right] = twins.play(&script);
        tally.count(&left);
        if timed_out(&left) || timed_out(&right) {
            tally.skipped += 1;
        } else if let Some((step, lines)) = difference(&left, &right) {
            found += 1;
            writeln!(faults, "SEED={seed} STATEMENTS=1, step {step}:\n       {lines}").expect("write");
            writeln!(faults, "{}", smallest(&mut twins, &script)).expect("write");
        }
        if tally.scripts.is_multiple_of(200) {
            eprintln!("seed {seed}: {tally:?}");
        }
    }
    eprintln!("{tally:?}");
    assert!(faults.is_empty(), "these scripts learn something:\n{faults}\nlog:\n{}", bauta.log());
    if wanted >= 1_000 {
        tally.assert_worth_something();
    }
}

/// The smallest script found that differs, and where.
fn smallest(twins: &mut Twins, script: &Script) -> String {
    let differs = |twins: &mut Twins, script: &Script| {
        let [left, right] = twins.play_anew(script);
        let counts = !timed_out(&left) && !timed_out(&right);
        difference(&left, &right).filter(|_| counts)
    };
    if differs(twins, script).is_none() {
        return format!("differs only after the scripts before it:\n{script}");
    }
    let small = shrink::shrink(script.clone(), &mut |script| differs(twins, script).is_some());
    let (step, lines) = differs(twins, &small).unwrap_or_default();
    format!("{small}  differs in step {step}:\n       {lines}")
}

#[test]
fn most_scripts_differ_where_nothing_is_masked() {
    let server = Server::start();
    let [direct, _] = pairs(&server);
    let mut twins = Twins::new(server.port(), &server, direct);
    let (mut differ, scripts) = (0, 40);
    for seed in 1..=scripts {
        let [left, right] = twins.play(&script::script(seed));
        let counts = !timed_out(&left) && !timed_out(&right);
        differ += u64::from(counts && difference(&left, &right).is_some());
    }
    assert!(differ * 2 > scripts, "only {differ} of {scripts} scripts differ");
}

#[test]
fn a_seed_gives_the_same_script_again() {
    let shown = |seed| script::script(seed).to_string();
    assert_eq!(shown(5), shown(5));
    assert_ne!(shown(5), shown(6));
}
