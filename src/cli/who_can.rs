//! `bauta who-can COLUMN`.

use std::process::ExitCode;
use std::time::Duration;

use super::{SocketArg, output};
use crate::control::api::{Items, PowerView};
use crate::grants::duration;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
For example:
  bauta who-can public.customers.email

It tells what bauta's roles and grants allow; PostgreSQL's own privileges come
on top. A shared login that must name its end user ([[end_user]] required) sees
nothing by itself; the people behind it are listed as user:NAME.")]
pub struct Args {
    /// A protected column; * for any part
    #[arg(value_name = "SCHEMA.TABLE.COLUMN")]
    column: String,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/columns/{}/who", encoded(&args.column));
    let list: Items<PowerView> = args.socket.client()?.get(&path)?;
    let header = ["COLUMN", "WHO", "CAN", "BY", "AT MOST", "UNTIL (UTC)"];
    output::records(args.json, &header, &list.items, |p| {
        vec![
            p.column.clone(),
            p.who.clone(),
            p.can.clone(),
            p.by.clone(),
            p.max_duration_s.map(|s| duration::show(Duration::from_secs(s))).unwrap_or_default(),
            p.until.map(|at| at.strftime("%F %T").to_string()).unwrap_or_default(),
        ]
    })?;
    Ok(ExitCode::SUCCESS)
}

/// As a part of a path.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'*');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
