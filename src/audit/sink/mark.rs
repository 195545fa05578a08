//! What a sink has taken: `SEQ:MAC` of the newest such record, in a file beside
//! the log, `audit.jsonl.sink-NAME`.
//!
//! Replaced whole by a rename. It is not synced: a mark that a crash takes back
//! has records sent twice, never not at all.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::audit::chain::Head;

pub(super) struct Mark {
    path: PathBuf,
}

impl Mark {
    pub fn of(log: &Path, sink: &str) -> Self {
        Self { path: beside(log, &format!(".sink-{sink}")) }
    }

    /// None: nothing was ever taken, or what is there is no mark.
    pub fn read(&self) -> Option<Head> {
        std::fs::read_to_string(&self.path).ok()?.parse().ok()
    }

    pub fn keep(&self, head: Head) -> io::Result<()> {
        let new = beside(&self.path, ".new");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writeln!(file, "{head}")?;
        std::fs::rename(&new, &self.path)
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
