//! Arguments, logging, exit codes. All behaviour is in the library, so that
//! tests drive the same code.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    bauta::cli::main()
}
