//! `bauta sessions`.

use std::process::ExitCode;

use super::{SocketArg, output};
use crate::control::api::Items;
use crate::session::registry::SessionInfo;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let list: Items<SessionInfo> = args.socket.client()?.get("/v1/sessions")?;
    let header = ["ID", "USER", "DATABASE", "CLIENT", "APPLICATION", "BACKEND", "STATEMENTS", "SINCE (UTC)"];
    output::records(args.json, &header, &list.items, |s| {
        vec![
            s.id.to_string(),
            s.user.clone(),
            s.database.clone(),
            s.client.clone(),
            s.application.clone(),
            s.backend_pid.to_string(),
            s.statements.to_string(),
            s.started_at.strftime("%F %T").to_string(),
        ]
    })?;
    Ok(ExitCode::SUCCESS)
}
