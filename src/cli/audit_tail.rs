//! `bauta audit tail`: the newest records, and with `-f` those to come.
//!
//! Invariant of `-f`: each record is shown once, in the order of the chain, over
//! any number of rotations, also when rotated files are compressed meanwhile.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use super::audit::{log_file, print};
use crate::audit::file::{archives, first_seq_of};
use crate::audit::read;
use crate::audit::search::{self, Found};

/// Between two looks for more.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArg,
    /// This log instead of the configuration's
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// So many records
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Go on with new records until interrupted
    #[arg(short, long)]
    follow: bool,
    /// The records as they stand in the log, one a line
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = log_file(&args.config, args.file.as_ref())?;
    let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut newest = last_lines(&mut reader, args.lines)?;
    if newest.len() < args.lines {
        newest = before(&path, newest, args.lines)?;
    }
    let mut tail = Tail { path, json: args.json, last: 0, cut: false, line: Vec::new() };
    for found in newest {
        tail.show(&found)?;
    }
    if args.follow {
        tail.follow(reader)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The last records; leaves the reader behind the last whole line.
fn last_lines(reader: &mut BufReader<File>, count: usize) -> anyhow::Result<Vec<Found>> {
    /// More than most records take.
    const GUESS: u64 = 4 << 10;
    let length = reader.get_ref().metadata()?.len();
    let mut span = GUESS.saturating_mul(count as u64 + 1).min(length);
    loop {
        let start = length - span;
        reader.seek(SeekFrom::Start(start))?;
        let mut lines = Vec::new();
        let mut line = Vec::new();
        let mut position = start;
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            position += line.len() as u64;
            lines.push(std::mem::take(&mut line));
        }
        // The first one may have lost its beginning.
        if lines.len() > count || start == 0 {
            reader.seek(SeekFrom::Start(position))?;
            let from = lines.len().saturating_sub(count);
            return Ok(lines.iter().skip(from).filter_map(|l| search::read(l)).collect());
        }
        span = span.saturating_mul(4).min(length);
    }
}

/// The current file begins with `newest`: the newest archive has what is missing.
fn before(path: &Path, newest: Vec<Found>, count: usize) -> anyhow::Result<Vec<Found>> {
    let Some(archive) = archives(path)?.pop() else { return Ok(newest) };
    let first = newest.first().map_or(u64::MAX, |found| found.record.seq);
    let mut kept = std::collections::VecDeque::new();
    read::for_each_line::<io::Error>(&archive, |line| {
        kept.push_back(line.to_vec());
        if kept.len() + newest.len() > count {
            kept.pop_front();
        }
        Ok(())
    })?;
    let older = kept.iter().filter_map(|line| search::read(line)).filter(|found| found.record.seq < first);
    Ok(older.chain(newest.iter().cloned()).collect())
}

struct Tail {
    path: PathBuf,
    json: bool,
    /// `seq` of the newest record shown.
    last: u64,
    /// What was shown was cut off again: numbers begin anew.
    cut: bool,
    /// A line in the making.
    line: Vec<u8>,
}

impl Tail {
    fn show(&mut self, found: &Found) -> anyhow::Result<()> {
        self.last = found.record.seq;
        self.cut = false;
        print(found, self.json)
    }

    /// Shows new records as they come, until interrupted.
    fn follow(&mut self, mut reader: BufReader<File>) -> anyhow::Result<()> {
        loop {
            self.drain(&mut reader)?;
            std::thread::sleep(PAUSE);
            let Some(next) = successor(&self.path, reader.get_ref())? else {
                self.cut |= step_back(&mut reader)?;
                continue;
            };
            // What was written to the old file before the rotation comes first.
            self.drain(&mut reader)?;
            self.line.clear();
            self.catch_up()?;
            reader = BufReader::new(next);
        }
    }

    /// Shows all whole lines that are there.
    fn drain(&mut self, reader: &mut impl BufRead) -> anyhow::Result<()> {
        while reader.read_until(b'\n', &mut self.line)? > 0 && self.line.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            self.take(&line)?;
        }
        Ok(())
    }

    fn take(&mut self, line: &[u8]) -> anyhow::Result<()> {
        match search::read(line) {
            Some(found) if self.cut || found.record.seq > self.last => self.show(&found),
            // Seen before the file was rotated; or no record.
            Some(_) | None => Ok(()),
        }
    }

    /// Files that were filled and rotated between two looks.
    fn catch_up(&mut self) -> anyhow::Result<()> {
        for archive in archives(&self.path)? {
            if first_seq_of(&self.path, &archive).is_some_and(|first| first > self.last) {
                let mut reader = match read::open(&archive) {
                    Ok(reader) => reader,
                    // Compressed since: now it has another name.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return self.catch_up(),
                    Err(e) => return Err(e.into()),
                };
                self.drain(&mut reader)?;
            }
        }
        Ok(())
    }
}

/// The file that has taken the path since.
fn successor(path: &Path, held: &File) -> io::Result<Option<File>> {
    let held = held.metadata()?;
    match File::open(path) {
        Ok(file) => {
            let named = file.metadata()?;
            Ok(((named.dev(), named.ino()) != (held.dev(), held.ino())).then_some(file))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// A group that could not be synced was cut off again: back to the file's end.
fn step_back(reader: &mut BufReader<File>) -> io::Result<bool> {
    let length = reader.get_ref().metadata()?.len();
    let cut = reader.stream_position()? > length;
    if cut {
        reader.seek(SeekFrom::Start(length))?;
    }
    Ok(cut)
}
