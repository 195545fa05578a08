//! `bauta acknowledge ID`.

use std::process::ExitCode;

use hyper::Method;

use super::{SocketArg, output};
use crate::control::api::{ReasonBody, RequestView};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The request's number (see `bauta requests`)
    #[arg(value_name = "ID")]
    id: i64,
    /// What came of the review; it stands in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print the request as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/requests/{}/acknowledge", args.id);
    let body = ReasonBody { reason: args.reason };
    let request: RequestView = args.socket.client()?.call(Method::POST, &path, &body)?;
    output::line(match args.json {
        true => serde_json::to_string(&request)?,
        false => format!("request {} is reviewed", request.id),
    })?;
    Ok(ExitCode::SUCCESS)
}
