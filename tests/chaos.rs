//! Random sequences of protocol messages, by seed.
//!
//! Goal: no order of messages makes bauta believe of a name, a portal or a
//! transaction what the server does not. Method: without protected data, the
//! answers are compared with those of a direct connection, byte for byte; with
//! protected statements under the same names, no answer may hold a raw value.
//! A failure prints its seed.

use std::time::Duration;

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "redact"
"#;

/// SplitMix64: the same numbers from the same seed, everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % end
    }
    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const NAMES: &[&str] = &["", "", "a", "b"];

const HARMLESS: &[&str] = &[
    "SELECT 1",
    "SELECT generate_series(1, 4)",
    "SELECT 1/0",
    "SELEC",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "DECLARE a CURSOR FOR SELECT generate_series(1, 4)",
    "DECLARE b CURSOR WITH HOLD FOR SELECT generate_series(5, 8)",
    "FETCH 1 FROM a",
    "FETCH 2 FROM b",
    "CLOSE a",
    "CLOSE ALL",
    "PREPARE a AS SELECT 'prepared'",
    "EXECUTE a",
    "EXECUTE b",
    "DEALLOCATE a",
    "DEALLOCATE ALL",
    "",
];

const PROTECTED: &[&str] = &[
    "SELECT email FROM customers ORDER BY id LIMIT 3",
    "DECLARE a CURSOR FOR SELECT email FROM customers ORDER BY id",
    "DECLARE b CURSOR WITH HOLD FOR SELECT email FROM customers ORDER BY id",
    "PREPARE a AS SELECT email FROM customers ORDER BY id LIMIT 3",
    "PREPARE b AS SELECT email FROM customers ORDER BY id LIMIT 3",
    "COPY (SELECT email FROM customers ORDER BY id LIMIT 3) TO STDOUT",
    "UPDATE customers SET notes = 'x' WHERE id = 1 RETURNING email",
    "SELECT email::int FROM customers",
];

/// A batch of messages and how many ReadyForQuery the server owes for it.
fn batch(random: &mut Random, texts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + random.below(10) {
        let name = random.of(NAMES);
        let portal = random.of(NAMES);
        bytes.extend(match random.below(12) {
            0..=2 => m::parse(name, random.of(texts), &[]),
            3..=5 => m::bind(portal, name, &[], &[]),
            6..=7 => m::execute(portal, u32::try_from(random.below(3)).unwrap()),
            8 => m::describe(if random.below(2) == 0 { b'S' } else { b'P' }, name),
            9 => m::close(if random.below(2) == 0 { b'S' } else { b'P' }, name),
            10 => m::sync(),
            _ => m::query(random.of(texts)),
        });
    }
    bytes
}

/// Sends batches, each ended by a Query that shows where its answers end, and
/// collects everything.
fn play(port: u16, seed: u64, texts: &[&str]) -> Vec<Frame> {
    let mut random = Random(seed);
    let mut raw = Raw::connect(port, "ana");
    let mut frames = Vec::new();
    for round in 0..6 {
        let mut bytes = batch(&mut random, texts);
        bytes.extend(m::sync());
        bytes.extend(m::query(&format!(
            "COPY (SELECT 'end of {round}' WHERE true) TO STDOUT; SHOW nosuch_{round}"
        )));
        raw.send(&bytes);
        // In a failed transaction too, the last error is this one, or the
        // transaction's, followed by ReadyForQuery.
        let end = format!("nosuch_{round}");
        let mut seen_end = false;
        while let Some(frame) = raw.receive() {
            let last = frame.tag == b'Z' && seen_end;
            let ends = frame.tag == b'E'
                && frame.field(b'M').is_some_and(|m| m.contains(&end) || m.contains("aborted"));
            frames.push(frame);
            seen_end |= ends;
            if last && quiet(&raw) {
                break;
            }
        }
        raw.send(&m::query("ROLLBACK"));
        frames.extend(raw.until_ready());
    }
    frames
}

/// Nothing more comes for a moment.
fn quiet(raw: &Raw) -> bool {
    let mut byte = [0];
    raw.stream().set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    let nothing = raw.stream().peek(&mut byte).is_err();
    raw.stream().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    nothing
}

fn show(frames: &[Frame]) -> Vec<String> {
    // Notices of a filtered and an open session differ in nothing here.
    frames
        .iter()
        .map(|f| format!("{} {}", f.tag as char, String::from_utf8_lossy(&f.body).replace('\0', "|")))
        .collect()
}

#[test]
fn random_sessions_get_the_same_bytes() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let seeds = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    for seed in 0..seeds {
        let direct = show(&play(server.port(), seed, HARMLESS));
        let through = show(&play(bauta.port, seed, HARMLESS));
        for at in 0..direct.len().max(through.len()) {
            assert_eq!(
                direct.get(at),
                through.get(at),
                "seed {seed}, frame {at} of\n{}",
                direct[..at].join("\n")
            );
        }
    }
}

#[test]
fn random_sessions_see_no_raw_value() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let seeds = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let texts: Vec<&str> = PROTECTED.iter().chain(PROTECTED).chain(HARMLESS).copied().collect();
    let mut rows = 0;
    let from: u64 = std::env::var("FROM").ok().and_then(|n| n.parse().ok()).unwrap_or(1000);
    for seed in from..from + seeds {
        let frames = play(bauta.port, seed, &texts);
        for line in show(&frames) {
            assert!(
                !line.contains("@example") && !line.contains("@mail") && !line.contains("@work"),
                "seed {seed}: {line}"
            );
            rows += usize::from(line.contains("***"));
        }
        if let Some(fatal) = frames.last().filter(|f| f.field(b'S').as_deref() == Some("FATAL")) {
            panic!("seed {seed}: {:?}\n{}", fatal.field(b'M'), show(&frames).join("\n"));
        }
    }
    assert!(rows > 0, "no masked row was ever seen");
}

/// A portal whose statement is a FETCH of itself, or of one that fetches from
/// it: the error is the server's.
#[test]
fn portals_that_fetch_from_each_other_fail_as_on_the_server() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let bound = |portal: &str, sql: &str| [m::parse("", sql, &[]), m::bind(portal, "", &[], &[])].concat();
    let scripts = [
        vec![bound("a", "FETCH 1 FROM a"), m::execute("a", 0)],
        vec![bound("a", "FETCH 1 FROM b"), bound("b", "FETCH 1 FROM a"), m::execute("a", 0)],
        vec![bound("a", "FETCH 1 FROM a"), m::query("FETCH 1 FROM a")],
        vec![bound("a", "FETCH 1 FROM c"), m::execute("a", 0)],
        vec![m::query("PREPARE s AS SELECT 1"), bound("a", "EXECUTE s"), m::execute("a", 0)],
    ];
    for script in scripts {
        let answers = [server.port(), bauta.port].map(|port| {
            let mut raw = Raw::connect(port, "ana");
            raw.query("BEGIN; DECLARE c CURSOR FOR SELECT 1");
            let mut frames = Vec::new();
            for message in &script {
                frames.extend(raw.exchange(&[message.clone(), m::sync()].concat()));
            }
            show(&frames)
        });
        assert_eq!(answers[0], answers[1]);
    }
}
