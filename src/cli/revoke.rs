//! `bauta revoke ID`.

use std::process::ExitCode;

use hyper::Method;

use super::{SocketArg, output};
use crate::control::api::{GrantView, ReasonBody};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The grant's number (see `bauta grants`)
    #[arg(value_name = "ID")]
    id: i64,
    /// Why; it stands in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print the grant as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/grants/{}", args.id);
    let body = ReasonBody { reason: args.reason };
    let grant: GrantView = args.socket.client()?.call(Method::DELETE, &path, &body)?;
    if args.json {
        output::line(serde_json::to_string(&grant)?)?;
    } else {
        output::line(output::printable(&format!("grant {} of {} has ended", grant.id, grant.user)))?;
    }
    Ok(ExitCode::SUCCESS)
}
