//! DDL of the transaction at hand, which no snapshot knows: how much it may have
//! changed, and which names protected data may stand behind. What is rolled back to
//! a savepoint is as if it had not been.

use std::sync::Arc;

use crate::sql::analysis::{CatalogChange, Chooses, Names};
use crate::sql::classify::{Reshaped, Unseen};

#[derive(Default)]
pub struct Uncommitted {
    /// Each change that was more than those before it, and the message since which.
    changes: Vec<(u64, CatalogChange)>,
    reshaped: Reshaped,
    /// DDL over protected data.
    hidden: Vec<Hidden>,
    /// The same, to be looked for.
    unseen: Option<Box<Unseen>>,
}

/// What DDL over protected data leaves behind.
struct Hidden {
    since: u64,
    /// The names that it changed. None: any.
    names: Option<Arc<[String]>>,
    /// What it made may be run by what does not name it.
    is_code: bool,
}

impl Uncommitted {
    pub fn change(&self) -> CatalogChange {
        self.changes.last().map_or(CatalogChange::None, |(_, change)| *change)
    }

    pub fn add(&mut self, since: u64, change: CatalogChange, names: &Names) {
        if change > self.change() {
            self.changes.push((since, change));
        }
        self.reshaped.add(since, change, names.reshaped.as_deref());
    }

    /// Can't it be told any more which relations these names mean?
    pub fn unsettles(&self, chooses: &Chooses) -> bool {
        self.reshaped.unsettles(chooses)
    }

    /// Protected data may stand behind these names.
    pub fn hide(&mut self, since: u64, names: Option<Arc<[String]>>, change: CatalogChange) {
        self.unseen.get_or_insert_default().add(names.as_deref());
        self.hidden.push(Hidden { since, names, is_code: change == CatalogChange::Code });
    }

    /// May protected data stand behind any?
    pub fn hides(&self) -> bool {
        self.unseen.is_some()
    }

    /// May code be run that reads protected data, by what names none of it?
    pub fn hides_code(&self) -> bool {
        self.hidden.iter().any(|hidden| hidden.is_code)
    }

    pub fn hides_name_in(&self, text: &[u8]) -> bool {
        self.unseen.as_ref().is_some_and(|unseen| unseen.spelled_in(text))
    }

    /// What was done behind the message that made a savepoint is undone.
    pub fn forget_since(&mut self, savepoint: u64) {
        self.changes.retain(|(since, _)| *since <= savepoint);
        self.reshaped.forget_since(savepoint);
        let known = self.hidden.len();
        self.hidden.retain(|hidden| hidden.since <= savepoint);
        if self.hidden.len() == known {
            return;
        }
        self.unseen = None;
        for Hidden { names, .. } in &self.hidden {
            self.unseen.get_or_insert_default().add(names.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::analysis::AmbiguousName;

    #[test]
    fn what_is_rolled_back_changes_nothing() {
        let names = |name: &str| Some(Arc::from([name.to_owned()]));
        let mut ddl = Uncommitted::default();
        let made = |name: &str| Names { reshaped: names(name), ..Names::default() };
        let chooses = |name: &str| Chooses {
            names: vec![AmbiguousName { name: name.to_owned(), relations: Vec::new() }],
            ..Chooses::default()
        };
        ddl.add(1, CatalogChange::Relations, &made("first"));
        ddl.hide(1, names("first"), CatalogChange::Relations);
        ddl.add(5, CatalogChange::Code, &made("first"));
        ddl.add(6, CatalogChange::Relations, &made("second"));
        ddl.hide(6, names("second"), CatalogChange::Code);
        assert!(
            ddl.change() == CatalogChange::Code
                && ddl.hides_code()
                && ddl.hides_name_in(b"SELECT * FROM second")
        );
        assert!(ddl.unsettles(&chooses("first")) && ddl.unsettles(&chooses("second")));
        assert!(!ddl.unsettles(&chooses("third")) && !ddl.unsettles(&Chooses::default()));
        assert!(ddl.unsettles(&Chooses { counts_others: true, ..chooses("third") }));
        ddl.forget_since(3);
        assert!(ddl.unsettles(&chooses("first")) && !ddl.unsettles(&chooses("second")));
        assert!(ddl.change() == CatalogChange::Relations && ddl.hides() && !ddl.hides_code());
        assert!(ddl.hides_name_in(b"SELECT * FROM first") && !ddl.hides_name_in(b"SELECT * FROM second"));
        ddl.forget_since(0);
        assert!(!ddl.unsettles(&Chooses { counts_others: true, ..chooses("first") }));
        assert!(ddl.change() == CatalogChange::None && !ddl.hides());
    }
}
