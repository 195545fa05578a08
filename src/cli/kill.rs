//! `bauta kill ID`.

use std::process::ExitCode;

use hyper::Method;

use super::{SocketArg, output};
use crate::control::api::ReasonBody;
use crate::session::registry::SessionInfo;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session's number (see `bauta sessions`)
    #[arg(value_name = "ID")]
    id: i64,
    /// Print the session as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/sessions/{}", args.id);
    let session: SessionInfo = args.socket.client()?.call(Method::DELETE, &path, &ReasonBody::default())?;
    if args.json {
        output::line(serde_json::to_string(&session)?)?;
    } else {
        output::line(output::printable(&format!(
            "session {} of {} is told to end",
            session.id, session.user
        )))?;
    }
    Ok(ExitCode::SUCCESS)
}
