//! `bauta status`. Exits with 1 when the proxy does not answer; a degraded
//! one answers, so that is 0: `--json` tells.

use std::process::ExitCode;

use super::{SocketArg, output};
use crate::control::api::StatusView;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let status: StatusView = args.socket.client()?.get("/v1/status")?;
    if args.json {
        output::line(serde_json::to_string(&status)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let show = |name: &str, value: &str| output::line(format!("{name:<10}{}", output::printable(value)));
    show("status", &status.status)?;
    show("version", &status.version)?;
    show("pid", &status.pid.to_string())?;
    show("since", &status.health.started_at.strftime("%F %T UTC").to_string())?;
    show("config", &status.health.config)?;
    show("mode", &status.health.mode)?;
    show("sessions", &status.sessions.to_string())?;
    show("grants", &status.grants.to_string())?;
    show("requests", &format!("{} pending", status.requests))?;
    for node in &status.nodes {
        let this = if node.this { ", this one" } else { "" };
        show("node", &format!("{}: policy {}{this}", node.name, node.policy))?;
    }
    for database in &status.health.databases {
        show("database", &format!("{}: {} protected columns", database.name, database.protected_columns))?;
        for problem in &database.problems {
            show("", &format!("problem: {problem}"))?;
        }
    }
    for sink in &status.health.sinks {
        show("sink", &format!("{}: {}, {} records behind", sink.name, sink.kind, sink.lag))?;
    }
    for problem in &status.health.problems {
        show("problem", problem)?;
    }
    Ok(ExitCode::SUCCESS)
}
