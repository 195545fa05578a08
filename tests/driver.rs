//! A driver that is not Rust: psycopg 3, over libpq; SQLAlchemy and Django over it.
//!
//! Goal: what holds for frames holds for people's programs. Method: a script
//! that touches nothing protected runs directly and through bauta, and must
//! print the same; another reads a protected column by every way that the
//! driver has, and must see masks only; a third saves what it read by an ORM,
//! which must leave every value as it was.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::{Bauta, Server, password};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
"#;

/// Python with psycopg, made under the build directory when it isn't there.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/driver-venv.sh");
        let output = Command::new(script).output().expect("scripts/driver-venv.sh");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}

fn run(script: &str, port: u16, user: &str, database: &str) -> String {
    run_with(script, port, user, database, &[])
}

/// Runs a script of tests/driver with more arguments than its login.
pub fn run_with(script: &str, port: u16, user: &str, database: &str, more: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/driver").join(script);
    let login =
        format!("host=127.0.0.1 port={port} user={user} password={} dbname={database}", password(user));
    let output = Command::new(python()).arg(script).arg(login).args(more).output().expect("python");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    stdout
}

#[test]
fn a_program_that_touches_nothing_protected_cannot_tell_bauta_from_the_server() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let direct = run("psycopg_plain.py", server.port(), "ana", "shop");
    let through = run("psycopg_plain.py", bauta.port, "ana", "shop");
    assert!(direct.lines().count() > 60, "the script ended early:\n{direct}");
    for (direct, through) in direct.lines().zip(through.lines()) {
        assert_eq!(direct, through);
    }
    assert_eq!(direct.lines().count(), through.lines().count());
}

#[test]
fn psycopg_gets_a_raw_value_by_no_way_of_reading() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let seen = run("psycopg_masked.py", bauta.port, "ana", "shop");
    assert!(seen.lines().count() > 15 * 50, "the script ended early:\n{seen}");
    for line in seen.lines() {
        let (way, value) = line.split_once('\t').expect("way and value");
        let (local, domain) = value.split_once('@').unwrap_or_default();
        assert!(local.ends_with("***") && domain.contains("***"), "{way} showed {value}");
    }
    // A pass means something: directly, the same script sees every address.
    let direct = run("psycopg_masked.py", server.port(), "ana", "shop");
    assert_eq!(direct.lines().count(), seen.lines().count());
    assert!(direct.lines().all(|line| !line.contains("***")), "{direct}");
}

/// Reading a masked record and saving it whole is what every form over an ORM does.
#[test]
fn an_orm_that_saves_what_it_read_leaves_it_as_it_was() {
    let server = Server::start();
    let policy = r#"
        [[protect]]
        column = "public.customers.email"
        method = "email"
        [[protect]]
        column = "public.customers.ssn"
        method = "token"
        [[protect]]
        column = "public.customers.phone"
        method = "fpe"
    "#;
    let bauta = Bauta::start(&server, policy);
    let values =
        || server.sql("shop", "SELECT id, email, ssn, phone FROM customers WHERE id <= 50 ORDER BY id");
    let before = values();
    let seen = run("sqlalchemy_tokens.py", bauta.port, "ana", "shop");
    let said = "tokens True\nfound by token\nfound by list [1, 2, 3]\nfound by fpe [4]\nsaved whole\ncopied\n\
                bulk [204, 205]\nrefused email 42501\nrefused ssn 42501\nrefused phone 42501\n";
    assert_eq!(seen, said, "log:\n{}", bauta.log());
    assert_eq!(values(), before);
    let one = |sql: &str| server.sql("shop", sql).trim().to_owned();
    assert_eq!(one("SELECT name FROM customers WHERE id = 1"), "Turn 6");
    assert_eq!(one("SELECT count(*) FROM customers WHERE name LIKE 'must not%'"), "0");
    let twin = "SELECT count(*) FROM customers c JOIN customers t ON t.id = 2 AND t.ssn = c.ssn";
    assert_eq!(one(&format!("{twin} WHERE c.id IN (201, 202)")), "2");
    assert_eq!(one("SELECT ssn IS NULL FROM customers WHERE id = 203"), "t");
    let many =
        "SELECT string_agg(t.id::text, ' ' ORDER BY t.id) FROM customers c JOIN customers t USING (ssn)";
    assert_eq!(one(&format!("{many} WHERE c.id IN (204, 205) AND t.id < 4")), "1 2");
}

/// The same for Django, which writes values into the text or has the server bind them.
#[test]
fn django_saves_what_it_read_or_is_refused_before_it_writes() {
    let server = Server::start();
    if server.major() < 14 {
        // The oldest that Django still works with.
        return;
    }
    let policy = r#"
        [[protect]]
        column = "public.customers.email"
        method = "email"
        [[protect]]
        column = "public.customers.notes"
        method = "redact"
        [[protect]]
        column = "public.customers.ssn"
        method = "token"
        [[protect]]
        column = "public.customers.phone"
        method = "fpe"
    "#;
    let bauta = Bauta::start(&server, policy);
    let one = |sql: &str| server.sql("shop", sql).trim().to_owned();
    let values = "SELECT md5(string_agg((id, email, ssn, phone, birth_date, salary, country, notes)::text, '' \
                  ORDER BY id)) FROM customers WHERE id <= 50";
    let before = one(values);
    let seen = run("django_tokens.py", bauta.port, "ana", "shop");
    let said = "tokens True\nfound by token 2\nfound by list [1, 2, 3]\nnot found 1\nsaved what was loaded\n\
                refused whole 42501\nsaved fields\nrefused update 42501\ncopied True\n\
                bulk [True, True]\nrefused half 42501\n";
    // Bound as text, an array may hold a text where it seems to hold NULL.
    let bound = said.replace("bulk [True, True]", "bulk 42501");
    assert_eq!(seen, format!("{said}{bound}"), "log:\n{}", bauta.log());
    assert_eq!(one("SELECT country FROM customers WHERE id = 2"), "SE");
    assert_eq!(one("SELECT count(*) FROM customers WHERE name LIKE 'must not%'"), "0");
    assert_eq!(one("SELECT name FROM customers WHERE id = 2"), "bound two");
    server.sql(
        "shop",
        "UPDATE customers SET country = (ARRAY['SE', 'NO', 'DE', 'FI'])[1 + 2 % 4] WHERE id = 2",
    );
    assert_eq!(one(values), before);
    let twin = "SELECT count(*) FROM customers c JOIN customers t ON t.id = 3 AND (t.ssn, t.phone) = (c.ssn, c.phone)";
    assert_eq!(one(&format!("{twin} WHERE c.id IN (401, 501)")), "2");
}
