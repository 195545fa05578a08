//! `bauta token`: one token led back to its value under the caller's grant,
//! and the token of one value.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use hyper::Method;

use super::{SocketArg, output};
use crate::control::api::{TokenBody, TokenView};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print the value that a token stands for; takes a live grant of the login that proxy.toml gives you
    Resolve(Given),
    /// Print the token that stands for a value
    Of(Given),
}

#[derive(Debug, clap::Args)]
struct Given {
    /// The token or value; `-` reads it from standard input, where no other process sees it
    #[arg(value_name = "TOKEN|VALUE", allow_hyphen_values = true)]
    given: String,
    /// The protected column: schema.table.column
    #[arg(long, value_name = "COLUMN")]
    column: String,
    /// The database that the column is in [default: the first that has it]
    #[arg(short = 'd', long = "dbname", value_name = "DBNAME")]
    database: Option<String>,
    /// Print column, token and value as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

/// # Errors
/// When the proxy can't be reached, or there is no grant, token or column.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (resolve, given) = match args.verb {
        Verb::Resolve(given) => (true, given),
        Verb::Of(given) => (false, given),
    };
    let text = match given.given.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("reading from standard input")?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        text => text.to_owned(),
    };
    let (token, value) = if resolve { (Some(text), None) } else { (None, Some(text)) };
    let body = TokenBody { column: given.column, database: given.database, token, value };
    let view: TokenView = given.socket.client()?.call(Method::POST, "/v1/tokens", &body)?;
    let shown = if resolve { &view.value } else { &view.token };
    output::line(if given.json { serde_json::to_string(&view)? } else { output::printable(shown) })?;
    Ok(ExitCode::SUCCESS)
}
