//! `bauta grants`.

use std::process::ExitCode;
use std::time::Duration;

use super::watch::watch;
use super::{SocketArg, ask, output};
use crate::control::api::{GrantView, Items};
use crate::grants::duration;

const HEADER: [&str; 11] = [
    "ID",
    "STATUS",
    "USER",
    "SESSION",
    "COLUMNS",
    "LEFT",
    "USES",
    "RIGHTS",
    "REASON",
    "APPROVED BY",
    "ENDS (UTC)",
];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Ended ones too
    #[arg(long)]
    all: bool,
    /// Only those of this login
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// Go on, and show each that is new, was used or has ended, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = args.socket.client()?;
    let fetch = || {
        let list: Items<GrantView> = client.get("/v1/grants")?;
        let mut items = list.items;
        items.retain(|g| args.user.as_ref().is_none_or(|user| *user == g.user));
        Ok(items)
    };
    if !args.watch {
        let mut items = fetch()?;
        items.retain(|g| args.all || g.status == "active");
        output::records(args.json, &HEADER, &items, row)?;
        return Ok(ExitCode::SUCCESS);
    }
    // What ended before is no news; what ends from now on is.
    let old: Vec<_> = if args.all { Vec::new() } else { fetch()? };
    let old: Vec<_> = old.into_iter().filter(|g| g.status != "active").map(|g| g.id).collect();
    let news = || fetch().map(|items| items.into_iter().rev().filter(|g| !old.contains(&g.id)).collect());
    let state = |g: &GrantView| (g.status.clone(), g.uses, g.rows);
    watch(news, |g| g.id, state, |items| output::follow(args.json, items, row))?;
    Ok(ExitCode::SUCCESS)
}

fn row(g: &GrantView) -> Vec<String> {
    vec![
        g.id.to_string(),
        g.status.clone(),
        g.user.clone(),
        g.session.map(|s| s.to_string()).unwrap_or_default(),
        ask::columns(&g.columns),
        if g.status == "active" {
            duration::show(Duration::from_secs(g.seconds_left))
        } else {
            String::new()
        },
        g.uses.to_string(),
        rights(g),
        g.reason.clone(),
        g.approved_by.clone(),
        g.expires_at.strftime("%F %T").to_string(),
    ]
}

fn rights(grant: &GrantView) -> String {
    let mut rights = Vec::new();
    if grant.once {
        rights.push("once".to_owned());
    }
    if grant.export {
        rights.push("export".to_owned());
    }
    if let Some(most) = grant.max_rows {
        rights.push(format!("{} of {most} rows", grant.rows.unwrap_or(0)));
    }
    rights.join(", ")
}
