//! `bauta check`: every fault of the configuration in one run, a line each.
//!
//! The file part needs nothing but the file; the server part binds every rule
//! to the catalog of each database.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::output::{line, printable};
use crate::catalog::check::{CheckError, check};
use crate::catalog::service::chain;
use crate::catalog::{Finding, Severity};
use crate::config::{self, Config, Fault, Places};
use crate::mask::KeyRing;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each fault is one line: file, line, what is wrong and what would be right.
With the server unreachable the file is checked alone, with a warning.")]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArg,
    /// Fail if the server can't be reached
    #[arg(long)]
    require_server: bool,
    /// One JSON object a fault: file, line, message; one a finding: severity,
    /// database, place, message, mend
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = &args.config.config;
    let (config, mut faults) = file_part(path);
    let mut findings = Ok(Vec::new());
    if let Some(config) = &config {
        faults.extend(config::unapprovable(config));
        findings = server_part(&args, config);
    }
    report(&args, config.as_ref(), &faults, findings.as_deref().unwrap_or_default())?;
    let findings = findings?;
    let is_sound = faults.is_empty() && findings.iter().all(|f| f.severity != Severity::Error);
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every rule against the catalog of every database that it means; nothing,
/// with a warning, where there is no server to ask.
fn server_part(args: &Args, config: &Config) -> anyhow::Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(check(config)) {
        Ok(findings) => Ok(findings),
        Err(error @ CheckError::Unreachable(_)) if !args.require_server => {
            eprintln!("bauta: warning: {}; only the file was checked", printable(&chain(&error)));
            Ok(Vec::new())
        }
        Err(error) => Err(error).context("checking the rules against the server"),
    }
}

/// The file, its key file and the directories that it names.
fn file_part(path: &Path) -> (Option<Config>, Vec<Fault>) {
    let (config, mut faults) = Config::load_with_faults(path);
    if let Ok(places) = Places::load(path) {
        let mut fault = |line, message| {
            faults.push(Fault { file: path.display().to_string(), line, message });
        };
        if let Err(error) = KeyRing::open(&places.keys_file) {
            let error = anyhow::Error::from(error);
            fault(places.lines.keys_file, format!("keys.file: {error:#}"));
        }
        for (key, line, file) in [
            ("audit.file", places.lines.audit_file, &places.audit_file),
            ("control.socket", places.lines.control_socket, &places.control_socket),
        ] {
            if let Some(directory) = file.parent().filter(|d| !d.is_dir()) {
                fault(line, format!("{key}: there is no directory {}: make it", directory.display()));
            }
        }
        faults.sort_by_key(|f| f.line);
    }
    (config, faults)
}

/// On stderr, where no pipe hides it.
fn warn_of_mode(config: &Config) {
    if let Some(warning) = config.defaults.mode.warning() {
        eprintln!("bauta: warning: {}: {warning}", config.path.display());
    }
}

fn report(
    args: &Args,
    config: Option<&Config>,
    faults: &[Fault],
    findings: &[Finding],
) -> anyhow::Result<()> {
    for fault in faults {
        match args.json {
            true => line(serde_json::to_string(fault)?)?,
            false => line(printable(&fault.to_string()))?,
        }
    }
    for finding in findings {
        match args.json {
            true => line(serde_json::to_string(finding)?)?,
            false => line(printable(&finding.to_string()))?,
        }
    }
    if let Some(config) = config {
        warn_of_mode(config);
    }
    if !args.json {
        let file = args.config.config.display();
        match faults.len() + findings.iter().filter(|f| f.severity == Severity::Error).count() {
            0 => line(format!("{file}: no faults"))?,
            1 => line(format!("{file}: 1 fault"))?,
            n => line(format!("{file}: {n} faults"))?,
        }
    }
    Ok(())
}
