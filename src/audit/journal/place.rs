//! The journal's file: made once, of zeros, and written in place ever after.
//!
//! Its blocks are there, so a write changes nothing that the file system keeps
//! of the file, and is durable with no more than itself and a flush; a file that
//! grows takes a commit of the file system's own journal too. `O_DSYNC` makes
//! each write durable, `O_DIRECT` spares the page cache; where a file system
//! refuses the latter, it is left out.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::super::chain;
use super::super::file;
use super::super::log::OpenError;
use super::format::Checksum;

/// Once a round, the log itself is synced: so much of it at most.
const SIZE: usize = 8 << 20;

/// What the journal needs of its file. A trait, so that tests can make the
/// k-th operation fail.
pub trait Place: Send {
    /// In bytes, of whole blocks.
    fn size(&self) -> usize;
    /// Is it made, of the right size, and still what its path names?
    fn is_ready(&mut self) -> io::Result<bool>;
    /// Makes it, on disk when it returns. Never over a file that somebody else
    /// put there.
    fn make(&mut self) -> io::Result<()>;
    /// All of it; empty if there is none.
    fn read(&mut self) -> io::Result<Vec<u8>>;
    /// Writes whole blocks in place; durable when it returns.
    fn write(&mut self, at: usize, blocks: &[u8]) -> io::Result<()>;
    /// Keeps bytes of the log that can't go there in a file of their own.
    fn keep(&mut self, name: &Checksum, bytes: &[u8]) -> io::Result<PathBuf>;
}

/// On disk beside the log, locked.
pub struct DiskPlace {
    log: PathBuf,
    path: PathBuf,
    size: usize,
    held: Option<Held>,
}

struct Held {
    file: File,
    /// Device and inode of `file`.
    id: (u64, u64),
    /// Writes pass by the page cache.
    direct: bool,
}

impl DiskPlace {
    /// Opens and locks the journal of the log at this path, if it has one.
    pub fn open(log: &Path) -> Result<Self, OpenError> {
        Self::open_sized(log, SIZE)
    }

    /// [`DiskPlace::open`] for a journal of so many bytes, of whole blocks.
    pub(in super::super) fn open_sized(log: &Path, size: usize) -> Result<Self, OpenError> {
        let path = beside(log, "journal");
        let fail = |source| OpenError::Journal { path: path.clone(), source };
        let held = match options().open(&path) {
            Ok(file) => match file.try_lock() {
                Ok(()) => Some(Held::new(file).map_err(fail)?),
                Err(fs::TryLockError::WouldBlock) => return Err(OpenError::InUse { path }),
                Err(fs::TryLockError::Error(e)) => return Err(fail(e)),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(fail(e)),
        };
        Ok(Self { log: log.to_owned(), path, size, held })
    }

    #[cfg(test)]
    pub(super) fn is_direct(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.direct)
    }

    fn held(&mut self) -> io::Result<&mut Held> {
        self.held.as_mut().ok_or_else(|| io::Error::other("the audit log has no journal"))
    }

    /// What the path names, if it is the file that we hold.
    fn in_place(&self) -> io::Result<Option<fs::Metadata>> {
        self.held.as_ref().map_or(Ok(None), |held| file::named(&self.path, held.id))
    }

    fn create(&self) -> io::Result<Held> {
        let file = options().create_new(true).open(&self.path).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => io::Error::other("another file has taken its journal's place"),
            _ => e,
        })?;
        file.try_lock()?;
        Held::new(file)
    }
}

impl Held {
    fn new(file: File) -> io::Result<Self> {
        Ok(Self { id: file::id(&file.metadata()?), direct: set_direct(&file, true)?, file })
    }

    /// Does this by the page cache: with memory that lies anywhere.
    fn buffered<T>(&mut self, operation: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        set_direct(&self.file, false)?;
        let result = operation(&self.file);
        self.direct = set_direct(&self.file, self.direct)?;
        result
    }
}

impl Place for DiskPlace {
    fn size(&self) -> usize {
        self.size
    }

    fn is_ready(&mut self) -> io::Result<bool> {
        Ok(self.in_place()?.is_some_and(|named| named.len() == self.size as u64))
    }

    fn make(&mut self) -> io::Result<()> {
        if self.in_place()?.is_none() {
            self.held = Some(self.create()?);
        }
        let size = self.size;
        let made = self.held()?.buffered(|file| fill(file, size));
        if made.is_err() {
            // Where there is no room it takes none, and its length says that it isn't made.
            self.held()?.file.set_len(0)?;
        }
        made.and_then(|()| file::sync_directory(&self.path))
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        match &mut self.held {
            Some(held) => held.buffered(|file| file::read_at(file, 0, self.size)),
            None => Ok(Vec::new()),
        }
    }

    fn write(&mut self, at: usize, blocks: &[u8]) -> io::Result<()> {
        let held = self.held()?;
        match held.file.write_all_at(blocks, at as u64) {
            // There are file systems that take the flag and refuse the write.
            Err(e) if e.kind() == io::ErrorKind::InvalidInput && held.direct => {
                held.direct = false;
                held.buffered(|file| file.write_all_at(blocks, at as u64))
            }
            result => result,
        }
    }

    fn keep(&mut self, name: &Checksum, bytes: &[u8]) -> io::Result<PathBuf> {
        // Named after what it holds: kept twice, it is one file.
        let name = String::from_utf8_lossy(&chain::hex(name)).chars().take(16).collect::<String>();
        let path = beside(&self.log, &format!("{name}.kept"));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        file::sync_directory(&path)?;
        Ok(path)
    }
}

/// `audit.jsonl.EXTENSION`
fn beside(log: &Path, extension: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{extension}"));
    PathBuf::from(name)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(OFlag::O_DSYNC.bits());
    options
}

/// Zeros that are written, not only reserved: a block that is reserved is
/// marked as written by a commit of the file system's journal.
fn fill(file: &File, size: usize) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all_at(&vec![0; size], 0)?;
    file.sync_all()
}

/// Whether the file's writes pass by the page cache now.
pub(super) fn set_direct(file: &File, wanted: bool) -> io::Result<bool> {
    let flags = if wanted { OFlag::O_DIRECT } else { OFlag::empty() };
    match fcntl(file, FcntlArg::F_SETFL(flags)) {
        Ok(_) => Ok(wanted),
        Err(nix::errno::Errno::EINVAL) if wanted => Ok(false),
        Err(e) => Err(e.into()),
    }
}
