//! `bauta audit report`.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;

use super::audit::{key_file, log_files, moment};
use super::output::{self, line, printable};
use super::report_forms::{self as forms, Report};
use crate::audit::chain::Sealer;
use crate::audit::report::{self, Entry, Scope};
use crate::audit::verify;
use crate::clock::{Clock, SystemClock};
use crate::mask::KeyRing;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
For each protected column: who saw it unmasked, first and last, how many
statements and rows, under which grant or role, who approved it and why.
Refused statements don't count; a predicate or an ordering that a grant let
through does, and says so. The grant's reason is found wherever in the log it
stands, also before --since; rotated and compressed files are read too.

The log is verified on the way, if the key file can be read: exits 1 if it is
damaged.

For example:
  bauta audit report --since 30d
  bauta audit report --since 2026-10-01 --until 2026-11-01 --html > october.html
  bauta audit report --column '*.*.ssn' --csv")]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArg,
    /// This log instead of the configuration's; several in their order
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// The key file that verifies it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Statements from this time on
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Statements before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// schema.table.column, * for any part
    #[arg(long)]
    column: Option<String>,
    /// The login
    #[arg(long)]
    user: Option<String>,
    /// One JSON object a line
    #[arg(long, group = "form")]
    json: bool,
    /// RFC 4180, with a header
    #[arg(long, group = "form")]
    csv: bool,
    /// A page that stands alone
    #[arg(long, group = "form")]
    html: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let files = log_files(&args.config, &args.file)?;
    let scope = Scope { since: args.since, until: args.until, column: args.column, user: args.user };
    let unreadable = |(path, e): (PathBuf, std::io::Error)| {
        anyhow::Error::from(e).context(format!("reading {}", path.display()))
    };
    let chain = match sealer(&args.config, args.key) {
        Ok(sealer) => Ok(verify::files(&files, &sealer, &[]).map_err(unreadable)?),
        Err(fault) => Err(output::one_line(&fault)),
    };
    let chain = chain.as_ref().map_err(String::as_str);
    let entries = report::report(&files, &scope).map_err(unreadable)?;
    let damaged = chain.is_ok_and(|chain| chain.bad.is_some());
    if args.html {
        let made_at = SystemClock.now().wall;
        let page = forms::html(&Report { entries: &entries, scope: &scope, made_at, chain });
        output::raw(page.as_bytes())?;
    } else if args.csv {
        output::raw(&forms::csv(&entries)?)?;
    } else {
        table(&entries, args.json)?;
    }
    let verdict = printable(&forms::verdict(chain));
    match args.json || args.csv || damaged {
        true => eprintln!("{verdict}"),
        false if args.html => {}
        false => line(format!("\n{verdict}"))?,
    }
    Ok(if damaged { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn sealer(config: &super::ConfigArg, key: Option<PathBuf>) -> anyhow::Result<Sealer> {
    let key = key_file(config, key.as_ref())?;
    Ok(Sealer::new(&KeyRing::open(&key)?.audit_key()))
}

fn table(entries: &[Entry], json: bool) -> anyhow::Result<()> {
    let header = [
        "COLUMN",
        "DATABASE",
        "USER",
        "FIRST (UTC)",
        "LAST (UTC)",
        "STATEMENTS",
        "ROWS",
        "USE",
        "UNDER",
        "APPROVED BY",
        "REASON",
    ];
    output::records(json, &header, entries, |e| {
        vec![
            e.column.clone(),
            e.database.clone(),
            e.user.clone(),
            e.first.strftime("%F %T").to_string(),
            e.last.strftime("%F %T").to_string(),
            e.statements.to_string(),
            forms::rows(e),
            e.uses.join(", ").replace('_', " "),
            forms::basis(e),
            e.approved_by.join(", "),
            forms::reason(e),
        ]
    })
}
