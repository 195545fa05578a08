//! What a DBA should know about a database whose policy is sound: where
//! protected values are stored again, what they can be chosen by, and what
//! tells of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ColumnId;
use super::finding::{Finding, Severity};
use super::functions;
use super::guard::Guard;
use super::keeper::on_large_stack;
use super::load::ConditionalRule;
use super::snapshot::{Constraint, ConstraintKind, Function, Relation, RelationKind};
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::{Use, UseKind};
use crate::sql::{lineage, parse};

/// Nesting of a view's definition that is still followed.
const VIEW_DEPTH: usize = 1_000;
/// Names that one finding lists.
const LISTED: usize = 8;

/// All advice about one database.
pub(super) async fn advise(guard: Arc<Guard>, rules: Vec<ConditionalRule>) -> Vec<Finding> {
    on_large_stack(move || {
        let mut advice = Advice { guard: &guard, findings: Vec::new() };
        advice.derived_columns();
        let mut relations: Vec<&Relation> = guard.snapshot.relations.values().collect();
        relations.sort_by_key(|relation| relation.oid);
        for relation in relations {
            advice.foreign_keys(relation);
            advice.foreign_table(relation);
            advice.shared_constraints(relation);
            advice.asked_again(relation);
            advice.notifying_triggers(relation);
            advice.asking_code(relation);
            advice.view_predicates(relation);
        }
        rules.iter().for_each(|rule| advice.rule_condition(rule));
        advice.opaque_functions();
        advice.findings
    })
    .await
    .unwrap_or_default()
}

struct Advice<'a> {
    guard: &'a Guard,
    findings: Vec<Finding>,
}

impl<'a> Advice<'a> {
    fn add(&mut self, severity: Severity, message: String, mend: &str) {
        let finding = Finding::new(severity, &self.guard.snapshot.database, message);
        self.findings.push(if mend.is_empty() { finding } else { finding.mend(mend) });
    }

    /// Protected although no rule names them.
    fn derived_columns(&mut self) {
        let mut derived: Vec<String> = self
            .guard
            .protected
            .values()
            .filter(|c| c.because.contains(' '))
            .map(|c| format!("{} is protected with \"{}\": {}", c.name, c.method.name(), c.because))
            .collect();
        derived.sort();
        for message in derived {
            self.add(Severity::Note, message, "");
        }
    }

    fn is_protected(&self, relation: &Relation, attribute: i16) -> bool {
        self.guard.protected.contains_key(&ColumnId { relation: relation.oid, attribute })
    }

    fn name(relation: &Relation, attribute: i16) -> String {
        let column = relation.attribute(attribute).map_or("?", |column| &column.name);
        format!("{}.{}.{column}", relation.schema, relation.name)
    }

    /// It may lead back to this very server, where nobody sees which table it shows.
    fn foreign_table(&mut self, relation: &Relation) {
        let has_protected = relation.columns.iter().any(|c| self.is_protected(relation, c.attribute));
        if relation.kind != RelationKind::ForeignTable || has_protected {
            return;
        }
        let message =
            format!("foreign table {} is not protected, whatever table it leads to", relation.qualified());
        self.add(Severity::Warning, message, "if its server is this one, protect its columns like those");
    }

    /// Both ends of a foreign key hold the same values.
    fn foreign_keys(&mut self, relation: &Relation) {
        for constraint in &relation.constraints {
            let Some((target, keys)) = &constraint.references else { continue };
            let Some(target) = self.guard.snapshot.relations.get(target) else { continue };
            for (held, key) in constraint.columns.iter().zip(keys) {
                let (here, there) = (self.is_protected(relation, *held), self.is_protected(target, *key));
                let (from, to) = (Self::name(relation, *held), Self::name(target, *key));
                if here && !there {
                    let message = format!("{from} is protected, and {to}, which it references, is not");
                    self.add(
                        Severity::Warning,
                        message,
                        "both hold the same values: protect the referenced one; its rows can be deleted under a grant only",
                    );
                } else if there && !here {
                    let message =
                        format!("{from} is declared public, and references {to}, which is protected");
                    let mend = "what is written there tells everybody who may write it whether the other column \
                                holds that: protect it too, or let them write it by a trusted function";
                    self.add(Severity::Warning, message, mend);
                } else if self.is_written_alone(relation, *held, target, *key) {
                    let message =
                        format!("{from} has allow = [\"write\"], and {to}, which it references, has not");
                    let mend = "without a grant on the referenced column too, tokens of one domain and NULL are \
                                written there, and nothing else";
                    self.add(Severity::Warning, message, mend);
                }
            }
        }
    }

    /// May anything be written to the column, but for a key that leads where it may not?
    fn is_written_alone(&self, relation: &Relation, held: i16, target: &Relation, key: i16) -> bool {
        let column = |relation: &Relation, attribute| {
            self.guard.protected.get(&ColumnId { relation: relation.oid, attribute })
        };
        let asks = |there: &ProtectedColumn| !there.writable && !there.discloses.include(Disclosure::Search);
        column(relation, held).is_some_and(|here| here.writable)
            && column(target, key).is_some_and(|there| asks(there))
    }

    /// A refused or accepted write of the unprotected part would answer a guess.
    fn shared_constraints(&mut self, relation: &Relation) {
        for constraint in &relation.constraints {
            let (inside, outside): (Vec<i16>, Vec<i16>) =
                constraint.columns.iter().partition(|a| self.is_protected(relation, **a));
            if inside.is_empty() || outside.is_empty() {
                continue;
            }
            let list = |attributes: &[i16]| {
                attributes.iter().map(|a| Self::name(relation, *a)).collect::<Vec<_>>().join(", ")
            };
            let message = format!(
                "{} shares {} \"{}\" with protected {}: without a grant it takes only DEFAULT, NULL or its present value",
                list(&outside),
                kind_name(constraint),
                constraint.name,
                list(&inside),
            );
            self.add(Severity::Note, message, "");
        }
    }

    /// An UPDATE that fails by it, or does not, would tell about the row.
    fn asked_again(&mut self, relation: &Relation) {
        let asks = |known: &&Constraint| known.again.iter().any(|a| self.is_protected(relation, *a));
        let asking = relation.constraints.iter().filter(asks);
        let names: Vec<String> = asking.map(|known| format!("\"{}\"", known.name)).collect();
        if names.is_empty() {
            return;
        }
        let message = format!(
            "without a grant {} takes no UPDATE: its rows may not satisfy {}, which each UPDATE asks about \
             protected columns",
            relation.qualified(),
            names.join(", ")
        );
        let mend =
            "ALTER TABLE … VALIDATE CONSTRAINT, or write the WITH CHECK of its policies like their USING";
        self.add(Severity::Warning, message, mend);
    }

    /// What a trigger sends, its author discloses.
    fn notifying_triggers(&mut self, relation: &Relation) {
        let has_protected = relation.columns.iter().any(|c| self.is_protected(relation, c.attribute));
        if !has_protected {
            return;
        }
        let functions =
            relation.trigger_functions.iter().filter_map(|oid| self.guard.snapshot.functions.get(oid));
        let telling: BTreeSet<String> = functions
            .filter(|f| functions::has_word(&f.body, &["notify", "pg_notify"]))
            .map(|f| format!("{}.{}", f.schema, f.name))
            .collect();
        for function in telling {
            let message = format!("a trigger on {} sends NOTIFY in {function}", relation.qualified());
            self.add(Severity::Warning, message, "see that its payload holds no protected value");
        }
    }

    /// What the code of a trigger or a CHECK asks, whoever writes there learns by an error.
    fn asking_code(&mut self, relation: &Relation) {
        let called = relation.trigger_functions.iter().chain(&relation.depends_on_functions);
        let functions = called.filter_map(|oid| self.guard.snapshot.functions.get(oid));
        let asking: BTreeSet<String> = functions
            .filter(|f| self.asks(relation, f))
            .map(|f| format!("{}.{}", f.schema, f.name))
            .collect();
        if asking.is_empty() {
            return;
        }
        let message = format!(
            "what is written to {} runs code that names protected data: {}",
            relation.qualified(),
            asking.into_iter().collect::<Vec<_>>().join(", ")
        );
        let mend = "whether it fails is disclosed to everybody who may write there: see that it neither \
                    compares nor computes with protected columns";
        self.add(Severity::Warning, message, mend);
    }

    /// Does a function name something protected, or a protected column of the table
    /// that runs it? Of dynamic SQL it can't be told.
    fn asks(&self, relation: &Relation, function: &Function) -> bool {
        let own = relation.columns.iter().filter(|c| self.is_protected(relation, c.attribute));
        let own: Vec<&str> = own.map(|column| &*column.name).collect();
        let names_protected =
            self.guard.opaque_functions.contains(&function.oid) && !functions::is_opaque_by_itself(function);
        names_protected || functions::has_word(&function.body, &own)
    }

    /// Which rows a view shows, and which of them it takes together, is its owner's
    /// disclosure.
    fn view_predicates(&mut self, relation: &Relation) {
        let is_read = self.guard.view_flows.contains_key(&relation.oid);
        let Some(definition) = relation.definition.as_ref().filter(|_| is_read) else { return };
        let uses = self.uses_of(definition);
        let chosen_by = names(lineage::view_choices(self.guard.facts(), definition).iter().flatten());
        if !chosen_by.is_empty() {
            let message = format!("view {} chooses its rows by protected {chosen_by}", relation.qualified());
            self.add(
                Severity::Warning,
                message,
                "which rows it shows is disclosed to everybody who may read it",
            );
        }
        let groups = uses.iter().filter(|used| used.kind == UseKind::Grouping);
        // What tells values apart anyway tells no more by its groups.
        let hidden = groups.flat_map(|u| &u.columns).filter(|c| !c.discloses.include(Disclosure::Equality));
        let grouped_by = names(hidden);
        if !grouped_by.is_empty() {
            let message = format!("view {} groups its rows by protected {grouped_by}", relation.qualified());
            let mend = "how many groups there are is disclosed to everybody who may read it";
            self.add(Severity::Warning, message, mend);
        }
    }

    /// It decides whether a row is written, or what else is, which its writer sees.
    fn rule_condition(&mut self, rule: &ConditionalRule) {
        let Some(relation) = self.guard.snapshot.relations.get(&rule.relation) else { return };
        let asked = names(lineage::rule_choices(self.guard.facts(), &rule.definition).iter().flatten());
        if !asked.is_empty() {
            let message = format!(
                "rule \"{}\" of {} chooses what it does by protected {asked}",
                rule.name,
                relation.qualified()
            );
            let mend = "which rows it holds for is disclosed to everybody who may write there";
            self.add(Severity::Warning, message, mend);
        }
    }

    /// What a view's definition asks, if it can be read.
    fn uses_of(&self, definition: &str) -> Vec<Use> {
        let Ok(parsed) = parse::parse(definition, VIEW_DEPTH) else { return Vec::new() };
        let analysed = parsed.statements.iter().filter_map(|statement| {
            let facts = self.guard.facts();
            lineage::analyse(facts, definition, &statement.node, &parsed.tokens, VIEW_DEPTH).ok()
        });
        analysed.flat_map(|lineage| lineage.uses).collect()
    }

    /// Calls of these are refused.
    fn opaque_functions(&mut self) {
        let opaque = self.guard.opaque_functions.iter().filter(|oid| !oid.is_builtin());
        let names: BTreeSet<String> = opaque
            .filter_map(|oid| self.guard.snapshot.functions.get(oid))
            .filter(|f| functions::is_callable(f) && &*f.schema != super::service::SCHEMA)
            .map(|f| format!("{}.{}", f.schema, f.name))
            .collect();
        if names.is_empty() {
            return;
        }
        let rest = names.len().saturating_sub(LISTED);
        let mut list = names.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
        if rest > 0 {
            list.push_str(&format!(" and {rest} more"));
        }
        let message = format!("calls of functions that could read protected data unseen are refused: {list}");
        self.add(Severity::Note, message, "defaults.trusted_functions lists those that may be called");
    }
}

fn kind_name(constraint: &Constraint) -> &'static str {
    match constraint.kind {
        ConstraintKind::Check => "check constraint",
        ConstraintKind::Unique => "unique key",
        ConstraintKind::Exclude => "exclusion constraint",
        ConstraintKind::ForeignKey => "foreign key",
        ConstraintKind::Computed => "computation",
    }
}

/// The columns by their names, each once.
fn names<'c>(columns: impl Iterator<Item = &'c Arc<ProtectedColumn>>) -> String {
    let names: BTreeSet<&str> = columns.map(|column| &*column.name).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
