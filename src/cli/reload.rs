//! `bauta reload`.

use std::process::ExitCode;

use hyper::Method;

use super::{SocketArg, output};
use crate::control::api::{NoBody, Reloaded};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file with an error changes nothing: the proxy keeps the old configuration and
this command says why.")]
pub struct Args {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let answer: Reloaded = args.socket.client()?.call(Method::POST, "/v1/reload", &NoBody {})?;
    if args.json {
        output::line(serde_json::to_string(&answer)?)?;
    } else {
        output::line(output::printable(&answer.message))?;
    }
    Ok(ExitCode::SUCCESS)
}
