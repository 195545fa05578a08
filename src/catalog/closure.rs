//! Everything whose name counts: protected relations, what depends on them,
//! and the functions, operators and types through which they can be read.
//!
//! A work list, run to a fixpoint: whatever is added makes its dependents
//! count. Invariant: over-counting costs an analysis or a refusal of
//! something odd; a miss would be a leak. So dependence by `pg_depend` and by
//! the words of a text are both followed.
//!
//! Some relations count on writing only: they hold and show nothing protected, and
//! a write sets off what does. Of what names one of these, only what may write to
//! it counts ([`writing`]).

mod spellings;
mod unsettle;
mod writing;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::Oid;
use super::bind::missing;
use super::functions::{self, Trusted};
use super::mentions::{Mentions, Text};
use super::snapshot::{Function, Operator, Relation, Snapshot};
use crate::sql::lineage::relations_of_statistics;
pub use unsettle::SetsOff;
use writing::Counts;
pub use writing::OnWriting;

/// The function that sets a sequence.
pub const SETS_SEQUENCE: &str = "setval";

/// What counts.
#[derive(Debug, Default)]
pub struct Counted {
    pub relations: HashSet<Oid>,
    pub functions: HashSet<Oid>,
    /// Of these, what counts on writing only.
    pub on_writing: OnWriting,
    pub types: HashSet<Oid>,
    /// Names of operators, and words that mean one, or a type of the server's own.
    pub words: BTreeSet<String>,
    /// Relations to which a write may change what protected foreign keys lead
    /// to, or ask what a foreign table's target holds.
    pub sets_off: HashMap<Oid, SetsOff>,
}

/// What is asked of protected values without being read.
#[derive(Debug, Default)]
pub struct Asked {
    /// Relations whose rows a protected column's foreign key leads to.
    pub keys: Vec<Oid>,
    /// Tables of which each update asks something of protected columns.
    pub again: Vec<Oid>,
    /// Sequences that protected columns get their numbers of.
    pub sequences: HashSet<Oid>,
    /// Relations to which foreign keys of protected columns lead: reading them shows
    /// a trace of each lock (`xmax`).
    pub traced: HashSet<Oid>,
}

#[derive(Clone, Copy)]
enum Item {
    Relation(Oid),
    Function(Oid),
    Type(Oid),
}

struct Closure<'a> {
    snapshot: &'a Snapshot,
    trusted: &'a Trusted<'a>,
    links: Links<'a>,
    /// Relations, and the tables and functions of triggers that are handed their
    /// names.
    handed: OnceCell<HashMap<Oid, Vec<(&'a Relation, Oid)>>>,
    traced: HashSet<Oid>,
    counted: Counted,
    work: Vec<(Item, Counts)>,
}

/// Dependence, turned around: from a thing to what depends on it.
#[derive(Default)]
struct Links<'a> {
    mentions: Mentions<'a>,
    relation_readers: HashMap<Oid, Vec<Oid>>,
    children: HashMap<Oid, Vec<Oid>>,
    /// Table → its columns that foreign keys lead to.
    keys_led_to: HashMap<Oid, Vec<i16>>,
    /// Table → foreign tables that lead to one of its name.
    far_tables: HashMap<Oid, Vec<Oid>>,
    function_users: HashMap<Oid, Vec<Oid>>,
    /// Function → relations of which triggers run it.
    trigger_users: HashMap<Oid, Vec<Oid>>,
    aggregates: HashMap<Oid, Vec<Oid>>,
    /// Relation or function → functions that depend on it.
    dependent_functions: HashMap<Oid, Vec<Oid>>,
    /// Function → operators that may run it.
    operators: HashMap<Oid, Vec<&'a Operator>>,
    /// Function → types whose casts, CHECKs, defaults or order call it.
    types_by_function: HashMap<Oid, Vec<Oid>>,
    /// Type → types made of it.
    types_by_type: HashMap<Oid, Vec<Oid>>,
    /// Type → functions that take or give it: to call one runs its CHECKs.
    functions_by_type: HashMap<Oid, Vec<Oid>>,
    /// Type → relations with a column of it, or that make values of it.
    relations_by_type: HashMap<Oid, Vec<Oid>>,
}

/// Everything that counts when the relations `protected` do. `missing`: a protected
/// value stands in `pg_attribute` too.
pub fn close(
    snapshot: &Snapshot,
    protected: impl Iterator<Item = Oid>,
    asked: Asked,
    trusted: &Trusted<'_>,
    missing: bool,
) -> Counted {
    let mut closure = Closure {
        snapshot,
        trusted,
        links: Links::of(snapshot),
        handed: OnceCell::new(),
        traced: asked.traced,
        counted: Counted::default(),
        work: Vec::new(),
    };
    for relation in protected {
        closure.add(Item::Relation(relation), Counts::OnAnyUse);
    }
    for relation in relations_of_statistics(snapshot) {
        closure.add(Item::Relation(relation.oid), Counts::OnAnyUse);
    }
    for function in snapshot.functions.values() {
        if functions::is_opaque_by_itself(function) {
            closure.add(Item::Function(function.oid), Counts::OnAnyUse);
        }
    }
    if missing {
        closure.count_missing();
    }
    // Who sets a sequence by a function of a DBA's chooses what comes next.
    if !asked.sequences.is_empty() {
        closure.add_mentions(SETS_SEQUENCE);
    }
    closure.run();
    closure.count_sequences(&asked.sequences);
    closure.count_far_writes();
    closure.count_keys(asked.keys);
    closure.count_updates(asked.again);
    closure.counted
}

impl Closure<'_> {
    fn add(&mut self, item: Item, counts: Counts) {
        let is_new = match item {
            Item::Relation(oid) => self.snapshot.relations.contains_key(&oid) && self.count(oid, counts),
            Item::Function(oid) => match self.snapshot.functions.get(&oid) {
                Some(function) => !self.trusted.includes(function) && self.count_function(oid, counts),
                None => false,
            },
            Item::Type(oid) => !oid.is_builtin() && self.counted.types.insert(oid),
        };
        if is_new {
            self.work.push((item, counts));
        }
    }

    /// What names the column, or may read all columns of the catalog. The
    /// catalog itself does not count: tools read its other columns all the time.
    fn count_missing(&mut self) {
        self.add_mentions(missing::COLUMN);
        let reads_all =
            |f: &&Function| f.body.contains('*') && functions::has_word(&f.body, &[missing::TABLE]);
        for function in self.snapshot.functions.values().filter(reads_all) {
            self.add(Item::Function(function.oid), Counts::OnAnyUse);
        }
    }

    /// Sequences, and the tables that restart them with their rows (TRUNCATE …
    /// RESTART IDENTITY). To read one, or to take its next number, tells nothing:
    /// what does so need not count.
    fn count_sequences(&mut self, sequences: &HashSet<Oid>) {
        let is_filled = |relation: &&Relation| {
            relation.columns.iter().any(|column| column.sequences.iter().any(|oid| sequences.contains(oid)))
        };
        let filled = self.snapshot.relations.values().filter(is_filled).map(|relation| relation.oid);
        self.counted.relations.extend(filled.chain(sequences.iter().copied()));
    }

    fn run(&mut self) {
        while let Some((item, counts)) = self.work.pop() {
            match (item, counts) {
                (Item::Relation(oid), Counts::OnAnyUse) => self.follow_relation(oid),
                (Item::Relation(oid), Counts::OnWriting) => self.follow_written(oid),
                (Item::Function(oid), counts) => self.follow_function(oid, counts),
                (Item::Type(oid), _) => self.follow_type(oid),
            }
        }
    }

    fn add_all(&mut self, oids: Option<Vec<Oid>>, item: impl Fn(Oid) -> Item) {
        for oid in oids.unwrap_or_default() {
            self.add(item(oid), Counts::OnAnyUse);
        }
    }

    fn add_mentions(&mut self, name: &str) {
        self.add_texts(self.links.mentions.of(name), Counts::OnAnyUse);
    }

    /// `counts`: what the functions count on. To read a view is to run what it names.
    fn add_texts(&mut self, texts: Vec<Text>, counts: Counts) {
        for text in texts {
            match text {
                Text::Function(oid) => self.add(Item::Function(oid), counts),
                Text::View(oid) => self.add(Item::Relation(oid), Counts::OnAnyUse),
            }
        }
    }

    fn follow_relation(&mut self, oid: Oid) {
        let Some(relation) = self.snapshot.relations.get(&oid) else { return };
        self.add_all(self.links.relation_readers.get(&oid).cloned(), Item::Relation);
        self.add_all(self.links.dependent_functions.get(&oid).cloned(), Item::Function);
        self.add_texts(self.links.mentions.of_relation(relation, self.snapshot), Counts::OnAnyUse);
        self.add_all(Some(relation.parents.iter().chain(&relation.toast).copied().collect()), Item::Relation);
        // To read the rows that keys lead to shows nothing of those that have the keys.
        self.add_written(written_from(relation));
    }

    /// What calls it does what it does; but a table whose triggers do is only read by
    /// what does not write.
    fn follow_function(&mut self, oid: Oid, counts: Counts) {
        let Some(function) = self.snapshot.functions.get(&oid) else { return };
        self.add_all(self.links.function_users.get(&oid).cloned(), Item::Relation);
        self.add_written(self.links.trigger_users.get(&oid).cloned().unwrap_or_default());
        let links = [&self.links.aggregates, &self.links.dependent_functions];
        let callers: Vec<Oid> =
            links.into_iter().filter_map(|link| link.get(&oid)).flatten().copied().collect();
        for caller in callers {
            self.add(Item::Function(caller), counts);
        }
        self.add_all(self.links.types_by_function.get(&oid).cloned(), Item::Type);
        if functions::is_callable(function) {
            self.add_texts(self.links.mentions.of(&function.name), counts);
        }
        self.count_builtin_casts(oid);
        for operator in self.links.operators.get(&oid).cloned().unwrap_or_default() {
            self.count_operator(operator, oid);
        }
    }

    /// An operator's name counts. One that PostgreSQL has too (`=`) would hold
    /// up every text: there the types that lead to this one count instead,
    /// where they are a user's own.
    fn count_operator(&mut self, operator: &Operator, function: Oid) {
        let own_types: Vec<Oid> =
            [operator.left, operator.right].into_iter().flatten().filter(|t| !t.is_builtin()).collect();
        if !is_common_operator(&operator.name) || own_types.is_empty() {
            self.count_words(vec![&operator.name]);
        }
        if self.snapshot.functions.get(&function).is_some_and(|f| !functions::is_of_extension(f)) {
            if own_types.is_empty() {
                self.count_words(spellings::of_operator(&operator.name));
            }
            self.add_all(Some(own_types), Item::Type);
        }
    }

    fn count_words(&mut self, words: Vec<&str>) {
        for word in words {
            self.counted.words.insert(word.to_owned());
            self.add_mentions(word);
        }
    }

    /// A cast between two of the server's own types: the target counts by its
    /// words, and so do tables with a column of it, which may cast what they get.
    fn count_builtin_casts(&mut self, function: Oid) {
        let snapshot = self.snapshot;
        let casts = snapshot.casts.iter().filter(|cast| cast.function == Some(function));
        for cast in casts.filter(|cast| cast.is_among_builtin()) {
            self.add_all(self.links.relations_by_type.get(&cast.target).cloned(), Item::Relation);
            if let Some(target) = snapshot.types.get(&cast.target) {
                self.count_words(spellings::of_type(&target.name));
            }
        }
    }

    fn follow_type(&mut self, oid: Oid) {
        if let Some(info) = self.snapshot.types.get(&oid) {
            self.add_mentions(&info.name);
        }
        self.add_all(self.links.types_by_type.get(&oid).cloned(), Item::Type);
        self.add_all(self.links.functions_by_type.get(&oid).cloned(), Item::Function);
        self.add_all(self.links.dependent_functions.get(&oid).cloned(), Item::Function);
        self.add_all(self.links.relations_by_type.get(&oid).cloned(), Item::Relation);
    }
}

/// Where a change writes into this table too: ON DELETE and ON UPDATE actions.
fn written_from(relation: &Relation) -> impl Iterator<Item = Oid> + '_ {
    let cascading = relation.constraints.iter().filter(|constraint| constraint.cascades());
    cascading.filter_map(|constraint| constraint.references.as_ref()).map(|(table, _)| *table)
}

/// Names of PostgreSQL's own operators that nearly every statement spells.
fn is_common_operator(name: &str) -> bool {
    matches!(
        name,
        "=" | "<>"
            | "<"
            | ">"
            | "<="
            | ">="
            | "+"
            | "-"
            | "*"
            | "/"
            | "%"
            | "||"
            | "~~"
            | "!~~"
            | "~"
            | "!~"
            | "~*"
            | "->"
            | "->>"
            | "#>"
            | "#>>"
            | "@>"
            | "<@"
            | "&&"
            | "@@"
            | "?"
            | "!"
            | "&"
            | "|"
            | "^"
            | "#"
    )
}

impl<'a> Links<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let mut links = Self::default();
        for relation in snapshot.relations.values() {
            links.add_relation(relation);
            let remote = relation.remote.as_ref();
            if let Some(target) = remote.and_then(|remote| snapshot.relation(&remote.schema, &remote.table)) {
                links.far_tables.entry(target.oid).or_default().push(relation.oid);
            }
        }
        for function in snapshot.functions.values() {
            if !function.body.is_empty() {
                links.mentions.add(Text::Function(function.oid), &function.body);
            }
            let types = function.argument_types.iter().chain([&function.return_type]);
            for type_oid in types.chain(&function.state_types) {
                if !type_oid.is_builtin() {
                    links.functions_by_type.entry(*type_oid).or_default().push(function.oid);
                }
            }
            for support in &function.support {
                links.aggregates.entry(*support).or_default().push(function.oid);
            }
        }
        for (function, used) in &snapshot.function_dependencies {
            for thing in used {
                links.dependent_functions.entry(*thing).or_default().push(*function);
            }
        }
        for operator in &snapshot.operators {
            for function in &operator.functions {
                links.operators.entry(*function).or_default().push(operator);
            }
        }
        for cast in &snapshot.casts {
            if let Some(function) = cast.function {
                links.types_by_function.entry(function).or_default().extend([cast.source, cast.target]);
            }
        }
        for (domain, functions) in &snapshot.domain_functions {
            for function in functions {
                links.types_by_function.entry(*function).or_default().push(*domain);
            }
        }
        for (made, types) in &snapshot.type_dependencies {
            for used in types {
                links.types_by_type.entry(*used).or_default().push(*made);
            }
        }
        for (function, types) in &snapshot.support_functions {
            let is_own = snapshot.functions.get(function).is_some_and(|f| !functions::is_of_extension(f));
            let types = types.iter().filter(|_| is_own);
            links.types_by_function.entry(*function).or_default().extend(types);
        }
        for info in snapshot.types.values() {
            let made_of = info.base.into_iter().chain(info.element.filter(|_| info.category == 'A'));
            for part in made_of {
                links.types_by_type.entry(part).or_default().push(info.oid);
            }
            for column in
                info.relation.and_then(|r| snapshot.relations.get(&r)).iter().flat_map(|r| &r.columns)
            {
                links.types_by_type.entry(column.type_oid).or_default().push(info.oid);
            }
        }
        links
    }

    fn add_relation(&mut self, relation: &'a Relation) {
        let read = [
            &relation.definition_relations,
            &relation.rule_references,
            &relation.depends_on_relations,
            &relation.parents,
        ];
        for base in read.into_iter().flatten() {
            self.relation_readers.entry(*base).or_default().push(relation.oid);
        }
        for parent in &relation.parents {
            self.children.entry(*parent).or_default().push(relation.oid);
        }
        for (target, keys) in relation.constraints.iter().filter_map(|key| key.references.as_ref()) {
            self.keys_led_to.entry(*target).or_default().extend(keys);
        }
        for function in relation.definition_functions.iter().chain(&relation.depends_on_functions) {
            self.function_users.entry(*function).or_default().push(relation.oid);
        }
        for function in &relation.trigger_functions {
            self.trigger_users.entry(*function).or_default().push(relation.oid);
        }
        let types = relation.columns.iter().map(|column| &column.type_oid);
        for used in types.chain(&relation.depends_on_types) {
            self.relations_by_type.entry(*used).or_default().push(relation.oid);
        }
        if let Some(definition) = &relation.definition {
            self.mentions.add(Text::View(relation.oid), definition);
        }
    }
}
