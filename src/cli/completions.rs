//! `bauta completions SHELL`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
For example:
  bauta completions bash > /etc/bash_completion.d/bauta
  bauta completions zsh > \"${fpath[1]}/_bauta\"
  bauta completions fish > ~/.config/fish/completions/bauta.fish")]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Into memory first: the generator panics when stdout is a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "bauta", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
