//! Goal: whichever operation on the log's files fails, nothing that was
//! acknowledged is lost, nothing is there twice, the chain holds over all files,
//! and service resumes. Method: a script over real files, with a journal that
//! holds few groups, which rotate at every record or never; it runs once to
//! count its operations, then for each of them, which fails, alone or with those
//! that follow it: before anything was done, half done where it can be, and
//! done, as when only its answer is lost.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::file::{DiskFile, LogFile, all_files, archive_name};
use super::journal::{DiskPlace, FileId, Journaled, Place, Restorable};
use super::log::{AuditError, Log};
use super::tests::{end, key, sealer, settings, start};
use super::verify;
use crate::clock::SystemClock;

const STATEMENTS: u32 = 5;
/// No operation has such a number.
const OPENING: u64 = 1 << 32;

/// Which operations fail.
#[derive(Debug, Clone, Copy)]
struct Fault {
    /// The first of them, counted from 1.
    k: u64,
    /// How many in a row.
    count: u64,
    /// They are done all the same.
    late: bool,
}

struct Plan {
    operations: AtomicU64,
    fault: Fault,
}

impl Plan {
    fn next(&self) -> Ending {
        let number = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        let Fault { k, count, late } = self.fault;
        match (number >= k && number < k + count, late) {
            (false, _) => Ending::Well,
            (true, false) => Ending::Failed,
            (true, true) => Ending::Lost,
        }
    }

    fn run<T>(&self, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.next() {
            Ending::Well => operation(),
            Ending::Failed => full(),
            Ending::Lost => operation().and_then(|_| full()),
        }
    }
}

/// How an operation ends.
enum Ending {
    Well,
    /// Nothing was done.
    Failed,
    /// It was done, and nobody hears of it.
    Lost,
}

struct Faulty {
    path: PathBuf,
    file: DiskFile,
    plan: Arc<Plan>,
}

struct FaultyPlace {
    place: DiskPlace,
    plan: Arc<Plan>,
}

fn full<T>() -> io::Result<T> {
    Err(io::Error::from(io::ErrorKind::StorageFull))
}

impl LogFile for Faulty {
    fn length(&mut self) -> io::Result<u64> {
        self.plan.run(|| self.file.length())
    }
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.plan.run(|| self.file.read_at(offset, len))
    }
    fn archive_end(&mut self, len: usize) -> io::Result<Vec<u8>> {
        self.plan.run(|| self.file.archive_end(len))
    }
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.plan.next() {
            Ending::Well => self.file.append(bytes),
            Ending::Failed => self.file.append(&bytes[..bytes.len() / 2]).and_then(|()| full()),
            Ending::Lost => self.file.append(bytes).and_then(|()| full()),
        }
    }
    fn sync(&mut self) -> io::Result<()> {
        self.plan.run(|| self.file.sync())
    }
    fn heal(&mut self, good: u64) -> io::Result<u64> {
        self.plan.run(|| self.file.heal(good))
    }
    fn rotate(&mut self, first_seq: u64) -> io::Result<()> {
        match self.plan.next() {
            Ending::Well => self.file.rotate(first_seq),
            Ending::Failed => full(),
            // Renamed, no new file to be had, and no way back.
            Ending::Lost => {
                std::fs::rename(&self.path, archive_name(&self.path, first_seq)).and_then(|()| full())
            }
        }
    }
}

impl Restorable for Faulty {
    fn id(&mut self) -> io::Result<FileId> {
        self.plan.run(|| self.file.id())
    }
    fn own_length(&mut self) -> io::Result<u64> {
        self.plan.run(|| self.file.own_length())
    }
    fn restore(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.plan.run(|| self.file.restore(offset, bytes))
    }
}

impl Place for FaultyPlace {
    fn size(&self) -> usize {
        self.place.size()
    }
    fn is_ready(&mut self) -> io::Result<bool> {
        self.plan.run(|| self.place.is_ready())
    }
    fn make(&mut self) -> io::Result<()> {
        self.plan.run(|| self.place.make())
    }
    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.plan.run(|| self.place.read())
    }
    fn write(&mut self, at: usize, blocks: &[u8]) -> io::Result<()> {
        match self.plan.next() {
            Ending::Well => self.place.write(at, blocks),
            Ending::Failed => self.place.write(at, &blocks[..blocks.len() / 2]).and_then(|()| full()),
            Ending::Lost => self.place.write(at, blocks).and_then(|()| full()),
        }
    }
    fn keep(&mut self, name: &[u8; 32], bytes: &[u8]) -> io::Result<PathBuf> {
        self.plan.run(|| self.place.keep(name, bytes))
    }
}

/// Runs the script with this fault in a directory of its own, and checks what
/// it left. How many operations it took.
fn run(fault: Fault, rotate: u64) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    // Not while it is opened, which is another's test.
    let plan = Arc::new(Plan { operations: AtomicU64::new(OPENING), fault });
    let file = Faulty { path: path.clone(), file: DiskFile::open(&path).unwrap(), plan: plan.clone() };
    let place = FaultyPlace { place: DiskPlace::open_sized(&path, 5 << 12).unwrap(), plan: plan.clone() };
    let file = Journaled::open(file, place, &sealer()).unwrap();
    let log = Log::start(Box::new(file), settings(&path, rotate), &key(), Arc::new(SystemClock)).unwrap();
    plan.operations.store(0, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for number in 1..=STATEMENTS {
        acknowledged.push(one(&log, number, fault));
    }
    log.close();
    check(&path, &acknowledged, fault);
    plan.operations.load(Ordering::SeqCst)
}

/// One statement, asked again until it may run.
fn one(log: &Log, number: u32, fault: Fault) -> String {
    let began = Instant::now();
    for attempt in 1.. {
        let text = format!("SELECT {number}, {attempt}");
        match log.post(start(&text)).and_then(|ticket| log.durable_blocking(ticket).map(|()| ticket)) {
            Ok(ticket) => {
                log.post(end(ticket)).unwrap();
                return text;
            }
            Err(AuditError::NoSpace | AuditError::Io(_)) => {}
            Err(error) => panic!("{fault:?}: {error}"),
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{fault:?}: service did not resume");
        std::thread::sleep(Duration::from_millis(20));
    }
    unreachable!("an attempt returns")
}

/// What was acknowledged is there, in order, once, each with its outcome.
fn check(path: &Path, acknowledged: &[String], fault: Fault) {
    let files = all_files(path).unwrap();
    let report = verify::files(&files, &sealer(), &[]).unwrap();
    assert_eq!((report.bad, report.first_seq), (None, Some(1)), "{fault:?}");
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let records: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let of = |event: &'static str| records.iter().filter(move |record| record["event"] == event);
    let written: Vec<&str> = of("statement.start").map(|record| record["sql"].as_str().unwrap()).collect();
    assert_eq!(written, acknowledged, "{fault:?}");
    let started: Vec<_> = of("statement.start").map(|record| &record["seq"]).collect();
    let ended: Vec<_> = of("statement.end").map(|record| &record["start"]).collect();
    assert_eq!(ended, started, "{fault:?}");
}

#[test]
fn whichever_operation_fails_nothing_acknowledged_is_lost_and_service_resumes() {
    // Most of it is waiting.
    std::thread::scope(|scope| {
        for rotate in [0, 1] {
            let operations = run(Fault { k: OPENING, count: 0, late: false }, rotate);
            assert!(operations > u64::from(STATEMENTS) * 4, "{operations}");
            for (count, late) in [(1, false), (3, false), (1, true), (3, true)] {
                for part in 1..=4 {
                    let part = (part..=operations).step_by(4);
                    scope.spawn(move || part.for_each(|k| _ = run(Fault { k, count, late }, rotate)));
                }
            }
        }
    });
}
