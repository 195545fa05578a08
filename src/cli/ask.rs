//! What `grant` and `request` have in common: which columns, how long, why.

use std::time::Duration;

use crate::control::api::AskBody;
use crate::grants::duration;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct AskArgs {
    /// A protected column; * for any part. May be repeated
    #[arg(long = "column", value_name = "SCHEMA.TABLE.COLUMN", required_unless_present_any = ["tables", "tags"])]
    columns: Vec<String>,
    /// All protected columns of a table. May be repeated
    #[arg(long = "table", value_name = "SCHEMA.TABLE")]
    tables: Vec<String>,
    /// All columns with this tag. May be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// How long: 90s, 15m, 2h, 1d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Duration,
    /// Why; it stands in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The ticket that it belongs to
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// End with the first statement that used it
    #[arg(long)]
    once: bool,
    /// Also allow to copy revealed values into tables
    #[arg(long)]
    export: bool,
    /// Reveal at most so many rows in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_rows: Option<u64>,
}

impl AskArgs {
    pub fn body(self, user: Option<String>, session: Option<i64>) -> AskBody {
        AskBody {
            user,
            session,
            columns: self.columns,
            tables: self.tables,
            tags: self.tags,
            duration: duration::show(self.duration),
            reason: self.reason,
            ticket: self.ticket,
            once: self.once,
            export: self.export,
            max_rows: self.max_rows,
            break_glass: false,
        }
    }
}

/// How lists show columns: the first few, and how many more.
pub fn columns(columns: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = columns.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if columns.len() > SHOWN {
        text.push_str(&format!(" and {} more", columns.len() - SHOWN));
    }
    text
}
