//! The log as a whole. Goal: no accepted record is lost, no ticket is durable
//! before its line is on disk, and every damage is named. Method: a file in
//! memory whose k-th operation fails, for every k; torn ends at every byte;
//! edits, removals and swaps of whole lines.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::chain::Sealer;
use super::file::{DiskFile, LogFile, all_files};
use super::log::{AuditError, Log, LogSettings, OpenError};
use super::record::*;
use super::verify::{self, Fault, Verifier};
use crate::clock::SystemClock;
use crate::config::AuditSql;
use crate::mask::keys::Key;

pub(super) fn key() -> Key {
    Key::new([7; 32])
}

pub(super) fn sealer() -> Sealer {
    Sealer::new(&key())
}

pub(super) fn settings(file: impl Into<PathBuf>, rotate: u64) -> LogSettings {
    let rotate_age = Duration::ZERO;
    LogSettings { file: file.into(), sql: AuditSql::Full, rotate, rotate_age, node: "n1".into() }
}

fn ana() -> Arc<Who> {
    Arc::new(Who {
        session: 42,
        user: "ana".into(),
        database: "shop".into(),
        client: "[local]".into(),
        ..Who::default()
    })
}

pub(super) fn start(sql: &str) -> Record {
    let sql = Sql::whole(Arc::<str>::from(sql), Conceal::Nothing);
    Record {
        who: ana(),
        event: Event::StatementStart(StatementStart { sql, columns: Arc::from([]), observed: None }),
    }
}

pub(super) fn end(start: super::Ticket) -> Record {
    let elapsed = Duration::from_micros(1500);
    let event = StatementEnd { start, rows: 3, bytes: 99, elapsed, sqlstate: None, refused: false };
    Record { who: ana(), event: Event::StatementEnd(event) }
}

/// A disk of which the bytes that are synced survive, and which breaks when
/// told to.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    synced: usize,
    operations: u64,
    /// Operations with these numbers fail.
    broken: std::ops::Range<u64>,
    /// A failing append still writes this many bytes.
    partial: usize,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Disk>>);

impl Shared {
    fn operation(&self) -> io::Result<parking_lot::MutexGuard<'_, Disk>> {
        let mut disk = self.0.lock();
        disk.operations += 1;
        if disk.broken.contains(&disk.operations) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(disk)
    }
    fn values(&self) -> Vec<serde_json::Value> {
        let disk = self.0.lock();
        let text = String::from_utf8(disk.bytes[..disk.synced].to_vec()).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

impl LogFile for Shared {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.operation()?.bytes.len() as u64)
    }
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let disk = self.0.lock();
        let from = (offset as usize).min(disk.bytes.len());
        Ok(disk.bytes[from..(from + len).min(disk.bytes.len())].to_vec())
    }
    fn archive_end(&mut self, _: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.operation() {
            Ok(mut disk) => disk.bytes.extend_from_slice(bytes),
            Err(e) => {
                let mut disk = self.0.lock();
                let part = disk.partial.min(bytes.len());
                disk.bytes.extend_from_slice(&bytes[..part]);
                return Err(e);
            }
        }
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.operation()?;
        disk.synced = disk.bytes.len();
        Ok(())
    }
    fn heal(&mut self, good: u64) -> io::Result<u64> {
        self.operation()?.bytes.truncate(good as usize);
        Ok(good)
    }
    fn rotate(&mut self, _: u64) -> io::Result<()> {
        Err(io::Error::other("no archives in memory"))
    }
}

fn open(disk: &Shared) -> Log {
    try_open(disk).unwrap()
}

fn try_open(disk: &Shared) -> Result<Log, OpenError> {
    Log::start(Box::new(disk.clone()), settings("memory", 0), &key(), Arc::new(SystemClock))
}

fn verify_bytes(bytes: &[u8]) -> Option<Fault> {
    let mut verifier = Verifier::from_start(sealer());
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        verifier.line(line);
    }
    verifier.pending().map(|(_, fault)| fault)
}

fn events(values: &[serde_json::Value]) -> Vec<&str> {
    values.iter().map(|v| v["event"].as_str().unwrap()).collect()
}

#[test]
fn a_statement_leaves_two_records_that_belong_together() {
    let disk = Shared::default();
    let log = open(&disk);
    let ticket = log.post(start("SELECT 1")).unwrap();
    log.durable_blocking(ticket).unwrap();
    assert_eq!(events(&disk.values()), ["statement.start"]);
    log.post(end(ticket)).unwrap();
    drop(log);
    let values = disk.values();
    assert_eq!(values[1]["start"], values[0]["seq"]);
    assert_eq!(values[1]["ms"], 1.5);
    assert_eq!(values[0]["prev"], "0".repeat(64));
    assert_eq!(values[1]["prev"], values[0]["mac"]);
    assert_eq!(values[0]["user"], "ana");
    assert_eq!(verify_bytes(&disk.0.lock().bytes), None);
}

#[test]
fn members_stand_in_the_documented_order() {
    let disk = Shared::default();
    let log = open(&disk);
    log.post(start("SELECT 1")).unwrap();
    drop(log);
    let text = String::from_utf8(disk.0.lock().bytes.clone()).unwrap();
    let names: Vec<&str> = text
        .split(['{', ','])
        .filter_map(|m| m.strip_prefix('"')?.split_once("\":").map(|(name, _)| name))
        .collect();
    assert_eq!(
        names,
        [
            "seq",
            "at",
            "node",
            "event",
            "session",
            "user",
            "database",
            "client",
            "sql",
            "fingerprint",
            "columns",
            "grants",
            "prev",
            "mac"
        ]
    );
}

/// For every k: the k-th operation on the file fails, and some after it. What
/// was reported durable is there, what failed is not, outcomes are never lost.
#[test]
fn whichever_write_or_sync_fails_no_durable_record_is_lost() {
    for k in 1..=14 {
        for (length, partial) in [(1, 0), (1, 10), (3, 100_000)] {
            let disk = Shared::default();
            let log = open(&disk);
            let opened = disk.0.lock().operations;
            disk.0.lock().broken = opened + k..opened + k + length;
            disk.0.lock().partial = partial;
            let mut durable = Vec::new();
            let mut refused = Vec::new();
            let mut ends = 0;
            let started = Instant::now();
            let mut number = 0;
            while durable.len() < 4 || refused.is_empty() && started.elapsed() < Duration::from_millis(20) {
                number += 1;
                let text = format!("SELECT {number}");
                let outcome = log.post(start(&text)).and_then(|t| log.durable_blocking(t).map(|()| t));
                match outcome {
                    Ok(ticket) => {
                        durable.push(text);
                        log.post(end(ticket)).unwrap();
                        ends += 1;
                    }
                    Err(error) => {
                        assert_eq!(error, AuditError::NoSpace);
                        refused.push(text);
                        std::thread::sleep(Duration::from_millis(50));
                    }
                }
                assert!(started.elapsed() < Duration::from_secs(20), "k = {k}: service did not resume");
            }
            log.close();
            assert_eq!(verify_bytes(&disk.0.lock().bytes), None, "k = {k}");
            let values = disk.values();
            let written: Vec<&str> = values.iter().filter_map(|v| v["sql"].as_str()).collect();
            assert_eq!(written, durable, "k = {k}");
            assert_eq!(events(&values).iter().filter(|e| **e == "statement.end").count(), ends, "k = {k}");
            for end in values.iter().filter(|v| v["event"] == "statement.end") {
                let start = values.iter().find(|v| v["seq"] == end["start"]).unwrap();
                assert_eq!(start["event"], "statement.start", "k = {k}");
            }
            if !refused.is_empty() {
                let resumed = values.iter().find(|v| v["event"] == "log.resumed").unwrap();
                assert!(resumed["refused"].as_u64().unwrap() >= 1);
            }
        }
    }
}

#[test]
fn while_the_disk_is_full_statements_are_refused_at_once() {
    let disk = Shared::default();
    let log = open(&disk);
    let ticket = log.post(start("SELECT 1")).unwrap();
    log.durable_blocking(ticket).unwrap();
    disk.0.lock().broken = 0..u64::MAX;
    let ticket = log.post(start("SELECT 2")).unwrap();
    let error = log.durable_blocking(ticket).unwrap_err();
    assert_eq!(crate::error::ClientError::from(&error).code, "53100");
    assert_eq!(log.post(start("SELECT 3")).unwrap_err(), AuditError::NoSpace);
    log.post(end(ticket)).unwrap();
    disk.0.lock().broken = 0..0;
    let waiting = Instant::now();
    while log.post(start("SELECT 4")).is_err() {
        assert!(waiting.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(log);
    let values = disk.values();
    assert_eq!(events(&values), ["statement.start", "log.resumed", "statement.end", "statement.start"]);
    // The end of a start that was never written names none.
    assert!(values[2]["start"].is_null());
    assert!(values[1]["refused"].as_u64().unwrap() >= 2);
    assert_eq!(values[3]["sql"], "SELECT 4");
}

/// A full disk and a flood of failed logins at once: memory stays bounded, and
/// the log says how many it does not tell of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_failed_logins_does_not_grow_the_queue() {
    const FLOOD: usize = 50_000;
    let disk = Shared::default();
    let log = open(&disk);
    let failed = || {
        let event = AuthFailed { sqlstate: "28P01".into(), reason: "wrong password".into() };
        Record { who: ana(), event: Event::AuthFailed(event) }
    };
    let ticket = log.submit(start("SELECT 1")).await.unwrap();
    log.durable(ticket).await.unwrap();
    disk.0.lock().broken = 0..u64::MAX;
    let ticket = log.submit(start("SELECT 2")).await.unwrap();
    log.durable(ticket).await.unwrap_err();
    let mut kept = 0;
    for _ in 0..FLOOD {
        kept += usize::from(log.submit(failed()).await.is_ok());
        assert!(log.standing().0 <= 16_384);
    }
    assert_eq!(kept, 16_384);
    disk.0.lock().broken = 0..0;
    let waiting = Instant::now();
    while log.standing().1.is_some() {
        assert!(waiting.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::task::spawn_blocking(move || log.close()).await.unwrap();
    let values = disk.values();
    let told = values.iter().filter(|v| v["event"] == "auth.failed").count();
    let resumed = values.iter().find(|v| v["event"] == "log.resumed").unwrap();
    let untold = resumed["refused"].as_u64().unwrap() as usize;
    // The statement that was refused is one of them.
    assert_eq!(told + untold, FLOOD + 1);
}

/// A crash leaves any prefix of the bytes; the next start closes the torn line
/// and the chain goes on.
#[test]
fn a_torn_line_at_every_byte_is_closed_and_the_chain_goes_on() {
    let disk = Shared::default();
    let log = open(&disk);
    for number in 1..=2 {
        log.post(start(&format!("SELECT {number}"))).unwrap();
    }
    drop(log);
    let whole = disk.0.lock().bytes.clone();
    let first_line = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for length in 0..=whole.len() {
        let disk = Shared::default();
        disk.0.lock().bytes = whole[..length].to_vec();
        let log = open(&disk);
        let ticket = log.post(start("SELECT 3")).unwrap();
        log.durable_blocking(ticket).unwrap();
        drop(log);
        let bytes = disk.0.lock().bytes.clone();
        assert_eq!(verify_bytes(&bytes), None, "cut at {length}");
        let text = String::from_utf8(bytes).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["sql"], "SELECT 3");
        let is_whole = |n: usize| n == 0 || n + 1 == first_line || n == first_line || n + 1 >= whole.len();
        assert_eq!(text.contains("log.recovered"), !is_whole(length), "cut at {length}");
        // And once more: a torn end inside the file stays explained.
        drop(open(&disk));
        assert_eq!(verify_bytes(&disk.0.lock().bytes), None);
    }
}

#[test]
fn a_crash_while_a_torn_line_is_closed_is_closed_by_the_next_start() {
    let disk = Shared::default();
    drop(open(&disk).post(start("SELECT 1")));
    disk.0.lock().bytes.extend_from_slice(b"{\"seq\":2,\"at\":\"20");
    drop(open(&disk));
    let whole = disk.0.lock().bytes.clone();
    let last_line = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    for length in last_line - 1..whole.len() {
        let disk = Shared::default();
        disk.0.lock().bytes = whole[..length].to_vec();
        drop(open(&disk).post(start("SELECT 2")));
        assert_eq!(verify_bytes(&disk.0.lock().bytes), None, "cut at {length}");
    }
}

#[test]
fn an_edited_end_is_not_taken_for_a_crash() {
    let disk = Shared::default();
    let log = open(&disk);
    log.post(start("SELECT 1")).unwrap();
    log.post(start("SELECT 2")).unwrap();
    drop(log);
    let mut bytes = disk.0.lock().bytes.clone();
    let at = bytes.windows(8).rposition(|w| w == b"SELECT 2").unwrap();
    bytes[at + 7] = b'3';
    disk.0.lock().bytes = bytes;
    assert!(matches!(try_open(&disk), Err(OpenError::Recover { .. })));
}

fn lines(count: usize) -> Vec<Vec<u8>> {
    let disk = Shared::default();
    let log = open(&disk);
    for number in 0..count {
        log.post(start(&format!("SELECT {number}"))).unwrap();
    }
    drop(log);
    let bytes = disk.0.lock().bytes.clone();
    bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn each_kind_of_damage_is_named() {
    let good = lines(5);
    let fault = |lines: &[Vec<u8>]| verify_bytes(&lines.concat());
    assert_eq!(fault(&good), None);
    let mut removed = good.clone();
    removed.remove(2);
    assert_eq!(fault(&removed), Some(Fault::Removed { missing: 1, expected: 3 }));
    let mut swapped = good.clone();
    swapped.swap(1, 2);
    assert_eq!(fault(&swapped), Some(Fault::Removed { missing: 1, expected: 2 }));
    let mut repeated = good.clone();
    repeated.insert(3, good[1].clone());
    assert_eq!(fault(&repeated), Some(Fault::Reordered { expected: 4 }));
    let mut edited = good.clone();
    edited[3] = String::from_utf8(edited[3].clone()).unwrap().replace("ana", "bob").into_bytes();
    assert_eq!(fault(&edited), Some(Fault::Edited));
    let mut cut = good.clone();
    cut[4].truncate(50);
    assert_eq!(fault(&cut), Some(Fault::NotARecord));
    let mut other = good.clone();
    other[2] = lines(5)[2].clone();
    assert_eq!(fault(&other), Some(Fault::OtherChain));
    let mut verifier = Verifier::from_start(Sealer::new(&[8; 32]));
    good.iter().for_each(|line| verifier.line(line));
    assert_eq!(verifier.pending(), Some((0, Fault::ForeignKey)));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_flipped_bit_removal_or_swap_is_found(
        bit in proptest::sample::Index::arbitrary_index(),
        a in 0usize..6,
        b in 0usize..6,
    ) {
        let good = lines(6);
        let mut flipped = good.concat();
        let at = bit.index(flipped.len() * 8);
        flipped[at / 8] ^= 1 << (at % 8);
        proptest::prop_assert!(verify_bytes(&flipped).is_some());
        let mut swapped = good.clone();
        swapped.swap(a, b);
        proptest::prop_assert_eq!(verify_bytes(&swapped.concat()).is_some(), a != b);
        // Cutting off the end shows only against the head kept elsewhere.
        let mut removed = good;
        removed.remove(a);
        proptest::prop_assert_eq!(verify_bytes(&removed.concat()).is_some(), a < 5);
    }
}

trait ArbitraryIndex {
    fn arbitrary_index() -> proptest::strategy::BoxedStrategy<proptest::sample::Index>;
}
impl ArbitraryIndex for proptest::sample::Index {
    fn arbitrary_index() -> proptest::strategy::BoxedStrategy<Self> {
        use proptest::strategy::Strategy as _;
        proptest::arbitrary::any::<Self>().boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_sessions_at_once_lose_nothing_and_keep_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let log = Log::open(settings(&path, 64 << 10), &key(), Arc::new(SystemClock)).unwrap();
    let mut sessions = Vec::new();
    for session in 0..16 {
        let log = log.clone();
        sessions.push(tokio::spawn(async move {
            for number in 0..50 {
                let ticket = log.submit(start(&format!("SELECT {session}, {number}"))).await.unwrap();
                log.durable(ticket).await.unwrap();
                log.submit(end(ticket)).await.unwrap();
            }
        }));
    }
    for session in sessions {
        session.await.unwrap();
    }
    tokio::task::spawn_blocking(move || log.close()).await.unwrap();
    let files = all_files(&path).unwrap();
    assert!(files.len() > 3, "rotated: {files:?}");
    let report = verify::files(&files, &sealer(), &[]).unwrap();
    assert_eq!((report.bad, report.records, report.first_seq), (None, 1600, Some(1)));
    let text: String = files.iter().map(|f| std::fs::read_to_string(f).unwrap()).collect();
    for session in 0..16 {
        let numbers: Vec<u32> = text
            .lines()
            .filter_map(|l| l.split(&format!("SELECT {session}, ")).nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn a_rotated_chain_goes_on_after_a_restart_with_an_empty_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    for _ in 0..4 {
        let log = Log::open(settings(&path, 1), &key(), Arc::new(SystemClock)).unwrap();
        for _ in 0..3 {
            let ticket = log.post(start("SELECT 1")).unwrap();
            log.durable_blocking(ticket).unwrap();
        }
        drop(log);
        // As if it had crashed between the rename and the first record.
        let next = verify::files(&all_files(&path).unwrap(), &sealer(), &[]).unwrap().first_seq;
        assert_eq!(next, Some(1));
        let last = super::file::archives(&path).unwrap().len() as u64 + 1;
        std::fs::rename(&path, super::file::archive_name(&path, last)).unwrap();
    }
    let report = verify::files(&all_files(&path).unwrap(), &sealer(), &[]).unwrap();
    assert_eq!((report.bad, report.records), (None, 12));
}

/// A clock that the test sets.
struct Hands(Mutex<jiff::Timestamp>);

impl crate::clock::Clock for Hands {
    fn now(&self) -> crate::clock::Now {
        crate::clock::Now { wall: *self.0.lock(), mono: Instant::now() }
    }
}

#[test]
fn a_file_that_is_old_enough_is_rotated_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let clock = Arc::new(Hands(Mutex::new("2026-11-23T20:00:00Z".parse().unwrap())));
    let open = || {
        let settings = LogSettings { rotate_age: Duration::from_secs(3600), ..settings(&path, 0) };
        Log::open(settings, &key(), clock.clone()).unwrap()
    };
    let mut log = open();
    let mut at = |time: &str, restart: bool| {
        *clock.0.lock() = time.parse().unwrap();
        if restart {
            log.close();
            log = open();
        }
        log.durable_blocking(log.post(start("SELECT 1")).unwrap()).unwrap();
        all_files(&path).unwrap().len()
    };
    assert_eq!(at("2026-11-23T20:00:00Z", false), 1);
    assert_eq!(at("2026-11-23T20:59:59Z", false), 1);
    assert_eq!(at("2026-11-23T21:00:00Z", false), 2);
    assert_eq!(at("2026-11-23T21:59:59Z", true), 2);
    assert_eq!(at("2026-11-23T22:00:00Z", true), 3);
    // The clock was set back: no reason to rotate.
    assert_eq!(at("2026-11-23T20:00:00Z", false), 3);
    let report = verify::files(&all_files(&path).unwrap(), &sealer(), &[]).unwrap();
    assert_eq!((report.bad, report.records), (None, 6));
}

#[test]
fn a_kept_head_is_found_again_in_whichever_file_it_is() {
    use super::anchor::{Anchor, Anchors, compare};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let log = Log::open(settings(&path, 4096), &key(), Arc::new(SystemClock)).unwrap();
    assert_eq!(log.head(), None);
    let heads: Vec<super::chain::Head> = (1..=40)
        .map(|number| {
            log.durable_blocking(log.post(start(&format!("SELECT {number}"))).unwrap()).unwrap();
            log.head().unwrap()
        })
        .collect();
    assert!(all_files(&path).unwrap().len() > 3);
    let at = jiff::Timestamp::UNIX_EPOCH;
    let newest = heads.last().copied();
    for head in &heads {
        assert!(compare(Anchor { head: *head, at }, newest, &path).unwrap().is_none(), "{head}");
        let other = super::chain::Head { mac: [b'0'; 64], ..*head };
        let lost = compare(Anchor { head: other, at }, newest, &path).unwrap().unwrap();
        assert_eq!(lost.what, "another record stands in its place");
    }
    // Old files may be taken away.
    std::fs::remove_file(&super::file::archives(&path).unwrap()[0]).unwrap();
    let other = super::chain::Head { mac: [b'0'; 64], ..heads[0] };
    assert!(compare(Anchor { head: other, at }, newest, &path).unwrap().is_none());
    let lost = compare(Anchor { head: heads[39], at }, Some(heads[30]), &path).unwrap().unwrap();
    assert_eq!((lost.kept_seq, lost.found_seq), (40, 31));
    assert_eq!(compare(Anchor { head: heads[0], at }, None, &path).unwrap().unwrap().found_seq, 0);
    // And through the store.
    let state = directory.path().join("state.db");
    let anchors = Anchors::open(&state, &path).unwrap();
    assert_eq!(anchors.load().unwrap(), None);
    anchors.keep(Anchor { head: heads[3], at }).unwrap();
    anchors.keep(Anchor { head: heads[7], at }).unwrap();
    assert_eq!(Anchors::open(&state, &path).unwrap().load().unwrap(), Some(Anchor { head: heads[7], at }));
    assert_eq!(Anchors::open(&state, &directory.path().join("other")).unwrap().load().unwrap(), None);
}

#[test]
fn a_removed_file_is_noticed_and_the_chain_goes_on_in_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let log = Log::open(settings(&path, 0), &key(), Arc::new(SystemClock)).unwrap();
    log.durable_blocking(log.post(start("SELECT 1")).unwrap()).unwrap();
    let moved = directory.path().join("moved");
    std::fs::rename(&path, &moved).unwrap();
    let error = log.durable_blocking(log.post(start("SELECT 2")).unwrap()).unwrap_err();
    assert_eq!(crate::error::ClientError::from(&error).code, "58030");
    let waiting = Instant::now();
    while log.post(start("SELECT 3")).is_err() {
        assert!(waiting.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(log);
    let report = verify::files(&[moved, path], &sealer(), &[]).unwrap();
    assert_eq!((report.bad, report.records), (None, 3));
}

#[test]
fn a_file_that_somebody_cuts_or_writes_to_is_noticed_and_the_chain_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let log = Log::open(settings(&path, 0), &key(), Arc::new(SystemClock)).unwrap();
    let next = |number: u32| {
        let waiting = Instant::now();
        loop {
            let done = log.post(start(&format!("SELECT {number}"))).and_then(|t| log.durable_blocking(t));
            if done.is_ok() {
                return;
            }
            assert!(waiting.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let file = || std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    next(1);
    next(2);
    // As copytruncate does.
    let copy = directory.path().join("copy");
    std::fs::copy(&path, &copy).unwrap();
    file().set_len(0).unwrap();
    next(3);
    std::io::Write::write_all(&mut file(), b"nonsense\n").unwrap();
    next(4);
    let report = verify::files(&[copy, path.clone()], &sealer(), &[]).unwrap();
    assert_eq!(report.bad, None);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("somebody else changed the file").count(), 2, "{text}");
    // In the middle of a line: what is gone is gone, what comes is whole.
    file().set_len(text.len() as u64 - 10).unwrap();
    next(5);
    drop(log);
    let text = std::fs::read_to_string(&path).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["sql"], "SELECT 5");
    assert!(verify::files(&[path], &sealer(), &[]).unwrap().bad.is_some());
}

#[test]
fn two_proxies_do_not_write_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let _log = Log::open(settings(&path, 0), &key(), Arc::new(SystemClock)).unwrap();
    assert!(matches!(DiskFile::open(&path), Err(OpenError::InUse { .. })));
}

#[test]
fn a_closed_log_takes_nothing() {
    let disk = Shared::default();
    let log = open(&disk);
    log.close();
    assert_eq!(log.post(start("SELECT 1")).unwrap_err(), AuditError::Closed);
}
