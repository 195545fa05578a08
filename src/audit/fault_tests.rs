//! Goal: whichever operation on the log's files fails, nothing that was
//! acknowledged is lost, nothing is there twice, the chain holds over all files,
//! and service resumes. Method: a script over real files that rotate at every
//! record; it runs once to count its operations, then once for each of them,
//! which fails, half done where it can be.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::file::{DiskFile, LogFile, all_files};
use super::log::{AuditError, Log};
use super::tests::{end, key, sealer, settings, start};
use super::verify;
use crate::clock::SystemClock;

const STATEMENTS: u32 = 5;

/// Which operation fails; counted from 1.
#[derive(Default)]
struct Plan {
    operations: AtomicU64,
    broken: AtomicU64,
}

struct Faulty {
    file: DiskFile,
    plan: Arc<Plan>,
}

impl Faulty {
    fn fails(&self) -> bool {
        self.plan.operations.fetch_add(1, Ordering::SeqCst) + 1 == self.plan.broken.load(Ordering::SeqCst)
    }

    fn check(&self) -> io::Result<()> {
        if self.fails() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
}

impl LogFile for Faulty {
    fn length(&mut self) -> io::Result<u64> {
        self.check()?;
        self.file.length()
    }
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.check()?;
        self.file.read_at(offset, len)
    }
    fn archive_end(&mut self, len: usize) -> io::Result<Vec<u8>> {
        self.check()?;
        self.file.archive_end(len)
    }
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.fails() {
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.file.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.check()?;
        self.file.sync()
    }
    fn check_in_place(&mut self) -> io::Result<()> {
        self.check()?;
        self.file.check_in_place()
    }
    fn heal(&mut self, good: u64) -> io::Result<u64> {
        self.check()?;
        self.file.heal(good)
    }
    fn rotate(&mut self, first_seq: u64) -> io::Result<()> {
        self.check()?;
        self.file.rotate(first_seq)
    }
}

/// Runs the script with the k-th operation failing (0: none) in a directory of
/// its own, and checks what it left. How many operations it took.
fn run(directory: &Path, k: u64) -> u64 {
    let path = directory.join(format!("{k}.jsonl"));
    let plan = Arc::new(Plan::default());
    let file = Faulty { file: DiskFile::open(&path).unwrap(), plan: plan.clone() };
    let log = Log::start(Box::new(file), settings(&path, 1), &key(), Arc::new(SystemClock)).unwrap();
    // Opening is over: its operations are another's test.
    plan.operations.store(0, Ordering::SeqCst);
    plan.broken.store(k, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for number in 1..=STATEMENTS {
        acknowledged.push(one(&log, number, k));
    }
    log.close();
    check(&path, &acknowledged, k);
    plan.operations.load(Ordering::SeqCst)
}

/// One statement, asked again until it may run.
fn one(log: &Log, number: u32, k: u64) -> String {
    let began = Instant::now();
    for attempt in 1.. {
        let text = format!("SELECT {number}, {attempt}");
        match log.post(start(&text)).and_then(|ticket| log.durable_blocking(ticket).map(|()| ticket)) {
            Ok(ticket) => {
                log.post(end(ticket)).unwrap();
                return text;
            }
            Err(error) => assert_eq!(error, AuditError::NoSpace, "k = {k}"),
        }
        assert!(began.elapsed() < Duration::from_secs(20), "k = {k}: service did not resume");
        std::thread::sleep(Duration::from_millis(20));
    }
    unreachable!("an attempt returns")
}

/// What was acknowledged is there, in order, once, each with its outcome.
fn check(path: &Path, acknowledged: &[String], k: u64) {
    let files = all_files(path).unwrap();
    let report = verify::files(&files, &sealer(), &[]).unwrap();
    assert_eq!((report.bad, report.first_seq), (None, Some(1)), "k = {k}");
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let records: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let of = |event: &'static str| records.iter().filter(move |record| record["event"] == event);
    let written: Vec<&str> = of("statement.start").map(|record| record["sql"].as_str().unwrap()).collect();
    assert_eq!(written, acknowledged, "k = {k}");
    let started: Vec<_> = of("statement.start").map(|record| &record["seq"]).collect();
    let ended: Vec<_> = of("statement.end").map(|record| &record["start"]).collect();
    assert_eq!(ended, started, "k = {k}");
}

#[test]
fn whichever_operation_fails_nothing_acknowledged_is_lost_and_service_resumes() {
    let directory = tempfile::tempdir().unwrap();
    let operations = run(directory.path(), 0);
    assert!(operations > u64::from(STATEMENTS) * 4, "{operations}");
    for k in 1..=operations {
        run(directory.path(), k);
    }
}
