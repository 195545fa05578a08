//! What bauta would do with a statement for one person at one moment, in
//! words: `bauta explain` and `POST /v1/explain`.

use serde::{Deserialize, Serialize};

use super::decide::{ColumnDecision, Decision, OutputAction, Verdict, What, decide_with};
use super::tokens::Tokens;
use super::{Access, Basis, Permits, ProtectedColumn};
use crate::clock::Now;
use crate::error::ClientError;
use crate::sql::analysis::{Flow, Statement};
use crate::sql::splice;

/// One statement's fate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Explanation {
    /// The statement as the client wrote it.
    pub sql: String,
    /// `passes` (names nothing protected), `runs` or `refused`.
    pub verdict: String,
    /// The text that goes upstream, where it differs.
    pub sent: Option<String>,
    pub outputs: Vec<OutputColumn>,
    pub uses: Vec<UseLine>,
    /// Each protected column in it, and what protects it.
    #[serde(default)]
    pub rules: Vec<RuleLine>,
    /// The NOTICEs that the client gets.
    pub notices: Vec<String>,
    pub error: Option<Refusal>,
    /// `mode = "observe"`: it runs as it came, and nothing of this happens.
    #[serde(default)]
    pub observed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutputColumn {
    pub name: String,
    /// Protected columns behind it.
    pub sources: Vec<String>,
    /// `shown`, `masked (email)`, `redacted`, `revealed (grant 3)`.
    pub action: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UseLine {
    pub column: String,
    #[serde(rename = "use")]
    pub use_: String,
    pub decision: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleLine {
    pub column: String,
    pub method: String,
    /// The rule's place, `proxy.toml:41`, or what made the column protected,
    /// with the place of the rule behind that.
    pub rule: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refusal {
    pub sqlstate: String,
    pub message: String,
    pub hint: Option<String>,
    pub position: Option<u32>,
}

/// Explains each statement of `text`; `statements` are its analysis. `refused`: why a
/// session would not send it all the same, tokens led back or not.
pub fn explain(
    text: &str,
    statements: &[Statement],
    permits: &dyn Permits,
    exempt: bool,
    now: Now,
    tokens: &dyn Tokens,
    refused: impl Fn(&Statement, bool) -> Option<ClientError>,
) -> Vec<Explanation> {
    let decided = |statement| match decide_with(statement, permits, exempt, now, tokens) {
        Decision::Run(verdict) => match refused(statement, verdict.tokens.has_originals()) {
            Some(error) => Decision::Refuse { error, columns: verdict.columns, lacking: Vec::new() },
            None => Decision::Run(verdict),
        },
        refused => refused,
    };
    statements.iter().map(|statement| explain_one(text, statement, decided(statement))).collect()
}

/// A text that the prefilter lets pass unread.
pub fn passes(text: &str) -> Explanation {
    Explanation {
        sql: text.to_owned(),
        verdict: "passes".to_owned(),
        sent: None,
        outputs: Vec::new(),
        uses: Vec::new(),
        rules: Vec::new(),
        notices: Vec::new(),
        error: None,
        observed: false,
    }
}

fn explain_one(text: &str, statement: &Statement, decision: Decision) -> Explanation {
    let sql = text.get(statement.span.clone()).unwrap_or(text);
    match decision {
        Decision::Refuse { error, columns, .. } => Explanation {
            verdict: "refused".to_owned(),
            uses: use_lines(&columns),
            rules: rule_lines(statement),
            error: Some(Refusal::from(error)),
            ..passes(sql)
        },
        Decision::Run(verdict) if !statement.touches_protected => {
            let (outputs, rules) = (output_columns(statement, &verdict), rule_lines(statement));
            Explanation { outputs, rules, ..passes(sql) }
        }
        Decision::Run(verdict) => Explanation {
            verdict: "runs".to_owned(),
            sent: (!verdict.edits.is_empty()).then(|| {
                String::from_utf8_lossy(&splice::apply(text.as_bytes(), &verdict.edits)).into_owned()
            }),
            outputs: output_columns(statement, &verdict),
            uses: use_lines(&verdict.columns),
            rules: rule_lines(statement),
            notices: verdict.notices.into_iter().map(|notice| notice.message).collect(),
            ..passes(sql)
        },
    }
}

fn output_columns(statement: &Statement, verdict: &Verdict) -> Vec<OutputColumn> {
    let outputs = statement.outputs.as_deref().unwrap_or_default();
    outputs
        .iter()
        .zip(&verdict.outputs)
        .map(|(output, action)| OutputColumn {
            name: output.name.clone(),
            sources: sources(&output.flow).iter().map(|column| column.label().into_owned()).collect(),
            action: match action {
                OutputAction::Pass => "shown".to_owned(),
                OutputAction::Reveal { columns } => revealed(columns, verdict),
                OutputAction::Mask { column, .. } => format!("masked ({})", column.method.name()),
                OutputAction::Redact { .. } => "redacted".to_owned(),
            },
        })
        .collect()
}

/// The columns that it shows or uses, each once, in the order of their names.
fn rule_lines(statement: &Statement) -> Vec<RuleLine> {
    let shown = statement.outputs.iter().flatten().flat_map(|output| sources(&output.flow));
    let used = statement.uses.iter().flat_map(|use_| &use_.columns);
    let mut lines: Vec<RuleLine> = shown
        .chain(used)
        .map(|column| RuleLine {
            column: column.label().into_owned(),
            method: column.method.name().to_owned(),
            rule: column.because.to_string(),
        })
        .collect();
    lines.sort_by(|a, b| a.column.cmp(&b.column));
    lines.dedup_by(|a, b| a.column == b.column);
    lines
}

fn sources(flow: &Flow) -> &[std::sync::Arc<ProtectedColumn>] {
    match flow {
        Flow::Clean => &[],
        Flow::Plain { columns, .. }
        | Flow::Derived { columns, .. }
        | Flow::Mixed { columns }
        | Flow::Computed { columns } => columns,
    }
}

fn revealed(columns: &[std::sync::Arc<ProtectedColumn>], verdict: &Verdict) -> String {
    let basis = verdict.columns.iter().find_map(|decision| match &decision.what {
        What::Revealed(Access::Revealed { basis, .. }) if columns.contains(&decision.column) => Some(basis),
        _ => None,
    });
    match basis {
        Some(basis) => format!("revealed ({})", basis_words(basis)),
        None => "revealed".to_owned(),
    }
}

fn basis_words(basis: &Basis) -> String {
    match basis {
        Basis::Grant(id) => format!("grant {id}"),
        Basis::Role(name) => format!("role {name}"),
    }
}

fn use_lines(columns: &[ColumnDecision]) -> Vec<UseLine> {
    columns
        .iter()
        .map(|decision| UseLine {
            column: decision.column.label().into_owned(),
            use_: decision.use_.to_owned(),
            decision: match &decision.what {
                What::Masked(method) => format!("masked ({method})"),
                What::Revealed(Access::Revealed { basis, .. }) => {
                    format!("revealed ({})", basis_words(basis))
                }
                What::Revealed(Access::Masked) => "masked".to_owned(),
                What::LeftOut => "left out: the primary key tells the rows apart".to_owned(),
                What::Neutralised => "neutralised".to_owned(),
                What::Refused => "refused".to_owned(),
                What::Disclosed => "allowed by the mask".to_owned(),
            },
        })
        .collect()
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        Self {
            sqlstate: error.code.into_owned(),
            message: error.message,
            hint: error.hint,
            position: error.position,
        }
    }
}
