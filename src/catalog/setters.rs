//! Functions that users made and that may set what texts and values are read by
//! (`client_encoding` and its like), since they hand a name on to `set_config`: to
//! call one may do so, whatever the caller spells.

use std::collections::HashSet;

use aho_corasick::AhoCorasick;

use super::Oid;
use super::snapshot::{Relation, Snapshot};
use crate::sql::classify::body_recodes;
use crate::sql::prefilter::BuildError;

/// Their names, and those of relations and domains that run them.
#[derive(Debug, Default)]
pub struct Setters(Option<AhoCorasick>);

impl Setters {
    pub(super) fn of(snapshot: &Snapshot) -> Result<Self, BuildError> {
        let functions = || snapshot.functions.values().filter(|function| !function.oid.is_builtin());
        let mut setting: HashSet<Oid> = functions()
            .filter(|function| body_recodes(&function.body))
            .map(|function| function.oid)
            .collect();
        let mut known = Self::default();
        let mut count = 0;
        // What calls them does it too, and what is written where they are triggers.
        while count < setting.len() {
            count = setting.len();
            let names = functions().filter(|it| setting.contains(&it.oid)).map(|it| &*it.name);
            let relations = snapshot.relations.values().filter(|it| runs(it, &setting)).map(|it| &*it.name);
            let checks = snapshot.domain_functions.iter();
            let checks = checks.filter(|(_, run)| run.iter().any(|function| setting.contains(function)));
            let domains = checks.filter_map(|(domain, _)| Some(&*snapshot.types.get(domain)?.name));
            known = Self::named(&names.chain(relations).chain(domains).collect::<Vec<_>>())?;
            setting.extend(functions().filter(|it| known.are_in(&*it.body)).map(|it| it.oid));
        }
        Ok(known)
    }

    fn named(names: &[&str]) -> Result<Self, BuildError> {
        let find = || AhoCorasick::builder().ascii_case_insensitive(true).build(names);
        Ok(Self((!names.is_empty()).then(find).transpose()?))
    }

    /// Is one of them a word of the text?
    pub fn are_in(&self, text: impl AsRef<[u8]>) -> bool {
        let text = text.as_ref();
        let continues = |at: Option<usize>| {
            let byte = at.and_then(|at| text.get(at));
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80)
        };
        self.0.as_ref().is_some_and(|names| {
            let mut found = names.find_overlapping_iter(text);
            found.any(|it| !continues(it.start().checked_sub(1)) && !continues(Some(it.end())))
        })
    }
}

fn runs(relation: &Relation, functions: &HashSet<Oid>) -> bool {
    let run = [&relation.trigger_functions, &relation.depends_on_functions, &relation.definition_functions];
    run.into_iter().flatten().any(|function| functions.contains(function))
}
