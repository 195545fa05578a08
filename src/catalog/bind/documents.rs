//! Rules with a `path`: all that mean one column make one mask of its
//! documents. Invariant: of two paths where one leads through the other, the
//! shorter one holds, which hides more.

use std::sync::Arc;

use super::*;
use crate::mask::{DocumentPath, DocumentRule};
use crate::policy::{Inside, ProtectedPath};

/// What one rule says of a path.
#[derive(Clone, PartialEq)]
pub(super) struct PathReason {
    path: DocumentPath,
    method: MethodSpec,
    domain: Arc<str>,
    discloses: Disclosure,
    writable: bool,
    place: Arc<str>,
    inside: Inside,
}

impl<'a> Binder<'a> {
    /// The reason of a column whose strongest rule, `chosen`, has a path: every
    /// other rule with a path counts too. None: it has none.
    pub(super) fn document_reason(
        &self,
        chosen: Pattern<'a>,
        column: &Column,
        matching: &[Pattern<'a>],
        origin: &Names,
    ) -> Option<Reason> {
        chosen.rule.path.as_ref()?;
        let name = origin.join(".");
        let mut patterns: Vec<Pattern<'_>> =
            matching.iter().copied().filter(|pattern| pattern.rule.path.is_some()).collect();
        patterns.sort_by_key(|pattern| (pattern.columns.wildcards(), pattern.index));
        let ty = ValueType::resolve(self.snapshot, column.type_oid, column.type_modifier);
        let inside = if ty.fields.is_some() { Inside::Composite } else { Inside::Document };
        let paths = patterns.iter().filter_map(|pattern| of_rule(pattern.rule, &name, inside)).collect();
        // A grant by tag shows the whole document: each path must have the tag.
        let tagged = |tag: &&String| patterns.iter().all(|pattern| pattern.rule.tags.contains(tag));
        let tags = chosen.rule.tags.iter().filter(tagged).map(|tag| tag.as_str().into()).collect();
        let because: Arc<str> = chosen.rule.place.as_str().into();
        let reason = Reason {
            method: MethodSpec::of(Method::Document),
            domain: name.as_str().into(),
            tags,
            discloses: Disclosure::Nullness,
            writable: false,
            because: Arc::clone(&because),
            place: because.clone(),
            follows: Some(origin.clone()),
            computed: false,
            named_by: Some(because),
            paths: Vec::new(),
        };
        Some(reason.with_paths(paths))
    }

    /// The first path whose domain has another method or type somewhere.
    pub(super) fn path_conflict(&mut self, reason: &Reason, value: &ValueType) -> Option<String> {
        let paths = reason.paths.iter().filter(|known| known.method.method().takes_domain());
        paths.into_iter().find_map(|known| {
            let family = match known.inside {
                Inside::Document => "text".to_owned(),
                Inside::Composite => type_family(field_at(value, &known.path)?),
            };
            let now = (known.method.name(), family);
            let conflict = self.conflict_in(&known.domain, now)?;
            Some(format!("path {}: {conflict}", known.path))
        })
    }
}

/// The type of the field that a path leads to.
fn field_at<'t>(value: &'t ValueType, path: &DocumentPath) -> Option<&'t ValueType> {
    path.keys.iter().try_fold(value, |ty, key| {
        ty.fields.as_deref()?.iter().find(|field| field.name == *key).map(|field| &field.ty)
    })
}

fn of_rule(rule: &ProtectRule, origin: &str, inside: Inside) -> Option<PathReason> {
    let path = rule.path.clone()?;
    let domain = match &rule.domain {
        Some(domain) => domain.as_str().into(),
        None => format!("{origin} {path}").into(),
    };
    Some(PathReason {
        path,
        method: rule.method.clone(),
        domain,
        discloses: discloses(rule),
        writable: rule.allow.contains(&Allow::Write),
        place: rule.place.as_str().into(),
        inside,
    })
}

impl Reason {
    /// The same column, masked at these paths; the first of two equal ones holds.
    fn with_paths(self, all: Vec<PathReason>) -> Self {
        let mut paths: Vec<PathReason> = Vec::with_capacity(all.len());
        for path in all {
            if paths.iter().any(|known| known.path.overlaps(&path.path) && known.hides(&path)) {
                continue;
            }
            paths.retain(|known| !known.path.overlaps(&path.path));
            paths.push(path);
        }
        paths.sort_by(|a, b| a.path.cmp(&b.path));
        let rule = |known: &PathReason| DocumentRule {
            path: known.path.clone(),
            method: known.method.clone(),
            domain: Arc::clone(&known.domain),
        };
        Self {
            method: MethodSpec::Document(paths.iter().map(rule).collect()),
            writable: paths.iter().all(|known| known.writable),
            paths,
            ..self
        }
    }

    /// What must be said of a column that shows what this one and `other` say
    /// of their own. None: this one says it already.
    pub(super) fn covering(&self, other: &Self) -> Option<Self> {
        if !self.paths.is_empty() && !other.paths.is_empty() {
            let own = self.paths.iter().map(|known| known.strict_with(&other.paths));
            let united = self.clone().with_paths(own.chain(other.paths.iter().cloned()).collect());
            return (united.paths != self.paths).then_some(united);
        }
        (!self.hides_all_of(other)).then(|| self.redacted_with(other))
    }

    /// Does this one tell no more of a value than `other` does?
    fn hides_all_of(&self, other: &Self) -> bool {
        self.paths.is_empty() && self.said().hides_all_of(&other.said())
    }

    fn said(&self) -> Said<'_> {
        Said {
            method: &self.method,
            domain: &self.domain,
            place: &self.place,
            discloses: self.discloses,
            writable: self.writable,
        }
    }

    /// No method of one fits the values of the other. A grant by tag shows both.
    fn redacted_with(&self, other: &Self) -> Self {
        Self {
            method: MethodSpec::of(Method::Redact),
            tags: self.tags.iter().filter(|tag| other.tags.contains(tag)).cloned().collect(),
            discloses: Disclosure::Nullness,
            writable: false,
            named_by: self.named_by.clone(),
            paths: Vec::new(),
            ..other.clone()
        }
    }

    pub(super) fn protected_paths(&self, column: &ProtectedColumn) -> Arc<[ProtectedPath]> {
        self.paths.iter().map(|known| known.protected(column)).collect()
    }
}

/// What a rule says of a value, that of a column or of a path.
struct Said<'r> {
    method: &'r MethodSpec,
    domain: &'r str,
    place: &'r str,
    discloses: Disclosure,
    writable: bool,
}

impl Said<'_> {
    /// Does this tell no more of a value than `other` does?
    fn hides_all_of(&self, other: &Self) -> bool {
        let method = self.method.method();
        // One rule for several tables gives each a domain, and means them all.
        let same_domain = !method.takes_domain() || self.domain == other.domain || self.place == other.place;
        let same = self.method == other.method && same_domain;
        (same || matches!(method, Method::Redact | Method::Null))
            && self.discloses <= other.discloses
            && (other.writable || !self.writable)
    }
}

impl PathReason {
    /// Does nothing of `other`, with which it overlaps, show past it?
    fn hides(&self, other: &Self) -> bool {
        let (own, others) = (self.path.keys.len(), other.path.keys.len());
        own < others || (own == others && (!self.path.each || other.path.each))
    }

    /// The same, or redacted where it would tell more of a value than one of
    /// these does.
    fn strict_with(&self, others: &[Self]) -> Self {
        let mut met = others.iter().filter(|other| self.path.overlaps(&other.path));
        match met.all(|other| self.said().hides_all_of(&other.said())) {
            true => self.clone(),
            false => Self {
                method: MethodSpec::of(Method::Redact),
                discloses: Disclosure::Nullness,
                writable: false,
                ..self.clone()
            },
        }
    }

    fn said(&self) -> Said<'_> {
        Said {
            method: &self.method,
            domain: &self.domain,
            place: &self.place,
            discloses: self.discloses,
            writable: self.writable,
        }
    }

    fn protected(&self, column: &ProtectedColumn) -> ProtectedPath {
        let value = ProtectedColumn {
            method: self.method.clone(),
            domain: Arc::clone(&self.domain),
            discloses: Disclosures(self.discloses),
            writable: self.writable,
            because: Arc::clone(&self.place),
            ..column.clone()
        };
        ProtectedPath::new(self.path.clone(), value, self.inside)
    }
}
