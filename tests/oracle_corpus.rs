//! PostgreSQL as the judge of lineage over scripts written by others, such as
//! its own regression tests: `ORACLE_CORPUS` names a directory of `.sql` files.
//!
//! Every column of schema `public` counts as protected. What defines something
//! is run; each query is analysed, parsed by the server, and compared with the
//! tree that the server makes of it, as in `oracle.rs`. What the analysis
//! refuses is counted by its message, so that needless refusals show.
//!
//! `setup.sql`, or `test_setup.sql`, comes first, then the others by name;
//! `ORACLE_FILES` (names without `.sql`, by comma) leaves the rest out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bauta::catalog::guard::Guard;
use bauta::catalog::{Databases, SqliteBindings};
use bauta::sql::parse::Tokens;
use bauta::sql::{Statement, StatementKind};

use crate::harness::{Raw, Server};
use crate::oracle::{config_of, difference, family, judged, on_deep_stack, only, session};

const DATABASE: &str = "corpus";

const POLICY: &str = "[[protect]]\ncolumn = \"public.*.*\"\nmethod = \"null\"\n";

const TREES: &str =
    "SET debug_print_rewritten = on; SET debug_pretty_print = off; SET client_min_messages = log";

/// A statement that never ends here is one that the next line did not close.
const LONGEST: usize = 500;

/// First words of what is not run: the service's connection sees only what is
/// committed, and data matters to nobody.
const NOT_RUN: &[&str] = &[
    "begin",
    "start",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint",
    "release",
    "copy",
    "vacuum",
    "analyze",
    "fetch",
    "move",
    "declare",
    "close",
    "listen",
    "notify",
    "checkpoint",
    "cluster",
    "reindex",
    "explain",
    "lock",
    "prepare",
    "execute",
    "deallocate",
    "call",
    "do",
    "load",
];

/// First words of a query.
const QUERIES: &[&str] = &["select", "with", "insert", "update", "delete", "merge", "values", "table", "("];

#[derive(Default)]
struct Count {
    queries: usize,
    compared: usize,
    refused: BTreeMap<String, (usize, String)>,
    faults: Vec<String>,
}

#[test]
#[ignore = "needs ORACLE_CORPUS, a directory of .sql files"]
fn lineage_of_scripts_names_what_postgresql_says() {
    let directory = std::env::var("ORACLE_CORPUS").expect("ORACLE_CORPUS names a directory of .sql files");
    with_guards(move |server, guard| {
        let mut count = Count::default();
        for file in files(Path::new(&directory)) {
            let before = (count.queries, count.compared, count.faults.len());
            let mut judge = session(server, DATABASE);
            let script = String::from_utf8_lossy(&std::fs::read(&file).expect("a script")).into_owned();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            play(&name, &script, &mut judge, guard, &mut count);
            println!(
                "{}: {} queries, {} compared, {} faults",
                file.file_stem().unwrap_or_default().to_string_lossy(),
                count.queries - before.0,
                count.compared - before.1,
                count.faults.len() - before.2,
            );
        }
        println!("{} queries that name something protected, {} compared", count.queries, count.compared);
        let mut refused: Vec<_> = count.refused.into_iter().collect();
        refused.sort_by_key(|(_, (times, _))| std::cmp::Reverse(*times));
        for (message, (times, example)) in refused {
            println!("refused {times}: {message}\n    {example}");
        }
        assert!(count.compared > 0, "no statement was compared");
        assert!(count.faults.is_empty(), "\n{}", count.faults.join("\n"));
    });
}

/// `run` gets a server, and the guard of its database as it is at each call.
fn with_guards(run: impl FnOnce(&Server, &dyn Fn() -> Arc<Guard>) + Send + 'static) {
    let server = Server::start();
    server.sql("postgres", &format!("CREATE DATABASE {DATABASE}"));
    let config = config_of(&server, POLICY);
    let store = Arc::new(SqliteBindings::in_memory().expect("store"));
    let databases = Databases::start(&config, store).expect("databases");
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    on_deep_stack(move || {
        run(&server, &|| runtime.block_on(databases.refresh(DATABASE)).expect("guard"));
    });
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let only = std::env::var("ORACLE_FILES").ok();
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    let is_setup = |path: &PathBuf| path.file_stem().is_some_and(|s| s == "setup" || s == "test_setup");
    files.retain(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        is_setup(path) || only.as_ref().is_none_or(|only| only.split(',').any(|wanted| wanted == name))
    });
    files.sort_by_key(|path| (!is_setup(path), path.clone()));
    files
}

/// A refusal is a statement of no kind: it is counted all the same.
#[test]
fn what_the_analysis_refuses_is_counted() {
    with_guards(|server, guard| {
        let script = "CREATE TABLE t (a text);\nSELECT a FROM t;\n\
                      SELECT query_to_xml('SELECT a FROM t', true, false, '') FROM t;\n";
        let mut count = Count::default();
        play("script", script, &mut session(server, DATABASE), guard, &mut count);
        assert_eq!((count.queries, count.compared), (2, 1));
        assert_eq!(count.refused.values().map(|(times, _)| *times).collect::<Vec<_>>(), [1]);
        assert!(count.faults.is_empty(), "{:?}", count.faults);
    });
}

fn play(file: &str, text: &str, judge: &mut Raw, guard_now: &dyn Fn() -> Arc<Guard>, count: &mut Count) {
    let mut guard = guard_now();
    let (mut is_stale, mut set) = (false, false);
    judge.query("SET statement_timeout = '5s'");
    for sql in statements(text) {
        let sql = without_explain(&sql);
        if !is_query(&guard, sql) {
            if !NOT_RUN.contains(&first_word(sql).as_str()) {
                is_stale |= !judge.query(sql).iter().any(|frame| frame.tag == b'E');
                set = false;
            }
            continue;
        }
        if std::mem::take(&mut is_stale) {
            guard = guard_now();
        }
        if !std::mem::replace(&mut set, true) {
            judge.query(TREES);
        }
        compare(&guard, judge, sql, file, count);
    }
}

/// A query, or what would be one if the analysis did not refuse it.
fn is_query(guard: &Guard, sql: &str) -> bool {
    let is = |statement: &Statement| match statement.refusal {
        None => matches!(statement.kind, StatementKind::Query),
        Some(_) => QUERIES.contains(&first_word(sql).as_str()),
    };
    only(guard, sql).is_some_and(|statement| is(&statement))
}

fn compare(guard: &Guard, judge: &mut Raw, sql: &str, file: &str, count: &mut Count) {
    let Some(statement) = only(guard, sql).filter(|statement| statement.touches_protected) else { return };
    let Some(judged) = judged(judge, sql) else { return };
    count.queries += 1;
    if let Some(error) = &statement.refusal {
        let kind = format!("{} {}", error.code, without_names(&error.message));
        let entry = count.refused.entry(kind).or_insert_with(|| (0, sql.to_owned()));
        entry.0 += 1;
        return;
    }
    count.compared += 1;
    let families = family(guard);
    let head = |names: std::collections::BTreeSet<String>| {
        names.into_iter().map(|name| families.get(&name).cloned().unwrap_or(name)).collect()
    };
    let recursive = sql.to_ascii_uppercase().contains("RECURSIVE");
    let exact = !recursive && statement.readings.is_empty();
    if let Some(fault) = difference(guard, &head, &statement, &judged, exact) {
        count.faults.push(format!("{file}: {sql}\n    {fault}"));
    }
}

/// A message with what it quotes left out.
fn without_names(message: &str) -> String {
    message.split('"').step_by(2).collect::<Vec<_>>().join("…")
}

fn first_word(sql: &str) -> String {
    let Ok(tokens) = Tokens::scan(sql) else { return String::new() };
    let first = tokens.within(&(0..sql.len())).next();
    first.map(|(span, _)| sql[span].to_ascii_lowercase()).unwrap_or_default()
}

/// What EXPLAIN explains: the server makes no tree of EXPLAIN itself.
fn without_explain(sql: &str) -> &str {
    let Ok(tokens) = Tokens::scan(sql) else { return sql };
    let mut tokens = tokens.within(&(0..sql.len())).map(|(span, _)| span).peekable();
    if !tokens.next().is_some_and(|span| sql[span].eq_ignore_ascii_case("explain")) {
        return sql;
    }
    let mut depth = 0_usize;
    for span in tokens {
        match sql[span.clone()].to_ascii_lowercase().as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            "verbose" | "analyze" | "analyse" => {}
            "select" | "with" | "insert" | "update" | "delete" | "merge" | "values" | "table"
                if depth == 0 =>
            {
                return &sql[span.start..];
            }
            _ => {}
        }
    }
    sql
}

/// The statements of a psql script, without its own commands and COPY's data.
fn statements(text: &str) -> Vec<String> {
    let (mut found, mut buffer, mut lines, mut data) = (Vec::new(), String::new(), 0, false);
    for line in text.lines() {
        if data {
            data = line != "\\.";
            continue;
        }
        if line.starts_with('\\') {
            continue;
        }
        let line = line.find(" \\g").map_or(line.to_owned(), |at| format!("{};", &line[..at]));
        lines += 1;
        buffer.push_str(&line);
        buffer.push('\n');
        if lines > LONGEST {
            (buffer, lines) = (String::new(), 0);
        }
        if !line.contains(';') {
            continue;
        }
        let Ok(tokens) = Tokens::scan(&buffer) else { continue };
        let spans: Vec<_> = tokens.within(&(0..buffer.len())).map(|(span, _)| span).collect();
        if spans.last().is_none_or(|last| &buffer[last.clone()] != ";") {
            continue;
        }
        let (mut start, mut depth) = (0, 0_i32);
        for span in spans {
            match &buffer[span.clone()] {
                "(" => depth += 1,
                ")" => depth -= 1,
                ";" if depth == 0 => {
                    found.push(buffer[start..span.start].trim().to_owned());
                    start = span.end;
                }
                _ => {}
            }
        }
        let last = found.last().map(|sql: &String| sql.to_ascii_lowercase()).unwrap_or_default();
        data = last.starts_with("copy") && last.contains("from stdin");
        (buffer, lines) = (String::new(), 0);
    }
    found.retain(|sql| !sql.is_empty());
    found
}
