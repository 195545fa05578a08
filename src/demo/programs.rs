//! Finds PostgreSQL's server programs on this machine.
//!
//! Invariant: what [`Programs::find`] returns exists, starts, and is version
//! 13 or newer. `PG_BIN` (a directory) rules out everything else;
//! `BAUTA_PG_VERSION` (a major version) picks among what is found; without
//! them the newest wins. Debian keeps server programs out of `PATH`, under
//! `/usr/lib/postgresql/<major>/bin`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest major version that bauta supports.
pub const OLDEST_VERSION: u32 = 13;

/// Why there is nothing to start a server with.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    #[error(
        "no PostgreSQL server programs (initdb, postgres) of version {OLDEST_VERSION} or newer; {INSTALL}"
    )]
    NotFound,
    #[error(
        "PG_BIN is {0}, which holds no initdb and postgres of version {OLDEST_VERSION} or newer; {INSTALL}"
    )]
    NotInPgBin(PathBuf),
    #[error("BAUTA_PG_VERSION asks for PostgreSQL {wanted}, and there is {found}; {INSTALL}")]
    NoSuchVersion { wanted: String, found: String },
}

const INSTALL: &str = "install them (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install \
                       postgresql-server; macOS: brew install postgresql) or set PG_BIN to their directory";

/// One installation of PostgreSQL's server programs.
#[derive(Debug, Clone)]
pub struct Programs {
    directory: PathBuf,
    major: u32,
}

impl Programs {
    /// Looks in `PG_BIN`, or in what `pg_config --bindir` says, `PATH` and the
    /// usual places of distributions.
    pub fn find() -> Result<Self, ProgramsError> {
        if let Some(directory) = std::env::var_os("PG_BIN").map(PathBuf::from) {
            return Self::in_directory(&directory).ok_or(ProgramsError::NotInPgBin(directory));
        }
        let mut found: Vec<Self> = candidates().iter().filter_map(|d| Self::in_directory(d)).collect();
        found.sort_by_key(|p| p.major);
        if let Ok(wanted) = std::env::var("BAUTA_PG_VERSION") {
            let versions: Vec<String> = found.iter().map(|p| p.major.to_string()).collect();
            let versions = if versions.is_empty() { "none".to_owned() } else { versions.join(", ") };
            let chosen = found.into_iter().rfind(|p| p.major.to_string() == wanted);
            return chosen.ok_or(ProgramsError::NoSuchVersion { wanted, found: versions });
        }
        found.pop().ok_or(ProgramsError::NotFound)
    }

    fn in_directory(directory: &Path) -> Option<Self> {
        if !directory.join("initdb").is_file() {
            return None;
        }
        let major = major_version(&directory.join("postgres"))?;
        (major >= OLDEST_VERSION).then(|| Self { directory: directory.to_owned(), major })
    }

    /// Major version, 13 and up.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// `initdb`, `postgres` and their like.
    pub fn server(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A client program (`psql`, `pgbench`): from the same installation, or
    /// from `PATH`. None: not installed.
    pub fn client(&self, name: &str) -> Option<PathBuf> {
        std::iter::once(self.directory.clone())
            .chain(path_directories())
            .map(|d| d.join(name))
            .find(|program| program.is_file())
    }
}

/// Directories that may hold server programs, existing or not.
fn candidates() -> Vec<PathBuf> {
    let mut directories = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output() {
        directories.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    directories.extend(path_directories());
    for (parent, prefix) in
        [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/opt/homebrew/opt", "postgresql")]
    {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        let named = entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(prefix));
        directories.extend(named.map(|e| e.path().join("bin")));
    }
    directories
}

fn path_directories() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Reads `postgres (PostgreSQL) 15.8 (Debian …)`.
fn major_version(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
