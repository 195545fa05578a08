//! A directory, and processes started from it, that vanish with this process,
//! however it ends.
//!
//! Invariant: once [`Scratch::new`] has returned, the directory is removed and
//! every enrolled process is gone soon after this process ends, be it by
//! returning, by a panic, or by SIGKILL. A small shell, the guardian, holds
//! the read end of a pipe whose write end only this process has: when the pipe
//! closes, it cleans up. `PR_SET_PDEATHSIG` would end children with the
//! *thread* that started them, and removes no files.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use parking_lot::Mutex;

/// Waits for the pipe to close, signals each `pids/PID` with the signal that
/// the file names, waits up to 10 s for them to end, removes the directory.
const GUARDIAN: &str = r#"
trap '' INT TERM HUP
# A process that ended and that its parent has not waited for counts as gone.
is_alive() {
    if [ -d /proc/self ]; then
        grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null
    else
        kill -0 "$1"
    fi
}
cat >/dev/null
for f in "$1"/pids/*; do [ -f "$f" ] && kill -"$(cat "$f")" "${f##*/}"; done
n=0
while [ $n -lt 100 ]; do
    alive=
    for f in "$1"/pids/*; do [ -f "$f" ] && is_alive "${f##*/}" && alive=1; done
    [ "$alive" ] || break
    sleep 0.1
    n=$((n + 1))
done
cd / && rm -rf "$1"
"#;

/// See the module.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    guardian: Mutex<Child>,
}

impl Scratch {
    /// Makes `bauta-XXXXXX` in the temporary directory, readable by the user
    /// that server programs run as.
    pub fn new() -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::Builder::new().prefix("bauta-").tempdir()?;
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
        std::fs::create_dir(directory.path().join("pids"))?;
        let guardian = Command::new("sh")
            .args(["-c", GUARDIAN, "bauta-guardian"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { path: directory.keep(), guardian: Mutex::new(guardian) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The process gets `signal` (`QUIT`, `KILL` …) if it still runs when
    /// everything is cleaned up.
    pub fn enroll(&self, pid: u32, signal: &str) -> io::Result<()> {
        std::fs::write(self.pid_file(pid), signal)
    }

    /// The process has ended and was waited for: its id may be another's soon.
    pub fn dismiss(&self, pid: u32) {
        // A file that is already gone is what we want.
        let _ = std::fs::remove_file(self.pid_file(pid));
    }

    fn pid_file(&self, pid: u32) -> PathBuf {
        self.path.join("pids").join(pid.to_string())
    }

    /// Cleans up now, and returns when that is done. Afterwards nothing can be
    /// started here.
    pub fn clean(&self) {
        let mut guardian = self.guardian.lock();
        drop(guardian.stdin.take());
        // The guardian bounds its own waiting.
        let _ = guardian.wait();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clean();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_enrolled_processes_vanish_and_others_stay() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        let sleep = || Command::new("sleep").arg("60").spawn().unwrap();
        let (mut enrolled, mut dismissed) = (sleep(), sleep());
        scratch.enroll(enrolled.id(), "QUIT").unwrap();
        scratch.enroll(dismissed.id(), "QUIT").unwrap();
        scratch.dismiss(dismissed.id());
        let started = std::time::Instant::now();
        drop(scratch);
        assert!(started.elapsed().as_secs() < 5, "it waited for a process that had ended");
        assert!(!enrolled.wait().unwrap().success());
        assert!(!path.exists());
        assert!(dismissed.try_wait().unwrap().is_none(), "a process that was dismissed was ended");
        dismissed.kill().unwrap();
        dismissed.wait().unwrap();
    }
}
