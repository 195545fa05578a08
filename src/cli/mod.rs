//! The command line: one file a command, each with `Args` and `run`; behaviour
//! lives elsewhere.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 usage. An error is one line on
//! stderr.

pub mod acknowledge;
pub mod approve;
pub mod ask;
pub mod audit;
mod audit_head;
mod audit_report;
mod audit_tail;
pub mod check;
pub mod completions;
pub mod demo;
pub mod deny;
pub mod explain;
pub mod grant;
pub mod grants;
pub mod init;
pub mod keys;
pub mod kill;
pub mod output;
pub mod reload;
mod report_forms;
pub mod request;
pub mod requests;
pub mod revoke;
mod screen;
pub mod serve;
pub mod sessions;
pub mod setup_sql;
pub mod status;
pub mod token;
mod watch;
pub mod who_can;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::control::client::{self, Client};

const LONG_ABOUT: &str = "\
bauta stands between SQL clients and PostgreSQL. Columns that the policy file \
protects come back masked; a just-in-time grant shows the real values, to one \
person, for minutes, and every statement is written to a chained audit log \
before it runs.";

const AFTER_HELP: &str = "\
First steps:
  bauta demo                         see it work on a throwaway server
  bauta init                         write proxy.toml and a key file
  bauta setup-sql | psql -U postgres make the service role on your server
  bauta check                        is every rule sound?
  bauta serve                        run the proxy
  psql \"host=localhost port=6432 user=ana dbname=shop\"

Give somebody access, and see what they did with it:
  bauta grant ana --column public.customers.email --for 15m --reason \"INC-4711\"
  bauta audit search --user ana

Exit codes: 0 done, 1 refused or failed, 2 usage.
Log messages go to stderr; BAUTA_LOG=debug shows more of them.";

/// The whole command tree.
#[derive(Debug, Parser)]
#[command(
    name = "bauta",
    version,
    about = "A PostgreSQL proxy that masks protected columns unless a just-in-time grant reveals them",
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Every command, in the order of the help.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job on a throwaway PostgreSQL with sample data
    Demo(demo::Args),
    /// Write a commented proxy.toml and a key file, and say what to do next
    Init(init::Args),
    /// Print the SQL that a DBA runs once on the server
    SetupSql(setup_sql::Args),
    /// Find every fault of the configuration, in the file and against the server's catalog
    Check(check::Args),
    /// Run the proxy
    Serve(serve::Args),
    /// Say what would happen to a statement, column by column
    Explain(explain::Args),
    /// Ask for access to protected columns, as the login that proxy.toml gives you
    Request(request::Args),
    /// List requests for access
    Requests(requests::Args),
    /// Approve a request: as it is, for less time, or for fewer columns
    Approve(approve::Args),
    /// Deny a request
    Deny(deny::Args),
    /// Say that you have looked at what somebody did by break-glass
    Acknowledge(acknowledge::Args),
    /// Give somebody access now, without a request
    Grant(grant::Args),
    /// List grants
    Grants(grants::Args),
    /// End a grant at once
    Revoke(revoke::Args),
    /// Who sees a column, who may ask for it, who may approve
    WhoCan(who_can::Args),
    /// List the sessions
    Sessions(sessions::Args),
    /// End a session
    Kill(kill::Args),
    /// Have the proxy read its configuration again
    Reload(reload::Args),
    /// How the proxy is
    Status(status::Args),
    /// Lead one token back to its value, or a value to its token
    Token(token::Args),
    /// List the keys of tokens and hashes, or add a new one
    Keys(keys::Args),
    /// Follow, search and verify the audit log
    Audit(audit::Args),
    /// Print the completion script of a shell
    Completions(completions::Args),
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Init(args) => init::run(args),
            Self::Check(args) => check::run(args),
            Self::Serve(args) => serve::run(args),
            Self::Explain(args) => explain::run(args),
            Self::Demo(args) => demo::run(args),
            Self::SetupSql(args) => setup_sql::run(args),
            Self::Request(args) => request::run(args),
            Self::Requests(args) => requests::run(args),
            Self::Approve(args) => approve::run(args),
            Self::Deny(args) => deny::run(args),
            Self::Acknowledge(args) => acknowledge::run(args),
            Self::Grant(args) => grant::run(args),
            Self::Grants(args) => grants::run(args),
            Self::Revoke(args) => revoke::run(args),
            Self::WhoCan(args) => who_can::run(args),
            Self::Sessions(args) => sessions::run(args),
            Self::Kill(args) => kill::run(args),
            Self::Reload(args) => reload::run(args),
            Self::Status(args) => status::run(args),
            Self::Token(args) => token::run(args),
            Self::Keys(args) => keys::run(args),
            Self::Audit(args) => audit::run(args),
            Self::Completions(args) => completions::run(args),
        }
    }

    /// `serve` tells what it does; other commands only what is wrong.
    fn log_level(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            _ => "warn",
        }
    }
}

/// Where the configuration is; commands that read it `#[command(flatten)]` this.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArg {
    /// The configuration file
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "BAUTA_CONFIG",
        default_value = "proxy.toml"
    )]
    pub config: PathBuf,
}

/// Where the control socket is; the control verbs `#[command(flatten)]` this.
#[derive(Debug, Clone, clap::Args)]
pub struct SocketArg {
    /// The proxy's control socket [default: what ./proxy.toml says, else ./bauta.sock]
    #[arg(long, value_name = "PATH", env = "BAUTA_SOCKET")]
    pub socket: Option<PathBuf>,
    /// A proxy elsewhere: https://host:port, its control.address
    #[arg(long, value_name = "URL", env = "BAUTA_URL", requires_all = ["cert", "key"])]
    pub url: Option<String>,
    /// Your certificate, for --url
    #[arg(long, value_name = "FILE", env = "BAUTA_CERT")]
    pub cert: Option<PathBuf>,
    /// Its key, for --url
    #[arg(long, value_name = "FILE", env = "BAUTA_KEY")]
    pub key: Option<PathBuf>,
    /// Who signed the proxy's certificate, for --url [default: what this system trusts]
    #[arg(long, value_name = "FILE", env = "BAUTA_CA")]
    pub ca: Option<PathBuf>,
}

impl SocketArg {
    /// The client of that socket, or of the proxy elsewhere.
    ///
    /// # Errors
    /// An address or certificate that can't be used.
    pub fn client(&self) -> anyhow::Result<Client> {
        if let (Some(url), Some(cert), Some(key)) = (&self.url, &self.cert, &self.key) {
            let (url, cert, key, ca) = (url.clone(), cert.clone(), key.clone(), self.ca.clone());
            return Ok(Client::remote(&client::Remote { url, cert, key, ca })?);
        }
        Ok(match &self.socket {
            Some(path) => Client::new(path),
            None => Client::new(&client::default_socket(Path::new(""))),
        })
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    crate::telemetry::init(cli.command.log_level());
    match cli.command.run() {
        Ok(code) => code,
        // `bauta audit search | head` is no failure.
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref::<crate::config::Faults>() {
                // One line each.
                Some(faults) => {
                    faults.0.iter().for_each(|f| eprintln!("bauta: {}", output::printable(&f.to_string())))
                }
                None => eprintln!("bauta: {}", output::one_line(&error)),
            }
            ExitCode::FAILURE
        }
    }
}
