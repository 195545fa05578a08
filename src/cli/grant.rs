//! `bauta grant USER --column … --for … --reason …`.

use std::process::ExitCode;

use hyper::Method;

use super::ask::{self, AskArgs};
use super::{SocketArg, output};
use crate::control::api::GrantView;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
For example:
  bauta grant ana --column public.customers.email --for 15m --reason \"INC-4711 refund\"
  bauta grant --session 42 --tag pii --for 10m --reason \"INC-4711\" --once")]
pub struct Args {
    /// The login that shall see the columns
    #[arg(value_name = "USER", required_unless_present = "session")]
    user: Option<String>,
    /// Only this session (see `bauta sessions`)
    #[arg(long, value_name = "ID")]
    session: Option<i64>,
    #[command(flatten)]
    ask: AskArgs,
    /// Print the grant as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let body = args.ask.body(args.user, args.session);
    let grant: GrantView = args.socket.client()?.call(Method::POST, "/v1/grants", &body)?;
    if args.json {
        output::line(serde_json::to_string(&grant)?)?;
    } else {
        output::line(said(&grant))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A new grant in a sentence.
fn said(grant: &GrantView) -> String {
    let whose = match grant.session {
        Some(session) => format!("{} in session {session}", grant.user),
        None => grant.user.clone(),
    };
    let until = grant.expires_at.strftime("%F %T UTC");
    let left_out = match grant.left_out.is_empty() {
        true => String::new(),
        false => format!(
            "; left out, for another database has them without the tag: {}",
            grant.left_out.join(", ")
        ),
    };
    output::printable(&format!(
        "grant {}: {whose} sees {} until {until}{left_out}",
        grant.id,
        ask::columns(&grant.columns)
    ))
}
