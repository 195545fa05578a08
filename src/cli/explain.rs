//! `bauta explain`: what would happen to a statement, asked of the running
//! proxy, so that grants and roles of this moment count.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use hyper::Method;

use super::{SocketArg, output};
use crate::control::api::{ExplainBody, Items};
use crate::policy::explain::Explanation;

/// What bauta would do with a statement for a login.
///
/// Ends with status 0 whatever the verdict.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Database the statement would run in
    #[arg(short = 'd', long = "dbname", value_name = "DBNAME", env = "PGDATABASE")]
    database: String,
    /// Login that would send it
    #[arg(short = 'U', long = "username", value_name = "LOGIN", env = "PGUSER")]
    user: String,
    /// The statement; `-` reads it from standard input
    #[arg(value_name = "SQL")]
    sql: String,
    /// One JSON object a statement
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArg,
}

/// # Errors
/// When the proxy can't be reached or doesn't know the database.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let sql = match args.sql.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("reading the statement from standard input")?;
            text
        }
        _ => args.sql,
    };
    let body = ExplainBody { database: args.database, user: args.user, sql };
    let list: Items<Explanation> = args.socket.client()?.call(Method::POST, "/v1/explain", &body)?;
    for item in &list.items {
        if args.json {
            output::line(serde_json::to_string(item)?)?;
        } else {
            print(item)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(item: &Explanation) -> anyhow::Result<()> {
    output::line(format!("{}: {}", item.verdict, output::printable(&item.sql)))?;
    if let Some(error) = &item.error {
        output::line(format!("  error:  {} ({})", output::printable(&error.message), error.sqlstate))?;
        if let Some(hint) = &error.hint {
            output::line(format!("  hint:   {}", output::printable(hint)))?;
        }
    }
    for column in &item.outputs {
        let sources = match column.sources.is_empty() {
            true => String::new(),
            false => format!("  from {}", column.sources.join(", ")),
        };
        output::line(format!("  output: {}: {}{sources}", output::printable(&column.name), column.action))?;
    }
    for use_ in item.uses.iter().filter(|use_| use_.use_ != "output") {
        output::line(format!("  use:    {} of {}: {}", use_.use_, use_.column, use_.decision))?;
    }
    for rule in &item.rules {
        output::line(format!(
            "  rule:   {}: {} by {}",
            rule.column,
            rule.method,
            output::printable(&rule.rule)
        ))?;
    }
    for notice in &item.notices {
        output::line(format!("  notice: {}", output::printable(notice)))?;
    }
    if let Some(sent) = &item.sent {
        output::line(format!("  sent:   {}", output::printable(sent)))?;
    }
    if item.observed {
        output::line("  mode = \"observe\": it runs as it came; nothing of this is applied")?;
    }
    Ok(())
}
