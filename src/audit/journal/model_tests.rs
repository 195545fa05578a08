//! Goal: whenever the power is cut, and whatever failed before, the next start
//! has every group that was acknowledged, and nothing twice. Method: a disk in
//! memory that tells what is in the cache from what is on disk, forgets what a
//! failed sync should have written, and stops at its k-th operation, for every
//! k; what a cut leaves of unsynced bytes is nothing, zeros, or all.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::chain::{FIRST, Hex};
use super::super::tests::sealer;
use super::format::Checksum;
use super::*;

/// Of the journal: a few groups a round.
const SIZE: usize = 8 * BLOCK;

/// What of the unsynced bytes survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Nothing,
    /// The length, but not the bytes.
    Zeros,
    All,
}

#[derive(Default, Clone)]
struct File {
    number: u64,
    cache: Vec<u8>,
    disk: Vec<u8>,
    /// Places in the cache that a sync has to write.
    dirty: Vec<(usize, usize)>,
}

impl File {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        self.cache.resize(self.cache.len().max(end), 0);
        self.cache[at..end].copy_from_slice(bytes);
        self.dirty.push((at, end));
    }

    fn sync(&mut self) {
        self.disk.resize(self.cache.len(), 0);
        for (from, to) in self.dirty.drain(..) {
            let to = to.min(self.cache.len());
            let from = from.min(to);
            self.disk[from..to].copy_from_slice(&self.cache[from..to]);
        }
    }

    fn cut(&mut self, cut: Cut) {
        match cut {
            Cut::Nothing => {}
            Cut::Zeros => self.disk.resize(self.cache.len().max(self.disk.len()), 0),
            Cut::All => self.sync(),
        }
        self.dirty.clear();
        self.cache = self.disk.clone();
    }
}

#[derive(Default)]
struct Machine {
    file: File,
    archived: Vec<File>,
    journal: Vec<u8>,
    made: bool,
    forbidden: bool,
    /// Somebody has moved the file: healing begins another.
    moved: bool,
    operations: u64,
    /// These fail, in part.
    failing: std::ops::Range<u64>,
    /// From here on nothing is done.
    off: Option<u64>,
    kept: usize,
    syncs: usize,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Machine>>);

impl Shared {
    fn new() -> Self {
        let shared = Self::default();
        shared.0.lock().file.number = 1;
        shared
    }

    /// Does it, in part or not at all: `fraction` is 2, 1, 0 halves.
    fn run<T: Default>(&self, operation: impl FnOnce(&mut Machine, usize) -> T) -> io::Result<T> {
        let mut machine = self.0.lock();
        machine.operations += 1;
        let number = machine.operations;
        if machine.off.is_some_and(|off| number > off) {
            return Err(io::Error::other("no power"));
        }
        if machine.failing.contains(&number) || machine.off == Some(number) {
            operation(&mut machine, 1);
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(operation(&mut machine, 2))
    }
}

impl Machine {
    fn begin_file(&mut self) {
        let number = self.file.number + 1;
        let old = std::mem::replace(&mut self.file, File { number, ..File::default() });
        self.archived.push(old);
    }
}

fn part(bytes: &[u8], halves: usize) -> &[u8] {
    &bytes[..bytes.len() * halves / 2]
}

impl LogFile for Shared {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.0.lock().file.cache.len() as u64)
    }
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let machine = self.0.lock();
        let cache = &machine.file.cache;
        let from = (offset as usize).min(cache.len());
        Ok(cache[from..(from + len).min(cache.len())].to_vec())
    }
    fn archive_end(&mut self, _: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.run(|machine, halves| {
            let at = machine.file.cache.len();
            machine.file.write(at, part(bytes, halves));
        })
    }
    fn sync(&mut self) -> io::Result<()> {
        self.run(|machine, halves| {
            machine.syncs += 1;
            match halves {
                2 => machine.file.sync(),
                // Clean now, and not on disk.
                _ => machine.file.dirty.clear(),
            }
        })
    }
    fn heal(&mut self, good: u64) -> io::Result<u64> {
        self.run(|machine, _| {
            machine.file.cache.truncate(good as usize);
            if std::mem::take(&mut machine.moved) {
                machine.begin_file();
            }
        })?;
        self.length()
    }
    fn rotate(&mut self, _: u64) -> io::Result<()> {
        self.run(|machine, halves| {
            if halves == 2 {
                machine.begin_file();
            }
        })
    }
}

impl Restorable for Shared {
    fn id(&mut self) -> io::Result<FileId> {
        Ok(FileId { inode: self.0.lock().file.number, born: 0 })
    }
    fn own_length(&mut self) -> io::Result<u64> {
        self.length()
    }
    fn restore(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.run(|machine, halves| machine.file.write(offset as usize, part(bytes, halves)))
    }
}

impl Place for Shared {
    fn size(&self) -> usize {
        SIZE
    }
    fn is_ready(&mut self) -> io::Result<bool> {
        Ok(self.0.lock().made)
    }
    fn make(&mut self) -> io::Result<()> {
        if self.0.lock().forbidden {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        self.run(|machine, halves| {
            machine.made = halves == 2;
            machine.journal = vec![0; SIZE];
        })
    }
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.0.lock().journal.clone())
    }
    fn write(&mut self, at: usize, blocks: &[u8]) -> io::Result<()> {
        self.run(|machine, halves| {
            let blocks = part(blocks, halves);
            machine.journal[at..at + blocks.len()].copy_from_slice(blocks);
        })
    }
    fn keep(&mut self, _: &Checksum, _: &[u8]) -> io::Result<PathBuf> {
        self.run(|machine, _| machine.kept += 1)?;
        Ok(PathBuf::new())
    }
}

/// A chain of records, group by group.
struct Groups {
    seq: u64,
    mac: Hex,
}

impl Groups {
    fn next(&mut self, length: usize) -> Vec<u8> {
        let mut group = format!("{{\"seq\":{},\"sql\":\"{}\"", self.seq + 1, "x".repeat(length)).into_bytes();
        self.mac = sealer().seal(&mut group, 0, &self.mac);
        self.seq += 1;
        group
    }
}

/// Several rounds of the journal, one group that it can't hold, and a rotation.
const LENGTHS: [usize; 16] =
    [10, 5000, 10, 10, 9000, 10, 12_000, 10, SIZE, 10, 0, 10, 10_000, 3700, 20_000, 10];
const ROTATION: usize = 11;

/// The script, as the writer would run it: after a failure the file is healed,
/// and the group written again. What was acknowledged, of this file.
fn script(machine: &Shared) -> Vec<u8> {
    let mut acknowledged = Vec::new();
    let Ok(mut file) = Journaled::open(machine.clone(), machine.clone(), &sealer()) else {
        return acknowledged;
    };
    let mut groups = Groups { seq: 0, mac: FIRST };
    for (number, length) in LENGTHS.into_iter().enumerate() {
        let group = groups.next(length);
        if number == ROTATION && file.rotate(1).is_ok() {
            acknowledged.clear();
        }
        let mut tried = 0;
        while file.append(&group).and_then(|()| file.sync()).is_err() {
            tried += 1;
            while file.heal(acknowledged.len() as u64).is_err() {
                tried += 1;
                if tried > 20 {
                    return acknowledged;
                }
            }
        }
        acknowledged.extend_from_slice(&group);
    }
    // Gone without being closed.
    std::mem::forget(file);
    acknowledged
}

/// Operations of the script if all goes well.
fn operations() -> u64 {
    let machine = Shared::new();
    script(&machine);
    machine.0.lock().operations
}

/// After a cut, starts again; the log's bytes, all on disk.
fn restart(machine: &Shared, cut: Cut) -> Vec<u8> {
    {
        let mut machine = machine.0.lock();
        (machine.off, machine.failing) = (None, 0..0);
        machine.file.cut(cut);
    }
    std::mem::forget(open(machine));
    let machine = machine.0.lock();
    let file = &machine.file;
    assert!(file.cache == file.disk, "what a start gives back is on disk");
    file.disk.clone()
}

fn check(machine: &Shared, acknowledged: &[u8], cut: Cut, what: &str) {
    let log = restart(machine, cut);
    assert!(log.starts_with(acknowledged), "{what}, {cut:?}: {} of {}", log.len(), acknowledged.len());
    for archive in &machine.0.lock().archived {
        assert!(archive.disk == archive.cache, "{what}: a rotated file that is not on disk");
    }
    assert_eq!(machine.0.lock().kept, 0, "{what}, {cut:?}");
}

#[test]
fn whenever_the_power_is_cut_what_was_acknowledged_is_there_after_the_next_start() {
    let operations = operations();
    assert!(operations > 40, "{operations}");
    for cut in [Cut::Nothing, Cut::Zeros, Cut::All] {
        for off in 1..=operations + 1 {
            let machine = Shared::new();
            machine.0.lock().off = Some(off);
            let acknowledged = script(&machine);
            check(&machine, &acknowledged, cut, &format!("off at {off}"));
            // And once more, as if the first start had been cut off too.
            check(&machine, &acknowledged, cut, &format!("off at {off}, again"));
        }
    }
}

#[test]
fn whichever_operation_fails_what_was_acknowledged_outlasts_a_power_cut() {
    let operations = operations();
    for count in [1, 2, 5] {
        for k in 1..=operations {
            let machine = Shared::new();
            machine.0.lock().failing = k..k + count;
            let acknowledged = script(&machine);
            check(&machine, &acknowledged, Cut::Nothing, &format!("{count} failed from {k}"));
            assert!(machine.0.lock().file.disk == acknowledged, "{k}: nothing but what was acknowledged");
        }
    }
}

#[test]
fn the_log_itself_is_synced_once_a_round_only() {
    let machine = Shared::new();
    let mut file = open(&machine);
    let began = machine.0.lock().syncs;
    let mut groups = Groups { seq: 0, mac: FIRST };
    for _ in 1..SIZE / BLOCK {
        file.append(&groups.next(10)).and_then(|()| file.sync()).unwrap();
    }
    assert_eq!(machine.0.lock().syncs, began);
    file.append(&groups.next(10)).and_then(|()| file.sync()).unwrap();
    assert_eq!(machine.0.lock().syncs, began + 1);
}

#[test]
fn a_group_that_the_journal_can_not_hold_is_synced_in_the_log() {
    let machine = Shared::new();
    let mut file = open(&machine);
    let mut groups = Groups { seq: 0, mac: FIRST };
    let written: Vec<Vec<u8>> = [10, SIZE, 10].map(|length| groups.next(length)).into();
    let mut on_disk = Vec::new();
    for group in &written {
        file.append(group).and_then(|()| file.sync()).unwrap();
        on_disk.push(machine.0.lock().file.disk.len());
    }
    let upto_long = written[0].len() + written[1].len();
    assert_eq!(on_disk, [0, upto_long, upto_long]);
    std::mem::forget(file);
    check(&machine, &written.concat(), Cut::Nothing, "a long group");
}

#[test]
fn where_no_journal_can_be_made_each_group_is_synced_in_the_log() {
    let machine = Shared::new();
    machine.0.lock().forbidden = true;
    let mut file = open(&machine);
    let mut groups = Groups { seq: 0, mac: FIRST };
    for _ in 0..3 {
        file.append(&groups.next(10)).and_then(|()| file.sync()).unwrap();
        assert!(machine.0.lock().file.dirty.is_empty());
    }
    let length = file.length().unwrap();
    machine.0.lock().file.write(length as usize, b"torn");
    assert_eq!(file.heal(length).unwrap(), length);
    file.rotate(1).unwrap();
    file.append(b"new\n").and_then(|()| file.sync()).unwrap();
    assert_eq!(machine.0.lock().file.disk, b"new\n");
}

#[test]
fn a_start_that_can_not_sync_the_log_does_not_begin_the_journal_anew() {
    let machine = Shared::new();
    let acknowledged = script(&machine);
    {
        let mut machine = machine.0.lock();
        machine.file.cut(Cut::Nothing);
        // Restored, not synced; and once more.
        machine.failing = machine.operations + 2..machine.operations + 4;
    }
    let mut file = open(&machine);
    assert!(file.append(b"more\n").is_err());
    std::mem::forget(file);
    check(&machine, &acknowledged, Cut::Nothing, "not synced at the start");
}

fn open(machine: &Shared) -> Journaled<Shared, Shared> {
    Journaled::open(machine.clone(), machine.clone(), &sealer()).unwrap()
}

/// The `n`-th operation from now on fails.
fn fail(machine: &Shared, n: u64) {
    let mut machine = machine.0.lock();
    machine.failing = machine.operations + n..machine.operations + n + 1;
}

#[test]
fn a_group_that_was_reported_as_failed_is_not_replayed_after_it_was_healed() {
    let machine = Shared::new();
    let mut file = open(&machine);
    let mut groups = Groups { seq: 0, mac: FIRST };
    let good = groups.next(10);
    file.append(&good).and_then(|()| file.sync()).unwrap();
    // It is in the journal, and in the log by half.
    fail(&machine, 2);
    assert!(file.append(&groups.next(10)).is_err());
    assert_eq!(file.heal(good.len() as u64).unwrap(), good.len() as u64);
    std::mem::forget(file);
    assert!(restart(&machine, Cut::Nothing) == good);
}

#[test]
fn what_the_journal_held_of_a_file_that_was_moved_away_is_on_disk_before_another_begins() {
    let machine = Shared::new();
    let mut file = open(&machine);
    let group = Groups { seq: 0, mac: FIRST }.next(10);
    file.append(&group).and_then(|()| file.sync()).unwrap();
    machine.0.lock().moved = true;
    assert_eq!(file.heal(group.len() as u64).unwrap(), 0);
    assert!(machine.0.lock().archived[0].disk == group);
    std::mem::forget(file);
    check(&machine, b"", Cut::Nothing, "moved");
}

#[test]
fn a_sync_that_failed_does_not_bring_back_what_somebody_cut_off() {
    let machine = Shared::new();
    let mut groups = Groups { seq: 0, mac: FIRST };
    let mut file = open(&machine);
    file.append(&groups.next(10)).and_then(|()| file.sync()).unwrap();
    drop(file);
    let mut file = open(&machine);
    file.append(&groups.next(10)).and_then(|()| file.sync()).unwrap();
    let end = file.length().unwrap();
    machine.0.lock().file.cache.clear();
    fail(&machine, 1);
    assert!(file.heal(end).is_err());
    assert_eq!(file.heal(end).unwrap(), 0, "no hole before it either");
    std::mem::forget(file);
}

#[test]
fn a_sync_that_failed_does_not_write_to_the_log_what_is_another_logs() {
    let machine = Shared::new();
    let mut file = open(&machine);
    file.append(&Groups { seq: 0, mac: FIRST }.next(10)).and_then(|()| file.sync()).unwrap();
    std::mem::forget(file);
    let other = Groups { seq: 0, mac: FIRST }.next(12);
    {
        let mut machine = machine.0.lock();
        machine.file.cache = other.clone();
        machine.file.disk = other.clone();
        machine.file.dirty.clear();
    }
    // The sync behind that which keeps the journal's bytes.
    fail(&machine, 2);
    let mut file = open(&machine);
    assert_eq!(machine.0.lock().kept, 1);
    file.append(b"more\n").and_then(|()| file.sync()).unwrap();
    assert!(machine.0.lock().file.cache == [&other[..], b"more\n"].concat());
    std::mem::forget(file);
}

#[test]
fn a_sync_that_failed_does_not_write_a_rotated_files_records_to_the_new_one() {
    let machine = Shared::new();
    let mut groups = Groups { seq: 0, mac: FIRST };
    let mut file = open(&machine);
    file.append(&groups.next(10)).and_then(|()| file.sync()).unwrap();
    {
        let mut machine = machine.0.lock();
        (machine.made, machine.forbidden) = (false, true);
    }
    file.append(&groups.next(10)).and_then(|()| file.sync()).unwrap();
    file.rotate(1).unwrap();
    let group = groups.next(500);
    file.append(&group).unwrap();
    fail(&machine, 1);
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert!(machine.0.lock().file.cache == group);
    std::mem::forget(file);
}
