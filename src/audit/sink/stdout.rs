//! Records on the proxy's standard output, one a line, as they stand in the log.

use std::io::Write as _;

use super::follow::Shipment;
use super::{Failure, Outlet};

pub(super) struct Stdout;

impl Outlet for Stdout {
    fn send(&mut self, records: &[Shipment]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let mut write = || {
            for record in records {
                out.write_all(record.line.as_bytes())?;
                out.write_all(b"\n")?;
            }
            out.flush()
        };
        write().map_err(|fault| Failure::of("writing to standard output", &fault))
    }
}
