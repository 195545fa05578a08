//! `bauta requests`.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use super::watch::watch;
use super::{SocketArg, ask, output, screen};
use crate::control::api::{Items, RequestView};
use crate::grants::duration;

const HEADER: [&str; 10] =
    ["ID", "STATUS", "USER", "COLUMNS", "FOR", "REASON", "TICKET", "APPROVALS", "CREATED (UTC)", "GRANT"];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Decided ones too
    #[arg(long)]
    all: bool,
    /// Only those for this login
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// Go on until Ctrl-C: on a terminal a screen of what is open, with what is
    /// left of it; elsewhere each that is new or has been decided
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
    if args.watch && !args.json && !args.all && std::io::stdout().is_terminal() {
        screen::run(&client, args.user.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let fetch = || {
        let list: Items<RequestView> = client.get("/v1/requests")?;
        let mut items = list.items;
        items.retain(|r| args.user.as_ref().is_none_or(|user| *user == r.user));
        Ok(items)
    };
    if !args.watch {
        let mut items = fetch()?;
        items.retain(|r| args.all || is_open(r));
        output::records(args.json, &HEADER, &items, row)?;
        return Ok(ExitCode::SUCCESS);
    }
    // What was decided before is no news; what is decided from now on is.
    let old: Vec<_> = if args.all { Vec::new() } else { fetch()? };
    let old: Vec<_> = old.into_iter().filter(|r| !is_open(r)).map(|r| r.id).collect();
    let news = || fetch().map(|items| items.into_iter().rev().filter(|r| !old.contains(&r.id)).collect());
    let state = |r: &RequestView| (r.status.clone(), r.approvals.len(), r.needs_review);
    watch(news, |r| r.id, state, |items| output::follow(args.json, items, row))?;
    Ok(ExitCode::SUCCESS)
}

/// To be decided, or to be reviewed.
pub(super) fn is_open(request: &RequestView) -> bool {
    request.status == "pending" || request.needs_review
}

fn row(r: &RequestView) -> Vec<String> {
    vec![
        r.id.to_string(),
        status(r),
        r.user.clone(),
        asked(r),
        duration::show(Duration::from_secs(r.duration_s)),
        r.reason.clone(),
        r.ticket.clone().unwrap_or_default(),
        r.approvals.iter().map(|a| a.by.as_str()).collect::<Vec<_>>().join(", "),
        r.created_at.strftime("%F %T").to_string(),
        r.grant_id.map(|g| g.to_string()).unwrap_or_default(),
    ]
}

/// Columns, and what the access would be limited to or go beyond.
pub(super) fn asked(request: &RequestView) -> String {
    let mut text = ask::columns(&request.columns);
    if request.once {
        text.push_str(", once");
    }
    if request.export {
        text.push_str(", with export");
    }
    if let Some(rows) = request.max_rows {
        text.push_str(&format!(", {rows} rows"));
    }
    text
}

pub(super) fn status(request: &RequestView) -> String {
    match (request.held && request.status == "pending", request.needs_review) {
        (true, _) => "pending, held".to_owned(),
        (false, true) => "needs review".to_owned(),
        (false, false) => request.status.clone(),
    }
}
