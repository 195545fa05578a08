//! Goal: `bauta check` reports every mistake of a file in one run, a line each
//! with file and line. Method: one file with all kinds of them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const FAULTY: &str = r#"
[listen]
adress = "127.0.0.1:6432"
[upstream]
# Nobody listens there.
address = "127.0.0.1:1"
tls = "maybe"
service_password = { env = "NOT_SET_ANYWHERE" }
[limits]
depth = 5000
[metrics]
address = "localhost"
[[protect]]
column = "customers.email"
method = "email"
[[protect]]
column = "public.customers.ssn"
method = "tokn"
[[protect]]
column = "public.customers.name"
method = "partial"
frist = 1
tags = ["pii"]
[[role]]
name = "analyst"
members = ["ana"]
request = ["tag:pii"]
"#;

fn check(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bauta"))
        .arg("check")
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn directory(config: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let made =
        Command::new(env!("CARGO_BIN_EXE_bauta")).arg("init").current_dir(&directory).output().unwrap();
    assert!(made.status.success());
    // Nobody listens on port 1: the file is checked alone.
    let config = match config.contains("[upstream]") {
        true => config.to_owned(),
        false => format!("{config}[upstream]\naddress = \"127.0.0.1:1\"\n"),
    };
    std::fs::write(directory.path().join("proxy.toml"), config).unwrap();
    directory
}

#[test]
fn one_run_of_check_names_every_fault() {
    let directory = directory(FAULTY);
    let key = directory.path().join("bauta.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, Some(1));
    for expected in [
        "proxy.toml: keys.file: the key file",
        "chmod 600",
        "proxy.toml:3: unknown key \"adress\" in [listen]: did you mean \"address\"?",
        "proxy.toml:7: upstream.tls must be",
        "proxy.toml:8: upstream.service_password can't be read: environment variable NOT_SET_ANYWHERE is not set",
        "proxy.toml:10: limits.depth must be a whole number from 10 to 1000, not 5000",
        "proxy.toml:12: metrics.address must be an IP address and port like \"127.0.0.1:9187\", not \"localhost\"",
        "proxy.toml:14: protect.column must be \"schema.table.column\"",
        "proxy.toml:18: unknown method \"tokn\": did you mean \"token\"?",
        "proxy.toml:22: unknown key \"frist\" for method \"partial\": did you mean \"first\"?",
        "proxy.toml:24: role \"analyst\" may request public.customers.name, but nobody else may approve it",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    // Nothing else, and one line each.
    assert_eq!(said.lines().count(), 11, "{said}");
    assert_eq!(said.lines().last(), Some("proxy.toml: 10 faults"), "{said}");

    let (code, json) = check(directory.path(), &["--json"]);
    assert_eq!(code, Some(1));
    let faults: Vec<serde_json::Value> = json.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(faults.len(), 10);
    assert_eq!(faults[1]["line"], 3);
}

#[test]
fn requests_that_nobody_may_approve_are_faults() {
    let protect = "[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"null\"\ntags = [\"pii\"]\n";
    let analyst = "[[role]]\nname = \"analyst\"\nmembers = [\"ana\"]\nrequest = [\"tag:pii\"]\n";
    for (more, approvable) in [
        ("", false),
        ("[[role]]\nname = \"security\"\nmembers = [\"sam\"]\napprove = [\"*.*.c\"]\n", true),
        ("[[role]]\nname = \"security\"\nmembers = [\"ana\"]\napprove = [\"*.*.c\"]\n", false),
        ("[[role]]\nname = \"security\"\nmembers = [\"pg:dba\"]\napprove = [\"tag:pii\"]\n", true),
        ("[[role]]\nname = \"security\"\nmembers = [\"sam\"]\napprove = [\"a.b.d\"]\n", false),
        ("[[admin]]\nos_user = \"root\"\nlogin = \"root\"\n", true),
        ("[[admin]]\nos_user = \"ana\"\nlogin = \"ana\"\n", false),
        ("[defaults]\napprovals = 2\n[[admin]]\nos_user = \"root\"\nlogin = \"root\"\n", false),
    ] {
        let directory = directory(&format!("{protect}{analyst}{more}"));
        let (code, said) = check(directory.path(), &[]);
        assert_eq!(said.contains("may request a.b.c, but"), !approvable, "{more}\n{said}");
        assert_eq!(said.contains("proxy.toml:5: role \"analyst\""), !approvable, "{said}");
        assert_eq!(code, Some(i32::from(!approvable)), "{said}");
    }
}
