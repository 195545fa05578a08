//! `bauta approve ID`.

use std::process::ExitCode;
use std::time::Duration;

use hyper::Method;

use super::{SocketArg, output};
use crate::control::api::{ApproveBody, RequestView};
use crate::grants::duration;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
For example:
  bauta approve 7
  bauta approve 7 --for 10m --column public.customers.email")]
pub struct Args {
    /// The request's number (see `bauta requests`)
    #[arg(value_name = "ID")]
    id: i64,
    /// For less time than was asked for: 90s, 15m, 2h, 1d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// Only this one of the columns asked for. May be repeated
    #[arg(long = "column", value_name = "SCHEMA.TABLE.COLUMN")]
    columns: Vec<String>,
    /// Print the request as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let body = ApproveBody {
        duration: args.duration.map(duration::show),
        columns: (!args.columns.is_empty()).then_some(args.columns),
    };
    let path = format!("/v1/requests/{}/approve", args.id);
    let request: RequestView = args.socket.client()?.call(Method::POST, &path, &body)?;
    if args.json {
        output::line(serde_json::to_string(&request)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(output::printable(&match request.grant_id {
        Some(grant) => format!("request {} is approved: {} has grant {grant}", request.id, request.user),
        None => format!("request {} has {} approvals and needs more", request.id, request.approvals.len()),
    }))?;
    Ok(ExitCode::SUCCESS)
}
