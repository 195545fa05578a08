//! `bauta requests`.

use std::process::ExitCode;
use std::time::Duration;

use super::{SocketArg, ask, output};
use crate::control::api::{Items, RequestView};
use crate::grants::duration;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Decided ones too
    #[arg(long)]
    all: bool,
    /// Only those for this login
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut list: Items<RequestView> = args.socket.client().get("/v1/requests")?;
    list.items.retain(|r| args.all || r.status == "pending" || r.needs_review);
    list.items.retain(|r| args.user.as_ref().is_none_or(|user| *user == r.user));
    let header =
        ["ID", "STATUS", "USER", "COLUMNS", "FOR", "REASON", "TICKET", "APPROVALS", "CREATED (UTC)", "GRANT"];
    output::records(args.json, &header, &list.items, |r| {
        vec![
            r.id.to_string(),
            status(r),
            r.user.clone(),
            ask::columns(&r.columns),
            duration::show(Duration::from_secs(r.duration_s)),
            r.reason.clone(),
            r.ticket.clone().unwrap_or_default(),
            r.approvals.iter().map(|a| a.by.as_str()).collect::<Vec<_>>().join(", "),
            r.created_at.strftime("%F %T").to_string(),
            r.grant_id.map(|g| g.to_string()).unwrap_or_default(),
        ]
    })?;
    Ok(ExitCode::SUCCESS)
}

fn status(request: &RequestView) -> String {
    match (request.held && request.status == "pending", request.needs_review) {
        (true, _) => "pending, held".to_owned(),
        (false, true) => "needs review".to_owned(),
        (false, false) => request.status.clone(),
    }
}
