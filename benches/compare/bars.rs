//! What bauta is held to: ratios of one run, met or missed.

use std::fmt;

use crate::contender::UNSYNCED;
use crate::report::{Report, Unit};

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

use Bound::{AtLeast, AtMost};

struct Bar {
    what: &'static str,
    unit: Unit,
    work: &'static str,
    /// None: the figure itself counts.
    base: Option<&'static str>,
    bound: Bound,
}

const fn bar(
    what: &'static str,
    unit: Unit,
    work: &'static str,
    base: Option<&'static str>,
    bound: Bound,
) -> Bar {
    Bar { what, unit, work, base, bound }
}

const PREPARED_16: &str = "pgbench -S, prepared, 16 clients";
const PREPARED_64: &str = "pgbench -S, prepared, 64 clients";
const PREPARED_256: &str = "pgbench -S, prepared, 256 clients";

const SAME_16: &str = "pgbench -S, prepared, 16 clients, 8000 a second";
const SAME_64: &str = "pgbench -S, prepared, 64 clients, 8000 a second";

const BARS: [Bar; 21] = [
    bar("CPU, prepared, 16 clients", Unit::CpuSeconds, PREPARED_16, Some("pgbouncer"), AtMost(1.5)),
    bar("CPU, prepared, 64 clients", Unit::CpuSeconds, PREPARED_64, Some("pgbouncer"), AtMost(1.5)),
    bar("the same, where we want to be", Unit::CpuSeconds, PREPARED_64, Some("pgbouncer"), AtMost(1.0)),
    bar("transactions, prepared, 64 clients", Unit::PerSecond, PREPARED_64, Some("pgbouncer"), AtLeast(1.0)),
    bar(
        "the same beside a log that is not synced",
        Unit::PerSecond,
        PREPARED_64,
        Some(UNSYNCED),
        AtLeast(0.9),
    ),
    bar("CPU, prepared, 256 clients", Unit::CpuSeconds, PREPARED_256, Some("pgbouncer"), AtMost(1.5)),
    bar("the same, 16 clients, 8000 a second", Unit::CpuSeconds, SAME_16, Some("pgbouncer"), AtMost(1.5)),
    bar("the same, 64 clients, 8000 a second", Unit::CpuSeconds, SAME_64, Some("pgbouncer"), AtMost(1.5)),
    bar(
        "99th percentile, one client",
        Unit::Percentile99,
        "pgbench -S, prepared, 1 clients",
        Some("tcp relay"),
        AtMost(1.3),
    ),
    bar(
        "rows, SELECT without masks",
        Unit::RowsPerSecond,
        "SELECT *, no masked column",
        Some("tcp relay"),
        AtLeast(0.95),
    ),
    bar(
        "rows, COPY without masks",
        Unit::RowsPerSecond,
        "COPY, no masked column",
        Some("tcp relay"),
        AtLeast(0.95),
    ),
    bar(
        "rows, SELECT of 3 masked columns",
        Unit::RowsPerSecond,
        "SELECT *, 3 masked columns",
        Some("direct"),
        AtLeast(0.6),
    ),
    bar(
        "rows, SELECT of 3 columns by redact",
        Unit::RowsPerSecond,
        "SELECT *, 3 columns by redact",
        Some("direct"),
        AtLeast(0.9),
    ),
    bar(
        "rows, SELECT of 3 columns by partial",
        Unit::RowsPerSecond,
        "SELECT *, 3 columns by partial",
        Some("direct"),
        AtLeast(0.9),
    ),
    bar(
        "rows, SELECT of 3 columns by hash",
        Unit::RowsPerSecond,
        "SELECT *, 3 columns by hash",
        Some("direct"),
        AtLeast(0.8),
    ),
    bar(
        "rows, SELECT of 3 columns by token",
        Unit::RowsPerSecond,
        "SELECT *, 3 columns by token",
        Some("direct"),
        AtLeast(0.75),
    ),
    bar(
        "rows, COPY of 3 masked columns",
        Unit::RowsPerSecond,
        "COPY, 3 masked columns",
        Some("direct"),
        AtLeast(0.6),
    ),
    bar(
        "rows, COPY BINARY of 3 masked columns",
        Unit::RowsPerSecond,
        "COPY BINARY, 3 masked columns",
        Some("direct"),
        AtLeast(0.6),
    ),
    bar(
        "new connections",
        Unit::PerSecond,
        "a new connection for each, 4 clients",
        Some("pgbouncer"),
        AtLeast(0.9),
    ),
    bar(
        "new TLS connections",
        Unit::PerSecond,
        "a new TLS connection for each, 4 clients",
        Some("pgbouncer"),
        AtLeast(0.9),
    ),
    bar("memory of an idle session, kB", Unit::KiloBytes, "1000 idle sessions, each", None, AtMost(8.0)),
];

impl Bar {
    /// None: it was not measured in this run.
    fn measured(&self, report: &Report) -> Option<f64> {
        let bauta = report.median(self.work, self.unit, "bauta")?;
        match self.base {
            Some(base) => Some(bauta / report.median(self.work, self.unit, base)?),
            None => Some(bauta),
        }
    }

    fn is_met(&self, measured: f64) -> bool {
        match self.bound {
            AtMost(bound) => measured <= bound,
            AtLeast(bound) => measured >= bound,
        }
    }
}

/// The table of the bars that were measured.
pub struct Bars<'a>(pub &'a Report);

impl fmt::Display for Bars<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | compared with | bar | measured | |\n|---|---|---|---:|---|")?;
        for bar in &BARS {
            let Some(measured) = bar.measured(self.0) else { continue };
            let bound = match bar.bound {
                AtMost(bound) => format!("at most {bound}"),
                AtLeast(bound) => format!("at least {bound}"),
            };
            let verdict = if bar.is_met(measured) { "met" } else { "**missed**" };
            let base = bar.base.unwrap_or("–");
            writeln!(f, "| {} | {base} | {bound} | {measured:.2} | {verdict} |", bar.what)?;
        }
        writeln!(f)
    }
}
