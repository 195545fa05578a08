//! What a statement may leave to be done by the end of its transaction.

use super::{Classifier, name_of};
use crate::catalog::Oid;
use crate::catalog::code::{self, Sought};
use crate::catalog::functions;
use crate::catalog::snapshot::{Named, Relation, RelationKind};

impl Classifier<'_> {
    /// May code that it runs where it reads change something: a function that it
    /// calls, or one of a policy or view, an operator, a cast, a type? What that
    /// wrote may speak later.
    pub(super) fn may_change_by_code(&self) -> bool {
        self.escapes || self.may_change(self.spelled_code())
    }

    fn may_change(&self, work: Vec<Named>) -> bool {
        // Another server runs what nobody knows here.
        let relation = |relation: &Relation| relation.kind == RelationKind::ForeignTable;
        let sought = Sought { function: &functions::may_change, relation: &relation };
        code::runs(&self.guard.snapshot, work, &sought)
    }

    /// What users made of all that it may name, and of what it need not name to run it.
    fn spelled_code(&self) -> Vec<Named> {
        let snapshot = &self.guard.snapshot;
        let operated = snapshot.operators.iter().flat_map(|operator| &operator.functions);
        let cast = snapshot.casts.iter().filter_map(|cast| cast.function.as_ref());
        let unnamed = operated.chain(cast).chain(snapshot.support_functions.keys());
        let is_users = |oid: &Oid| !oid.is_builtin();
        let mut work: Vec<Named> = unnamed.copied().filter(is_users).map(Named::Function).collect();
        for name in self.tokens.within(&self.span).filter_map(|(at, _)| self.text.get(at)).map(name_of) {
            let called = snapshot.functions_named(&name).map(|function| function.oid).filter(is_users);
            work.extend(called.map(Named::Function));
            work.extend(snapshot.types_named(&name).map(|info| Named::Type(info.oid)));
            work.extend(snapshot.relations_named(&name).map(|relation| Named::Relation(relation.oid)));
        }
        work
    }
}
