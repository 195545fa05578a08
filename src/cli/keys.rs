//! `bauta keys`: what the key file holds, and a new key in it.

use std::process::ExitCode;

use super::{ConfigArg, output};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::mask::KeyRing;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the keys: id, time of making, use; never a secret
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// One JSON object a key
        #[arg(long)]
        json: bool,
    },
    /// Add a new key, which new text tokens, hashes, noise and fakes use from `bauta reload` on
    Rotate {
        #[command(flatten)]
        config: ConfigArg,
    },
}

/// # Errors
/// When the key file can't be read or written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.verb {
        Verb::List { config, json } => list(&config, json),
        Verb::Rotate { config } => rotate(&config),
    }
}

fn list(config: &ConfigArg, json: bool) -> anyhow::Result<ExitCode> {
    let ring = KeyRing::open(&Config::load(&config.config)?.keys_file)?;
    let keys: Vec<_> = ring.list().collect();
    for (place, (id, created)) in keys.iter().enumerate() {
        let newest = place + 1 == keys.len();
        let use_ = match (place == 0, newest) {
            (true, true) => "everything",
            (true, false) => "audit chain, fpe, tokens of integers and uuids, older text tokens",
            (false, true) => "new text tokens, hashes, noise, fakes",
            (false, false) => "older text tokens",
        };
        output::line(match json {
            true => serde_json::json!({ "id": id, "created": created, "use": use_ }).to_string(),
            false => format!("{id:>3}  {created:.0}  {use_}"),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rotate(config: &ConfigArg) -> anyhow::Result<ExitCode> {
    let path = Config::load(&config.config)?.keys_file;
    let id = KeyRing::rotate(&path, SystemClock.now().wall)?;
    output::line(format!("key {id} is in {}", output::printable(&path.display().to_string())))?;
    output::line("older text tokens still lead back; hashes, noise and fakes of a value will change")?;
    output::line("next: keep a copy, bring it to every proxy that shares it, then `bauta reload` on each")?;
    Ok(ExitCode::SUCCESS)
}
