//! Goal: the command line keeps what it promises to scripts and people: exit
//! codes, one line an error, help that names every command. Method: the real
//! program.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::Output;

fn bauta(directory: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_bauta"))
        .args(arguments)
        .current_dir(directory)
        .env("BAUTA_SERVICE_PASSWORD", "x")
        .output()
        .unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn help_names_every_command_and_the_first_steps() {
    let directory = tempfile::tempdir().unwrap();
    let help = bauta(directory.path(), &["--help"]);
    assert_eq!(help.code, Some(0));
    for command in [
        "demo",
        "init",
        "setup-sql",
        "check",
        "serve",
        "explain",
        "request",
        "requests",
        "approve",
        "deny",
        "acknowledge",
        "who-can",
        "grant",
        "grants",
        "revoke",
        "sessions",
        "kill",
        "reload",
        "status",
        "audit",
        "completions",
    ] {
        assert!(help.stdout.lines().any(|l| l.starts_with(&format!("  {command} "))), "{command}");
        let own = bauta(directory.path(), &[command, "--help"]);
        assert_eq!(own.code, Some(0), "{command}");
        assert!(own.stdout.contains(&format!("Usage: bauta {command}")), "{}", own.stdout);
        // Every argument says what it is.
        for line in own.stdout.lines().map(str::trim).filter(|l| l.starts_with("--")) {
            assert!(line.len() < 110, "{command}: {line}");
        }
    }
    assert!(help.stdout.contains("First steps:") && help.stdout.contains("Exit codes:"));
}

#[test]
fn version_is_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let version = bauta(directory.path(), &["--version"]);
    assert_eq!(version.stdout, format!("bauta {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn usage_errors_exit_2_and_failures_1_with_one_line() {
    let directory = tempfile::tempdir().unwrap();
    for usage in [
        &[] as &[&str],
        &["chekc"],
        &["init", "--force"],
        &["audit"],
        &["audit", "search", "--since", "yesterday"],
        &["completions", "tcsh"],
        &["approve"],
    ] {
        assert_eq!(bauta(directory.path(), usage).code, Some(2), "{usage:?}");
    }
    for failure in
        [&["audit", "search"] as &[&str], &["audit", "verify", "none.jsonl"], &["audit", "tail"], &["grants"]]
    {
        let failed = bauta(directory.path(), failure);
        assert_eq!(failed.code, Some(1), "{failure:?}: {}", failed.stdout);
        assert_eq!(failed.stderr.trim_end().lines().count(), 1, "{failure:?}: {}", failed.stderr);
        assert!(failed.stderr.starts_with("bauta: "), "{failure:?}: {}", failed.stderr);
    }
}

#[test]
fn completions_are_written_for_each_shell() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bauta(directory.path(), &["completions", shell]);
        assert_eq!(script.code, Some(0));
        assert!(script.stdout.contains("setup-sql"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bauta"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn init_writes_a_private_key_and_never_overwrites() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let made = bauta(directory.path(), &["init", "here"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    for next in ["bauta setup-sql", "bauta check -c here/proxy.toml", "bauta serve -c here/proxy.toml"] {
        assert!(made.stdout.contains(next), "{}", made.stdout);
    }
    let here = directory.path().join("here");
    let mode = std::fs::metadata(here.join("bauta.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Nobody listens on port 1: the file is checked alone.
    let config = std::fs::read_to_string(here.join("proxy.toml")).unwrap();
    std::fs::write(here.join("proxy.toml"), config.replace(":5432", ":1")).unwrap();
    assert_eq!(bauta(&here, &["check"]).code, Some(0));

    let before = std::fs::read(here.join("bauta.key")).unwrap();
    let again = bauta(directory.path(), &["init", "here"]);
    assert_eq!(again.code, Some(1));
    assert_eq!(again.stderr.lines().count(), 1);
    std::fs::remove_file(here.join("proxy.toml")).unwrap();
    assert_eq!(bauta(&here, &["init"]).code, Some(1));
    assert!(!here.join("proxy.toml").exists());
    assert_eq!(std::fs::read(here.join("bauta.key")).unwrap(), before);
}
