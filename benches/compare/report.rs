//! Medians and ratios, as Markdown.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    PerSecond,
    RowsPerSecond,
    /// Of the proxy, for 100,000 transactions.
    CpuSeconds,
    /// The middle one.
    Median,
    /// 99 of 100 are faster.
    Percentile99,
    /// Of the proxy, for one statement.
    SystemCalls,
    KiloBytes,
}

impl Unit {
    fn title(self) -> &'static str {
        match self {
            Self::PerSecond => "Transactions a second",
            Self::RowsPerSecond => "Rows a second",
            Self::CpuSeconds => "The proxy's CPU seconds for 100,000 transactions",
            Self::Median => "Milliseconds for a transaction, median",
            Self::Percentile99 => "Milliseconds for a transaction, 99th percentile",
            Self::SystemCalls => "The proxy's system calls for a statement",
            Self::KiloBytes => "The proxy's resident memory, kB",
        }
    }
}

struct Sample {
    work: String,
    unit: Unit,
    contender: &'static str,
    value: f64,
}

/// Collects samples; printed, one table a unit.
pub struct Report {
    contenders: Vec<&'static str>,
    samples: Vec<Sample>,
}

impl Report {
    pub fn new(contenders: Vec<&'static str>) -> Self {
        Self { contenders, samples: Vec::new() }
    }

    pub fn add(&mut self, work: &str, unit: Unit, contender: &'static str, value: f64) {
        self.samples.push(Sample { work: work.to_owned(), unit, contender, value });
    }

    pub fn median(&self, work: &str, unit: Unit, contender: &str) -> Option<f64> {
        let wanted = |s: &&Sample| s.work == work && s.unit == unit && s.contender == contender;
        let mut values: Vec<f64> = self.samples.iter().filter(wanted).map(|s| s.value).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values.get(values.len().saturating_sub(1) / 2)?, values.get(values.len() / 2)?);
        Some((low + high) / 2.0)
    }

    fn table(&self, unit: Unit, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut works: Vec<&str> = Vec::new();
        for sample in self.samples.iter().filter(|s| s.unit == unit) {
            if !works.contains(&sample.work.as_str()) {
                works.push(&sample.work);
            }
        }
        let shown: Vec<&str> = self
            .contenders
            .iter()
            .copied()
            .filter(|c| works.iter().any(|work| self.median(work, unit, c).is_some()))
            .collect();
        let bases: Vec<&str> =
            ["direct", "tcp relay", "pgbouncer"].into_iter().filter(|base| shown.contains(base)).collect();
        writeln!(f, "### {}\n", unit.title())?;
        let ratios = bases.iter().map(|base| format!(" bauta / {base} |")).collect::<String>();
        writeln!(f, "| | {} |{ratios}", shown.join(" | "))?;
        writeln!(f, "|---|{}", "---:|".repeat(shown.len() + bases.len()))?;
        for work in works {
            write!(f, "| {work} |")?;
            for contender in &shown {
                write!(f, " {} |", self.median(work, unit, contender).map_or("–".into(), number))?;
            }
            for base in &bases {
                let of = |contender| self.median(work, unit, contender);
                let ratio = of("bauta").zip(of(base)).map(|(bauta, base)| format!("{:.2}", bauta / base));
                write!(f, " {} |", ratio.unwrap_or("–".into()))?;
            }
            writeln!(f)?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            Unit::PerSecond,
            Unit::CpuSeconds,
            Unit::Median,
            Unit::Percentile99,
            Unit::SystemCalls,
            Unit::RowsPerSecond,
            Unit::KiloBytes,
        ];
        for unit in units.into_iter().filter(|unit| self.samples.iter().any(|s| s.unit == *unit)) {
            self.table(unit, f)?;
        }
        Ok(())
    }
}

/// Three digits that mean something.
fn number(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
