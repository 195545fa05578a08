//! Goal: what a power cut takes from the log, the next start gives back from the
//! journal, and never to another log. Method: real files. A log is closed, its
//! journal put back as it stood before, and its end cut off or damaged, as if
//! nothing of it had reached the disk since.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::file::{DiskFile, LogFile as _, all_files};
use super::super::log::{Log, OpenError};
use super::super::tests::{key, sealer, settings, start};
use super::super::verify;
use super::format::{self, BLOCK};
use super::place::{self, DiskPlace, Place as _};
use super::*;
use crate::clock::SystemClock;

/// Of the journal.
const SIZE: usize = 8 << 20;

struct Desk {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        Self { directory, path }
    }

    fn open(&self, rotate: u64) -> Log {
        Log::open(settings(&self.path, rotate), &key(), Arc::new(SystemClock)).unwrap()
    }

    fn open_file(&self) -> Journaled<DiskFile, DiskPlace> {
        let (file, place) = (DiskFile::open(&self.path).unwrap(), DiskPlace::open(&self.path).unwrap());
        Journaled::open(file, place, &sealer()).unwrap()
    }

    /// As a program that knows no journal.
    fn open_without(&self) -> Log {
        let file = Box::new(DiskFile::open(&self.path).unwrap());
        Log::start(file, settings(&self.path, 0), &key(), Arc::new(SystemClock)).unwrap()
    }

    fn journal(&self) -> PathBuf {
        self.directory.path().join("audit.jsonl.journal")
    }

    fn contents(&self) -> format::Contents {
        format::read(&fs::read(self.journal()).unwrap()).unwrap()
    }

    /// Writes these statements, each durable; the journal then, and the log.
    /// The log is closed.
    fn crash(&self, numbers: std::ops::RangeInclusive<u32>) -> Crash {
        let log = self.open(0);
        numbers.for_each(|number| write(&log, &format!("SELECT {number}")));
        self.crash_with(log)
    }

    fn crash_with(&self, log: Log) -> Crash {
        let crash = Crash { journal: fs::read(self.journal()).unwrap(), log: fs::read(&self.path).unwrap() };
        drop(log);
        assert!(self.contents().bytes.is_empty(), "a closed journal holds nothing");
        fs::write(self.journal(), &crash.journal).unwrap();
        crash
    }

    fn cut(&self, length: usize) {
        fs::OpenOptions::new().write(true).open(&self.path).unwrap().set_len(length as u64).unwrap();
    }

    fn kept(&self) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let kept = entries.filter(|path| path.extension().is_some_and(|e| e == "kept"));
        kept.map(|path| fs::read(path).unwrap()).collect()
    }

    fn log(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    /// All texts that the log holds, which is whole.
    fn statements(&self) -> Vec<String> {
        let files = all_files(&self.path).unwrap();
        assert_eq!(verify::files(&files, &sealer(), &[]).unwrap().bad, None);
        let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let values = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        values.filter_map(|value| Some(value["sql"].as_str()?.to_owned())).collect()
    }

    /// [`Desk::statements`] of a log with torn bytes in it.
    fn statements_torn(&self) -> Vec<String> {
        let report = verify::files(&all_files(&self.path).unwrap(), &sealer(), &[]).unwrap();
        assert_eq!((report.bad, report.torn.len()), (None, 1));
        let text = String::from_utf8(self.log()).unwrap();
        let values = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        values.filter_map(|value| Some(value["sql"].as_str()?.to_owned())).collect()
    }
}

struct Crash {
    journal: Vec<u8>,
    log: Vec<u8>,
}

fn write(log: &Log, text: &str) {
    log.durable_blocking(log.post(start(text)).unwrap()).unwrap();
}

fn numbered(numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.map(|number| format!("SELECT {number}")).collect()
}

#[test]
fn an_end_that_a_power_cut_took_is_there_again_at_the_next_start() {
    let desk = Desk::new();
    let crash = desk.crash(1..=5);
    let line = crash.log.len() / 5;
    for length in [0, 1, line, line + 7, 3 * line, crash.log.len() - 1, crash.log.len()] {
        fs::write(desk.journal(), &crash.journal).unwrap();
        desk.cut(length);
        drop(desk.open(0));
        assert_eq!(desk.log(), crash.log, "cut at {length}");
    }
    write(&desk.open(0), "SELECT 6");
    assert_eq!(desk.statements(), numbered(1..=6));
    assert!(desk.kept().is_empty());
}

#[test]
fn zeros_that_a_power_cut_left_become_records_again() {
    let desk = Desk::new();
    let crash = desk.crash(1..=40);
    let length = crash.log.len();
    assert!(length > 3 * BLOCK);
    // The end, all, and a page in the middle whose neighbours were written.
    for (from, to) in [(length - 9, length), (0, length), (BLOCK, 2 * BLOCK)] {
        fs::write(desk.journal(), &crash.journal).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&desk.path).unwrap();
        file.write_all_at(&vec![0; to - from], from as u64).unwrap();
        drop(desk.open(0));
        assert_eq!(desk.log(), crash.log, "zeros from {from} to {to}");
    }
}

#[test]
fn an_entry_that_is_not_whole_counts_for_nothing_and_those_before_it_count() {
    let desk = Desk::new();
    let crash = desk.crash(1..=3);
    // The beginning, then an entry a block.
    for (torn, left) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
        for place in [0, 8, 16, 24, 33, 64, 300] {
            let mut journal = crash.journal.clone();
            journal[torn * BLOCK + place] ^= 1;
            fs::write(desk.journal(), &journal).unwrap();
            desk.cut(0);
            drop(desk.open(0));
            assert_eq!(desk.statements(), numbered(1..=left), "byte {place} of entry {torn}");
        }
    }
    // Nothing counts without the beginning.
    let mut journal = crash.journal.clone();
    journal[20] ^= 1;
    fs::write(desk.journal(), &journal).unwrap();
    desk.cut(0);
    drop(desk.open(0));
    assert!(desk.log().is_empty());
}

#[test]
fn what_is_torn_behind_the_journals_end_is_closed_by_a_record_as_ever() {
    let desk = Desk::new();
    let crash = desk.crash(1..=2);
    let mut log = fs::OpenOptions::new().append(true).open(&desk.path).unwrap();
    log.write_all(b"{\"seq\":3,\"at\":").unwrap();
    write(&desk.open(0), "SELECT 3");
    assert_eq!(desk.statements_torn(), numbered(1..=3));
    assert!(desk.log().starts_with(&crash.log));
}

#[test]
fn a_full_journal_begins_anew_and_older_rounds_count_for_nothing() {
    let desk = Desk::new();
    let log = desk.open(0);
    let text = format!("SELECT '{}'", "x".repeat(300_000));
    let mut written = 0;
    let mut began = Vec::new();
    while began.len() < 4 {
        write(&log, &text);
        written += 1;
        began.push(desk.contents().beginning);
        began.dedup();
    }
    assert!(began.is_sorted_by_key(|beginning| (beginning.generation, beginning.offset)));
    let held = desk.contents();
    assert!(held.bytes.len() < SIZE / 4, "a new round");
    let crash = desk.crash_with(log);
    // All that was not yet in the log's file for certain.
    desk.cut(usize::try_from(held.beginning.offset).unwrap());
    drop(desk.open(0));
    assert!(desk.log() == crash.log);
    assert_eq!(desk.statements().len(), written);
}

#[test]
fn a_rotated_file_owes_the_journal_nothing_and_the_new_one_has_its_own() {
    let desk = Desk::new();
    let log = desk.open(1);
    (1..=3).for_each(|number| write(&log, &format!("SELECT {number}")));
    let crash = desk.crash_with(log);
    assert_eq!(crash.log.len(), desk.contents().bytes.len(), "one record, at offset 0");
    let archives: Vec<_> = all_files(&desk.path).unwrap().into_iter().map(|f| fs::read(f).unwrap()).collect();
    desk.cut(0);
    write(&desk.open(0), "SELECT 4");
    assert_eq!(desk.statements(), numbered(1..=4));
    let files = all_files(&desk.path).unwrap();
    assert!(files.iter().zip(&archives).take(2).all(|(file, was)| fs::read(file).unwrap() == *was));
    assert!(desk.kept().is_empty());
}

#[test]
fn a_crash_between_a_rotations_rename_and_the_new_file_leaves_nothing_to_replay() {
    let desk = Desk::new();
    let mut file = desk.open_file();
    file.append(b"one\n").unwrap();
    file.sync().unwrap();
    assert_eq!(desk.contents().bytes, b"one\n");
    file.rotate(1).unwrap();
    let journal = fs::read(desk.journal()).unwrap();
    assert!(desk.contents().bytes.is_empty());
    drop(file);
    fs::write(desk.journal(), journal).unwrap();
    drop(desk.open_file());
    assert!(desk.kept().is_empty() && desk.log().is_empty());
}

#[test]
fn a_log_that_was_moved_away_is_not_written_anew_and_its_records_are_kept() {
    let desk = Desk::new();
    let crash = desk.crash(1..=2);
    fs::rename(&desk.path, desk.directory.path().join("moved")).unwrap();
    write(&desk.open(0), "SELECT 3");
    assert_eq!(desk.statements(), numbered(3..=3));
    assert_eq!(desk.kept(), [crash.log]);
    // Once is enough.
    write(&desk.open(0), "SELECT 4");
    assert_eq!(desk.kept().len(), 1);
}

#[test]
fn the_journal_of_another_log_is_kept_aside() {
    let (one, other) = (Desk::new(), Desk::new());
    let crash = one.crash(1..=2);
    other.crash(8..=9);
    fs::copy(one.journal(), other.journal()).unwrap();
    let before = other.log();
    drop(other.open(0));
    assert_eq!(other.log(), before);
    assert_eq!(other.kept(), [crash.log]);
}

/// A backup that is older than the journal's beginning, put back into the very
/// same file; and one from another chain.
#[test]
fn a_log_with_another_past_is_not_written_to() {
    let desk = Desk::new();
    desk.crash(1..=2);
    drop(desk.open(0));
    let second = desk.crash(3..=4);
    let offset = desk.contents().beginning.offset as usize;
    let records = second.log[offset..].to_vec();
    for past in [second.log[..offset / 2].to_vec(), [b"x", &second.log[1..offset]].concat()] {
        fs::write(desk.journal(), &second.journal).unwrap();
        fs::write(&desk.path, &past).unwrap();
        drop(desk.open_file());
        assert_eq!(desk.log(), past);
        assert_eq!(desk.kept(), std::slice::from_ref(&records));
    }
}

/// An older program, which knows no journal, has gone on in the log.
#[test]
fn records_that_the_log_got_without_the_journal_are_not_overwritten() {
    let desk = Desk::new();
    let crash = desk.crash(1..=4);
    let two = crash.log.len() / 2;
    for cut_at in [two, two + 20] {
        desk.cut(cut_at);
        write(&desk.open_without(), "SELECT 'older'");
        let before = desk.log();
        fs::write(desk.journal(), &crash.journal).unwrap();
        drop(desk.open(0));
        assert_eq!(desk.log(), before);
        assert_eq!(desk.kept(), std::slice::from_ref(&crash.log));
        desk.cut(0);
        fs::OpenOptions::new().append(true).open(&desk.path).unwrap().write_all(&crash.log).unwrap();
    }
    // Zeros within, and records far behind them: none of them may go.
    let file = fs::OpenOptions::new().write(true).open(&desk.path).unwrap();
    file.write_all_at(&vec![0; crash.log.len() - two], two as u64).unwrap();
    write(&desk.open_without(), "SELECT 'older'");
    let before = desk.log();
    fs::write(desk.journal(), &crash.journal).unwrap();
    drop(desk.open(0));
    assert_eq!(desk.log(), before);
}

#[test]
fn a_copy_of_log_and_journal_that_lacks_nothing_is_no_other_log() {
    let (one, copy) = (Desk::new(), Desk::new());
    one.crash(1..=2);
    fs::copy(&one.path, &copy.path).unwrap();
    fs::copy(one.journal(), copy.journal()).unwrap();
    write(&copy.open(0), "SELECT 3");
    assert_eq!(copy.statements(), numbered(1..=3));
    assert!(copy.kept().is_empty());
}

#[test]
fn two_proxies_do_not_share_a_journal_even_if_the_log_was_moved() {
    let desk = Desk::new();
    let log = desk.open(0);
    write(&log, "SELECT 1");
    fs::rename(&desk.path, desk.directory.path().join("moved")).unwrap();
    let other = Log::open(settings(&desk.path, 0), &key(), Arc::new(SystemClock));
    assert!(matches!(other.err(), Some(OpenError::InUse { path }) if path == desk.journal()));
}

#[test]
fn a_journal_that_somebody_removes_or_cuts_is_made_again_before_the_next_record() {
    let desk = Desk::new();
    let log = desk.open(0);
    let resize = |journal: &Path, length: usize| {
        fs::OpenOptions::new().write(true).open(journal).unwrap().set_len(length as u64).unwrap();
    };
    let damages: [&dyn Fn(&Path); 3] =
        [&|journal| fs::remove_file(journal).unwrap(), &|journal| resize(journal, BLOCK), &|journal| {
            resize(journal, 2 * SIZE)
        }];
    for (number, damage) in (1..).zip(damages) {
        write(&log, &format!("SELECT {number}, 1"));
        damage(&desk.journal());
        write(&log, &format!("SELECT {number}, 2"));
        let made = fs::metadata(desk.journal()).unwrap();
        assert_eq!((made.len(), made.mode() & 0o777), (SIZE as u64, 0o600));
        let held = String::from_utf8(desk.contents().bytes).unwrap();
        assert!(held.contains(&format!("SELECT {number}, 2")) && !held.contains(&format!("{number}, 1")));
    }
    // Not over another file, though.
    fs::remove_file(desk.journal()).unwrap();
    fs::write(desk.journal(), "theirs").unwrap();
    let refused = log.durable_blocking(log.post(start("SELECT 3")).unwrap()).unwrap_err();
    assert!(refused.to_string().contains("taken its journal's place"), "{refused}");
    assert_eq!(fs::read(desk.journal()).unwrap(), b"theirs");
    fs::remove_file(desk.journal()).unwrap();
    while log.post(start("SELECT 4")).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    drop(log);
    assert_eq!(desk.statements().last().unwrap(), "SELECT 4");
}

#[test]
fn the_journal_is_written_past_the_page_cache_and_through_it_where_that_is_refused() {
    let desk = Desk::new();
    let mut place = DiskPlace::open(&desk.path).unwrap();
    place.make().unwrap();
    let direct = place.is_direct();
    let flags = nix::fcntl::OFlag::O_DIRECT.bits();
    let takes_it = fs::OpenOptions::new().read(true).custom_flags(flags).open(desk.journal()).is_ok();
    assert_eq!(direct, takes_it);
    let mut blocks = Blocks::default();
    for length in [1, BLOCK, 5 * BLOCK + 1, 100] {
        let filled = blocks.fill(&[&vec![7; length]]);
        assert_eq!((filled.as_ptr().align_offset(BLOCK), filled.len() % BLOCK), (0, 0));
        assert!(filled[length..].iter().all(|b| *b == 0));
        place.write(BLOCK, filled).unwrap();
        assert_eq!(place.is_direct(), direct, "blocks as direct writes want them");
        assert_eq!(place.read().unwrap()[BLOCK..][..filled.len()], *filled);
    }
    // What no direct write takes, but one into memory (tmpfs).
    let by_itself = fs::OpenOptions::new().write(true).custom_flags(flags).open(desk.journal());
    let takes_it = by_itself.is_ok_and(|file| file.write_at(b"crooked", BLOCK as u64 + 1).is_ok());
    place.write(BLOCK + 1, b"crooked").unwrap();
    assert_eq!(place.is_direct(), direct && takes_it);
    assert_eq!(place.read().unwrap()[BLOCK + 1..][..7], *b"crooked");
    assert_eq!(place.is_direct(), direct && takes_it, "and so it stays");
    // A file of a file system that knows no direct writes at all.
    let own_name = fs::OpenOptions::new().read(true).write(true).open("/proc/thread-self/comm").unwrap();
    assert!(!place::set_direct(&own_name, true).unwrap());
}
