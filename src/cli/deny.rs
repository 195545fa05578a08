//! `bauta deny ID`.

use std::process::ExitCode;

use hyper::Method;

use super::{SocketArg, output};
use crate::control::api::{ReasonBody, RequestView};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The request's number (see `bauta requests`)
    #[arg(value_name = "ID")]
    id: i64,
    /// Why; the asker reads it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print the request as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/requests/{}/deny", args.id);
    let body = ReasonBody { reason: args.reason };
    let request: RequestView = args.socket.client()?.call(Method::POST, &path, &body)?;
    if args.json {
        output::line(serde_json::to_string(&request)?)?;
    } else {
        output::line(format!("request {} is {}", request.id, request.status))?;
    }
    Ok(ExitCode::SUCCESS)
}
