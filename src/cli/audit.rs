//! `bauta audit …`: search and verify; the others have files of their own.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use jiff::Timestamp;

use super::output::{line, printable};
use crate::audit::chain::{Head, Sealer};
use crate::audit::file::all_files;
use crate::audit::search::{Found, Query};
use crate::audit::verify::Kept;
use crate::audit::{show, verify};
use crate::clock::{Clock, SystemClock};
use crate::config::Places;
use crate::config::units::parse_duration;
use crate::mask::KeyRing;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Show the newest records, and with -f those to come
    Tail(super::audit_tail::Args),
    /// Find records by person, column, grant, time or decision
    Search(SearchArgs),
    /// Prove that no record was changed, removed or moved
    Verify(VerifyArgs),
    /// The newest record's number and mac, to be kept elsewhere
    Head(super::audit_head::Args),
    /// Who saw which protected column unmasked, when, and why
    Report(super::audit_report::Args),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Times are RFC 3339 (2026-11-23T20:15:00Z), a day (2026-11-23, UTC) or how long
ago (2h, 30m, 1d). All conditions must hold. Rotated files are searched too.

For example:
  bauta audit search --user ana --since 1d
  bauta audit search --column public.customers.ssn --decision revealed
  bauta audit search --grant 3 --json")]
struct SearchArgs {
    #[command(flatten)]
    config: super::ConfigArg,
    /// This log instead of the configuration's; several in their order
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// The login
    #[arg(long)]
    user: Option<String>,
    /// schema.table.column, * for any part
    #[arg(long)]
    column: Option<String>,
    /// Statements that used this grant, and what happened to it
    #[arg(long, value_name = "ID")]
    grant: Option<i64>,
    #[arg(long, value_name = "ID")]
    session: Option<i64>,
    /// Statements with a column so decided
    #[arg(long, value_parser = ["masked", "revealed", "neutralised", "refused", "disclosed"])]
    decision: Option<String>,
    /// From this time on
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// The records as they stand in the log, one a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without FILE the configuration's log is verified, its rotated files first. The
key file is the configuration's; an auditor who has only the key gives --key.
Exits 1 at the first record that does not fit, and says which and why.

A log whose end was cut off is good in itself: give the heads that were kept
elsewhere (`bauta audit head`), and it exits 1 unless the log holds them.")]
struct VerifyArgs {
    #[command(flatten)]
    config: super::ConfigArg,
    /// The files, in the order of the chain
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The key file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The log must hold this record: what `audit head` printed, or a file of such
    /// lines; may be repeated
    #[arg(long, value_name = "SEQ:MAC|FILE", value_parser = Heads::parse)]
    head: Vec<Heads>,
    /// The result as one JSON object
    #[arg(long)]
    json: bool,
}

/// The heads of one `--head`.
#[derive(Debug, Clone)]
struct Heads(Vec<Head>);

impl Heads {
    fn parse(given: &str) -> Result<Self, String> {
        super::audit_head::kept(given).map(Self)
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        AuditCommand::Tail(args) => super::audit_tail::run(&args),
        AuditCommand::Search(args) => search(args),
        AuditCommand::Verify(args) => verify(&args),
        AuditCommand::Head(args) => super::audit_head::run(&args),
        AuditCommand::Report(args) => super::audit_report::run(args),
    }
}

/// A time as people give it.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if text.parse::<jiff::civil::Date>().is_ok()
        && let Ok(at) = format!("{text}T00:00:00Z").parse()
    {
        return Ok(at);
    }
    let ago = parse_duration(text).and_then(|d| jiff::SignedDuration::try_from(d).ok());
    ago.and_then(|ago| SystemClock.now().wall.checked_sub(ago).ok())
        .ok_or_else(|| "expected 2026-11-23T20:15:00Z, 2026-11-23, or how long ago: 2h, 30m, 1d".to_owned())
}

/// The log's file, and all files of it in their order.
pub(super) fn log_files(config: &super::ConfigArg, given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    let path = log_file(config, None)?;
    let files = all_files(&path).with_context(|| format!("looking for {}", path.display()))?;
    if files.is_empty() {
        bail!("there is no audit log {} yet", path.display());
    }
    Ok(files)
}

/// The key file that was given, or the configuration's.
pub(super) fn key_file(config: &super::ConfigArg, given: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    match given {
        Some(key) => Ok(key.clone()),
        None => Ok(Places::load(&config.config)?.keys_file),
    }
}

pub(super) fn log_file(config: &super::ConfigArg, given: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    match given {
        Some(file) => Ok(file.clone()),
        None => Ok(Places::load(&config.config)?.audit_file),
    }
}

/// What became of the heads that were kept elsewhere.
fn print_heads(report: &verify::Report) -> anyhow::Result<()> {
    let count = |kept| report.heads.iter().filter(|(_, of)| *of == kept).count();
    for (head, kept) in &report.heads {
        let end = report.last.map_or(0, |last| last.seq);
        match kept {
            Kept::Contained | Kept::Earlier => {}
            Kept::CutOff => line(format!(
                "THE END WAS CUT OFF: record {} was there when its head was kept; the log ends at {end}",
                head.seq
            ))?,
            Kept::Replaced => line(format!(
                "ANOTHER LOG: record {} is not the one whose head was kept (mac {})",
                head.seq,
                String::from_utf8_lossy(&head.mac)
            ))?,
        }
    }
    match (count(Kept::Contained), count(Kept::Earlier)) {
        (0, 0) => Ok(()),
        (held, 0) => line(format!("it holds {held} of {} heads that were kept", report.heads.len())),
        (held, earlier) => line(format!(
            "it holds {held} of {} heads that were kept; {earlier} are of earlier files, not among these",
            report.heads.len()
        )),
    }
}

pub(super) fn print(found: &Found, json: bool) -> anyhow::Result<()> {
    if json {
        line(&found.line)?;
        return found.end.as_ref().map_or(Ok(()), |end| line(&end.line));
    }
    for text in show::show(found) {
        line(printable(&text))?;
    }
    Ok(())
}

fn search(args: SearchArgs) -> anyhow::Result<ExitCode> {
    let files = log_files(&args.config, &args.file)?;
    let query = Query {
        user: args.user,
        session: args.session,
        column: args.column,
        grant: args.grant,
        decision: args.decision,
        since: args.since,
        until: args.until,
    };
    query.run(&files, |found| print(&found, args.json))?;
    Ok(ExitCode::SUCCESS)
}

fn verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let files = log_files(&args.config, &args.files)?;
    let key = key_file(&args.config, args.key.as_ref())?;
    let sealer = Sealer::new(&KeyRing::open(&key)?.audit_key());
    let heads: Vec<Head> = args.head.iter().flat_map(|heads| heads.0.iter().copied()).collect();
    let report = verify::files(&files, &sealer, &heads)
        .map_err(|(path, e)| anyhow::Error::from(e).context(format!("reading {}", path.display())))?;
    if args.json {
        line(serde_json::to_string(&report)?)?;
    } else {
        print_report(&report)?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_report(report: &verify::Report) -> anyhow::Result<()> {
    for torn in &report.torn {
        line(format!(
            "{}: {} bytes at byte {} were left by a crash; the next start closed them",
            torn.file.display(),
            torn.bytes,
            torn.offset
        ))?;
    }
    if let Some(bad) = &report.bad {
        let seq = bad.seq.map_or_else(String::new, |seq| format!(" (seq {seq})"));
        line(format!("{}:{}{seq}: {}", bad.file.display(), bad.line, bad.fault))?;
        return line(format!("{} records before it are good", report.records));
    }
    let files = if report.files == 1 { "1 file".to_owned() } else { format!("{} files", report.files) };
    let Some((first, last)) = report.first_seq.zip(report.last.as_ref()) else {
        line(format!("no record in {files}"))?;
        return print_heads(report);
    };
    if first > 1 {
        line(format!("the chain begins at seq {first}: earlier files are not among these"))?;
    }
    line(format!(
        "{} records in {files} are good, seq {first} to {}; head {}",
        report.records,
        last.seq,
        String::from_utf8_lossy(&last.mac)
    ))?;
    print_heads(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_give_them() {
        assert_eq!(moment("2026-11-23T20:15:00Z").unwrap().to_string(), "2026-11-23T20:15:00Z");
        assert_eq!(moment("2026-11-23").unwrap().to_string(), "2026-11-23T00:00:00Z");
        let ago = SystemClock.now().wall.duration_since(moment("2h").unwrap());
        assert!((7190..7210).contains(&ago.as_secs()), "{ago}");
        assert!(moment("yesterday").is_err());
    }
}
