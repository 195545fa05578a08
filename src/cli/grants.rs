//! `bauta grants`.

use std::process::ExitCode;
use std::time::Duration;

use super::{SocketArg, ask, output};
use crate::control::api::{GrantView, Items};
use crate::grants::duration;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Ended ones too
    #[arg(long)]
    all: bool,
    /// Only those of this login
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut list: Items<GrantView> = args.socket.client().get("/v1/grants")?;
    list.items.retain(|g| args.all || g.status == "active");
    list.items.retain(|g| args.user.as_ref().is_none_or(|user| *user == g.user));
    let header = [
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
    output::records(args.json, &header, &list.items, |g| {
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
    })?;
    Ok(ExitCode::SUCCESS)
}

fn rights(grant: &GrantView) -> String {
    let mut rights = Vec::new();
    if grant.once {
        rights.push("once".to_owned());
    }
    if grant.export {
        rights.push("export".to_owned());
    }
    if let Some(rows) = grant.max_rows {
        rights.push(format!("{rows} rows"));
    }
    rights.join(", ")
}
