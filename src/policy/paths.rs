//! Paths into documents and composite values: what a statement reaches that goes
//! some steps into a column with protected paths.
//!
//! Invariant: a step that could lead two ways leads into what is protected.
//! What lies inside of a protected place is not told apart from the whole: the
//! mask hides whether it is there.

use std::sync::Arc;

use super::{Disclosure, Disclosures, ProtectedColumn};
use crate::mask::{DocumentPath, DocumentRule, Method, MethodSpec};

/// A protected path of a column's documents.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtectedPath {
    pub path: DocumentPath,
    /// What stands there: in a document, as the text that `->>` makes of it.
    pub column: Arc<ProtectedColumn>,
    pub inside: Inside,
}

/// What a column with protected paths holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// json or jsonb.
    Document,
    /// Values of a composite type, whose fields have types of their own.
    Composite,
}

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Member(String),
    Element,
    /// Of jsonb, where a value that is no array and no object has itself for an
    /// element (`jsonb_array_element`).
    ElementOrSelf,
    /// Of a path such as `{items,0}`: an array has an element there, an object a member.
    Either(String),
}

/// How what was reached is put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Text,
    /// A field of a composite value, of its own type.
    Field,
}

/// What some steps lead to.
#[derive(Debug, Clone, PartialEq)]
pub enum Reached {
    /// Nothing protected, whatever the documents hold.
    Free,
    /// A protected value, or what holds some.
    Protected(Arc<ProtectedColumn>),
    /// What no mask stands for.
    Unclear,
}

impl Step {
    /// An element of a `text[]` path. `jsonb_get_element` (`jsonfuncs.c`) reads
    /// what `strtoint` takes as the number of an element.
    pub fn of_text(text: &str) -> Self {
        let number = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
        match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Self::Either(text.to_owned()),
            false => Self::Member(text.to_owned()),
        }
    }
}

/// Goes `steps` into the documents of `column`.
pub fn follow(column: &ProtectedColumn, steps: &[Step], form: Form) -> Reached {
    let mut paths: Vec<ProtectedPath> = column.paths.to_vec();
    if paths.is_empty() {
        return Reached::Unclear;
    }
    let mut name = column.path.as_deref().unwrap_or("$").to_owned();
    for step in steps {
        // A protected value has no parts that could be told.
        if paths.iter().any(|known| known.path.is_whole()) {
            return Reached::Unclear;
        }
        let is_array = paths.iter().any(|known| known.path.keys.is_empty());
        let behind = |key: &str| -> Vec<ProtectedPath> {
            paths.iter().filter_map(|known| known.at(known.path.behind(key)?)).collect()
        };
        let in_element = || -> Vec<ProtectedPath> {
            paths.iter().filter_map(|known| known.at(known.path.in_element()?)).collect()
        };
        paths = match step {
            Step::Member(key) if !is_array => {
                name.push_str(&member(key));
                behind(key)
            }
            // Whether it is NULL tells one kind of protected value from another.
            Step::ElementOrSelf if is_array => return Reached::Unclear,
            Step::Element | Step::ElementOrSelf => in_element(),
            Step::Either(key) if !is_array && behind(key).is_empty() => in_element(),
            Step::Member(_) | Step::Either(_) => return Reached::Unclear,
        };
    }
    reached(column, paths, name, form)
}

fn reached(column: &ProtectedColumn, paths: Vec<ProtectedPath>, name: String, form: Form) -> Reached {
    let whole = paths.iter().find(|known| known.path.is_whole());
    match (whole, form) {
        _ if paths.is_empty() => Reached::Free,
        (Some(value), Form::Text | Form::Field) => Reached::Protected(Arc::clone(&value.column)),
        (Some(value), Form::Json) => Reached::Protected(Arc::new(as_json(&value.column))),
        // Its text is no document that a mask could read.
        (None, Form::Text) => Reached::Unclear,
        (None, Form::Json | Form::Field) => {
            let method = MethodSpec::Document(paths.iter().map(ProtectedPath::rule).collect());
            let domain = format!("{}{name}", column.domain).into();
            Reached::Protected(Arc::new(ProtectedColumn {
                method,
                domain,
                path: Some(name.into()),
                paths: paths.into(),
                ..column.clone()
            }))
        }
    }
}

/// A protected value as JSON: two that JSON takes for equal, 1 and 1.0, have
/// different masks, so equality tells more than the mask.
fn as_json(value: &Arc<ProtectedColumn>) -> ProtectedColumn {
    let whole =
        ProtectedPath { path: DocumentPath::whole(), column: Arc::clone(value), inside: Inside::Document };
    let Disclosures(level) = value.discloses;
    let level = if level >= Disclosure::Search { level } else { Disclosure::Nullness };
    ProtectedColumn {
        method: MethodSpec::Document([whole.rule()].into()),
        discloses: Disclosures(level),
        paths: [whole].into(),
        ..ProtectedColumn::clone(value)
    }
}

fn member(key: &str) -> String {
    let path = DocumentPath { keys: vec![key.into()], each: false }.to_string();
    path.strip_prefix('$').unwrap_or_default().to_owned()
}

impl ProtectedPath {
    /// `value`: the column, with what the rule of this path says.
    pub fn new(path: DocumentPath, value: ProtectedColumn, inside: Inside) -> Self {
        let method = match value.method.method() {
            _ if inside == Inside::Composite => value.method.clone(),
            // These look at what kind of value the text was.
            Method::Partial | Method::Email | Method::Generalize | Method::Noise => {
                let domain = Arc::clone(&value.domain);
                let whole =
                    DocumentRule { path: DocumentPath::whole(), method: value.method.clone(), domain };
                MethodSpec::Document([whole].into())
            }
            Method::Redact
            | Method::Null
            | Method::Show
            | Method::Hash
            | Method::Token
            | Method::Fpe
            | Method::Fake
            | Method::Document => value.method.clone(),
        };
        let name = path.to_string().into();
        let column = ProtectedColumn { method, path: Some(name), paths: [].into(), ..value };
        Self { path, column: Arc::new(column), inside }
    }

    fn at(&self, path: DocumentPath) -> Option<Self> {
        Some(Self { path, ..self.clone() })
    }

    /// The rule that masks what stands there.
    pub fn rule(&self) -> DocumentRule {
        let column = &self.column;
        // The text's own form of the method: see `new`.
        let method = match &column.method {
            MethodSpec::Document(rules) => rules.first().map_or(MethodSpec::Null, |rule| rule.method.clone()),
            method => method.clone(),
        };
        DocumentRule { path: self.path.clone(), method, domain: Arc::clone(&column.domain) }
    }
}
