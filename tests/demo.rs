//! `bauta demo`: every step shows what it should, and nothing stays behind,
//! however it ends.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A temporary directory that the demo keeps everything in.
fn temporary() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("bauta-demo-test-").tempdir().unwrap();
    // PostgreSQL runs as another user when the tests run as root.
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn demo(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bauta"));
    command.arg("demo").env("TMPDIR", directory).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn run(command: &mut Command) -> (Output, String) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output, String::from_utf8(text).unwrap())
}

/// No file in the directory and no process that was started from it, within a
/// few seconds.
fn assert_nothing_stays(directory: &Path) {
    let started = Instant::now();
    loop {
        let files: Vec<_> = std::fs::read_dir(directory).unwrap().flatten().map(|e| e.path()).collect();
        let processes = processes_of(directory);
        if files.is_empty() && processes.is_empty() {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(15), "left behind: {files:?}, {processes:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Command lines that name the directory.
fn processes_of(directory: &Path) -> Vec<String> {
    let directory = directory.to_str().unwrap();
    let lines = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let bytes = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    });
    lines.filter(|line| line.contains(directory)).collect()
}

/// Waits until it prints a line that contains `text`.
fn wait_for_line(child: &mut Child, text: &str) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains(text)), "the demo ended before it said {text:?}");
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

#[test]
fn every_step_of_the_demo_shows_what_it_should() {
    let directory = temporary();
    let (output, text) = run(&mut demo(directory.path()));
    assert!(output.status.success(), "{text}");
    for step in ["masked", "refused", "requested", "approved", "revealed", "expired", "audited", "verified"] {
        assert!(text.lines().any(|l| l.starts_with("ok ") && l.contains(step)), "no step {step}:\n{text}");
    }
    assert!(text.lines().all(|line| line.starts_with("ok ")), "{text}");
    assert_nothing_stays(directory.path());
}

#[test]
fn a_demo_that_stays_up_ends_with_sigterm_and_leaves_nothing() {
    let directory = temporary();
    let mut child = demo(directory.path()).arg("--keep").spawn().unwrap();
    wait_for_line(&mut child, "Ctrl-C");
    signal(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_nothing_stays(directory.path());
}

#[test]
fn a_demo_that_is_interrupted_or_killed_leaves_nothing() {
    for (how, code) in [(Signal::SIGINT, Some(130)), (Signal::SIGKILL, None)] {
        let directory = temporary();
        let mut child = demo(directory.path()).spawn().unwrap();
        wait_for_line(&mut child, "PostgreSQL");
        signal(&child, how);
        assert_eq!(child.wait().unwrap().code(), code);
        assert_nothing_stays(directory.path());
    }
}

#[test]
fn without_server_programs_the_demo_names_the_package() {
    let directory = temporary();
    for (name, value) in [("BAUTA_PG_VERSION", Path::new("9")), ("PG_BIN", directory.path())] {
        let (output, text) = run(demo(directory.path()).env_remove("PG_BIN").env(name, value));
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("apt-get install postgresql"), "{text}");
    }
    assert_nothing_stays(directory.path());
}
