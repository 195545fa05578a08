//! The file under the log: append, sync, cut back, rotate. A trait, so that
//! tests can make the k-th operation fail.
//!
//! The current file is `audit.file` of the configuration; a full one is renamed
//! to `FILE.<seq of its first record, 12 digits>`. Invariant: one process holds
//! the lock on the current file; no archive is ever overwritten.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::journal::{FileId, Restorable};
use super::log::OpenError;

/// What the writer needs of a file.
pub trait LogFile: Send {
    /// Length of the current file in bytes; fails if the file was moved or
    /// removed behind our back.
    fn length(&mut self) -> io::Result<u64>;
    /// Reads from the current file; short only at its end.
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>>;
    /// The last `len` bytes of the newest archive; empty if there is none.
    fn archive_end(&mut self, len: usize) -> io::Result<Vec<u8>>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// On disk when it returns (fdatasync).
    fn sync(&mut self) -> io::Result<()>;
    /// After a failure: cuts the current file back to its first `good` bytes
    /// (somebody else may have cut it shorter), or makes a new one if it is gone. Returns the length now.
    fn heal(&mut self, good: u64) -> io::Result<u64>;
    /// Renames the current file to an archive that is named after its first
    /// record, and begins a new one.
    fn rotate(&mut self, first_seq: u64) -> io::Result<()>;
}

/// A file on disk, locked.
pub struct DiskFile {
    path: PathBuf,
    file: File,
    /// Device and inode of `file`.
    id: (u64, u64),
}

impl DiskFile {
    /// Opens or creates the file (mode 0600) and locks it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let fail = |source| OpenError::Open { path: path.to_owned(), source };
        let file = open_file(path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {
                // What the journal holds is of this file, so its name must last.
                sync_directory(path).map_err(fail)?;
                Ok(Self { path: path.to_owned(), id: id(&file.metadata().map_err(fail)?), file })
            }
            Err(fs::TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
            Err(fs::TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    /// What the path names, if it is still our file.
    fn in_place(&self) -> io::Result<Option<Metadata>> {
        named(&self.path, self.id)
    }

    /// Opens the path anew, locked.
    fn reopen(&self) -> io::Result<Self> {
        let file = open_file(&self.path)?;
        file.try_lock().map_err(|e| match e {
            fs::TryLockError::WouldBlock => io::Error::other("another bauta has locked it"),
            fs::TryLockError::Error(e) => e,
        })?;
        sync_directory(&self.path)?;
        Ok(Self { path: self.path.clone(), id: id(&file.metadata()?), file })
    }
}

impl LogFile for DiskFile {
    fn length(&mut self) -> io::Result<u64> {
        let named = self.in_place()?.ok_or_else(|| io::Error::other("the file was moved or removed"))?;
        Ok(named.len())
    }

    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        read_at(&self.file, offset, len)
    }

    fn archive_end(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let Some(newest) = archives(&self.path)?.pop() else { return Ok(Vec::new()) };
        super::read::end(&newest, len)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn heal(&mut self, good: u64) -> io::Result<u64> {
        // Also where it was moved to: what is behind is written again elsewhere.
        let length = self.file.metadata()?.len().min(good);
        self.file.set_len(length)?;
        if self.in_place()?.is_some() {
            return Ok(length);
        }
        let mut new = self.reopen()?;
        if new.length()? > 0 {
            return Err(io::Error::other("another file has taken its place"));
        }
        *self = new;
        Ok(0)
    }

    fn rotate(&mut self, first_seq: u64) -> io::Result<()> {
        let archive = archive_name(&self.path, first_seq);
        let taken = archives(&self.path)?.iter().any(|a| first_seq_of(&self.path, a) == Some(first_seq));
        if taken {
            return Err(io::Error::other(format!("{} is there already", archive.display())));
        }
        fs::rename(&self.path, &archive)?;
        match self.reopen() {
            Ok(new) => {
                *self = new;
                Ok(())
            }
            Err(e) => {
                // The old file goes on under its old name.
                fs::rename(&archive, &self.path)?;
                Err(e)
            }
        }
    }
}

impl Restorable for DiskFile {
    fn id(&mut self) -> io::Result<FileId> {
        let metadata = self.file.metadata()?;
        let age = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let born = age.and_then(|age| u64::try_from(age.as_nanos()).ok()).unwrap_or_default();
        Ok(FileId { inode: metadata.ino(), born })
    }

    fn own_length(&mut self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn restore(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // A file that is open for appending is written to at its end, whatever
        // the offset (Linux, pwrite(2)).
        fcntl(&self.file, FcntlArg::F_SETFL(OFlag::empty()))?;
        let written = self.file.write_all_at(bytes, offset);
        fcntl(&self.file, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
        written
    }
}

/// Device and inode.
pub(super) fn id(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// What the path names, if it is this file.
pub(super) fn named(path: &Path, wanted: (u64, u64)) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(named) => Ok(Some(named).filter(|named| id(named) == wanted)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

pub(super) fn read_at(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// A new name is on disk only when its directory is.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// What the operator's gzip appends.
const PACKED: &str = ".gz";

/// `audit.jsonl.000000000001`
pub fn archive_name(path: &Path, first_seq: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{first_seq:012}"));
    PathBuf::from(name)
}

/// The archives of a log, oldest first; compressed ones too.
pub fn archives(path: &Path) -> io::Result<Vec<PathBuf>> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|n| archive_number(name, n));
        if let Some((number, packed)) = number {
            found.push((number, packed, entry.path()));
        }
    }
    found.sort();
    // While gzip works there are both: the plain one is whole.
    found.dedup_by_key(|(number, _, _)| *number);
    Ok(found.into_iter().map(|(_, _, path)| path).collect())
}

/// `seq` of the first record, as the archive's name tells, and whether it is
/// compressed. None: not an archive of the log called `name`.
fn archive_number(name: &str, file: &str) -> Option<(u64, bool)> {
    let rest = file.strip_prefix(name)?.strip_prefix('.')?;
    let digits = rest.strip_suffix(PACKED).unwrap_or(rest);
    let is_number = digits.len() >= 12 && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_number)?;
    Some((number, digits.len() < rest.len()))
}

/// [`archive_number`] of an archive's path.
pub fn first_seq_of(log: &Path, archive: &Path) -> Option<u64> {
    let (name, file) = (log.file_name()?.to_str()?, archive.file_name()?.to_str()?);
    archive_number(name, file).map(|(number, _)| number)
}

/// All files of a log that exist, in the order of the chain.
pub fn all_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = archives(path)?;
    if path.try_exists()? {
        files.push(path.to_owned());
    }
    Ok(files)
}
