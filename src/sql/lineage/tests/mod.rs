//! Golden test: a table of statements, each with what the analysis finds and
//! what becomes of it for a session without grants. `golden.txt` is read by
//! people: a change of it is a change of what bauta promises.
//!
//! `BLESS=1 cargo test golden` writes it anew.

mod attacks;
mod decisions;
mod facts;
mod read;

use std::fmt::Write;

use facts::Shop;

use crate::policy::decide::{Decision, OutputAction, Verdict};
use crate::sql::analysis::{Flow, Otherwise, Use};
use crate::sql::lineage::{Lineage, value};
use crate::sql::splice;

const GOLDEN: &str = include_str!("golden.txt");

/// Blocks are parted by empty lines: a statement, then indented findings.
#[test]
fn golden() {
    let shop = Shop::new();
    let mut made = String::new();
    for block in GOLDEN.split("\n\n") {
        let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with("    ")).collect();
        for line in &lines {
            writeln!(made, "{line}").unwrap();
        }
        let sql = lines.iter().filter(|line| !line.starts_with("--")).copied().collect::<Vec<_>>().join("\n");
        if !sql.trim().is_empty() {
            made.push_str(&described(&shop, sql.trim()));
        }
        made.push('\n');
    }
    let made = format!("{}\n", made.trim_end());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql/lineage/tests/golden.txt"), &made)
            .unwrap();
        return;
    }
    for (is, was) in made.split("\n\n").zip(GOLDEN.split("\n\n")) {
        assert_eq!(is.trim_end(), was.trim_end());
    }
    assert_eq!(made.trim_end(), GOLDEN.trim_end());
}

fn described(shop: &Shop, sql: &str) -> String {
    let lineage = match shop.lineage(sql) {
        Ok(lineage) => lineage,
        Err(error) => return format!("    error {}: {}\n", error.code, error.message),
    };
    let mut out = String::new();
    describe_lineage(&mut out, sql, &lineage);
    match shop.decide(sql, &[]) {
        Decision::Refuse { error, .. } => writeln!(out, "    refused: {}", error.message).unwrap(),
        Decision::Run(verdict) => describe_run(&mut out, sql, &verdict),
    }
    out
}

fn describe_lineage(out: &mut String, sql: &str, lineage: &Lineage) {
    for output in lineage.outputs.iter().filter(|output| output.flow != Flow::Clean) {
        writeln!(out, "    out {}: {}", output.name, flow(&output.flow)).unwrap();
    }
    for use_ in &lineage.uses {
        writeln!(out, "    use {}", described_use(sql, use_)).unwrap();
    }
}

fn flow(flow: &Flow) -> String {
    let kind = match flow {
        Flow::Clean => "clean",
        Flow::Plain { cast: false, .. } => "plain",
        Flow::Plain { cast: true, .. } => "plain (cast)",
        Flow::Derived { case_only: false, .. } => "derived",
        Flow::Derived { case_only: true, .. } => "derived (case)",
        Flow::Mixed { .. } => "mixed",
        Flow::Computed { .. } => "computed",
    };
    format!("{kind} {}", names(value::columns(flow)))
}

fn names(columns: &[std::sync::Arc<crate::policy::ProtectedColumn>]) -> String {
    columns.iter().map(|column| column.label()).collect::<Vec<_>>().join(" ")
}

fn described_use(sql: &str, use_: &Use) -> String {
    let mut needs = format!("{:?}", use_.needs).to_lowercase();
    if use_.export {
        needs.push_str("+export");
    }
    if use_.only_grant {
        needs.push_str(" by grant");
    }
    if let Some(given) = &use_.given {
        let places = given.values.iter().map(|value| sql.get(value.span.clone()).unwrap_or("?"));
        let what = if given.only_null { "NULL" } else { "tokens" };
        needs.push_str(&format!(" (or {what}: {})", places.collect::<Vec<_>>().join(" ")));
    }
    let otherwise = match &use_.otherwise {
        Otherwise::Refuse => "refuse",
        Otherwise::LeaveOut(_) => "leave out",
        Otherwise::Neutralise(_) | Otherwise::Rebuild(_) => "neutralise",
    };
    let at = sql.get(use_.span.clone()).unwrap_or("?");
    format!("{} needs {needs}, or {otherwise}: {} at `{at}`", use_.kind.name(), names(&use_.columns))
}

fn describe_run(out: &mut String, sql: &str, verdict: &Verdict) {
    if !verdict.edits.is_empty() {
        let sent = splice::apply(sql.as_bytes(), &verdict.edits);
        let sent = String::from_utf8(sent).unwrap().replace('\n', " ");
        writeln!(out, "    sent: {sent}").unwrap();
    }
    let shown: Vec<String> = verdict
        .outputs
        .iter()
        .map(|action| match action {
            OutputAction::Pass => "·".to_owned(),
            OutputAction::Reveal { .. } => "REVEALED".to_owned(),
            OutputAction::Mask { column, .. } => match &column.path {
                Some(path) => format!("{}({path})", column.method.name()),
                None => column.method.name().to_owned(),
            },
            OutputAction::Redact { .. } => "redact*".to_owned(),
        })
        .collect();
    writeln!(out, "    runs: {}", shown.join(" ")).unwrap();
}
