//! `bauta request --column … --for … --reason …`.

use std::process::ExitCode;

use hyper::Method;

use super::ask::{self, AskArgs};
use super::{SocketArg, output};
use crate::control::api::{AskBody, RequestView};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
For example:
  bauta request --column public.customers.email --for 15m --reason \"INC-4711 refund\"

In a SQL session, the same without this program:
  SELECT * FROM bauta.request('public.customers.email', '15m', 'INC-4711 refund');")]
pub struct Args {
    /// Ask for this login instead of your own; you may not approve it then
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// Only for this session (see `bauta sessions`)
    #[arg(long, value_name = "ID")]
    session: Option<i64>,
    #[command(flatten)]
    ask: AskArgs,
    /// In an emergency: have it at once, for ten minutes at most; somebody else reviews it
    #[arg(long)]
    break_glass: bool,
    /// Print the request as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let body = AskBody { break_glass: args.break_glass, ..args.ask.body(args.user, args.session) };
    let request: RequestView = args.socket.client()?.call(Method::POST, "/v1/requests", &body)?;
    if args.json {
        output::line(serde_json::to_string(&request)?)?;
    } else {
        let columns = ask::columns(&request.columns);
        let (id, user) = (request.id, &request.user);
        output::line(output::printable(&match request.grant_id {
            Some(grant) => {
                format!("request {id}: {user} has {columns} by grant {grant}; it is to be reviewed")
            }
            None => format!("request {id}: {user} asks for {columns}; it waits for approval"),
        }))?;
    }
    Ok(ExitCode::SUCCESS)
}
