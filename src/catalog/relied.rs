//! What code running over protected data relies on: names, and relations.
//!
//! A trigger's function, a function in a view, a CHECK or an index is the
//! DBA's, and trusted. But where it names a table or calls a function without
//! its schema, PostgreSQL looks that name up in the caller's search_path, and
//! in `pg_temp` first: whoever makes an object of that name receives the values.
//! And what it writes to, or reads, runs code too: triggers, CHECKs and defaults
//! of the table, policies, a view's functions, a domain's CHECK.
//!
//! A work list, run to its end: each function, relation and type once, in time
//! linear in their texts. Invariant: every name that such code spells is here,
//! and so is that of each function in it, since to replace one is to receive
//! its arguments; and every relation that it reaches, with what can run there.
//! Operators are not: they are used without being spelled (`LIKE`, `BETWEEN`),
//! so that no client makes any.

mod elsewhere;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::functions::{TRIGGER, Trusted, has_word};
use super::handed::{self, Numbers};
use super::mentions::{fold, is_word, words};
use super::snapshot::{Function, Named, Relation, RelationKind, Snapshot};
use super::{Oid, closure::Counted};
use crate::sql::body::naming_texts;

/// Words without which a body changes no table. UPDATE and INSERT stand in
/// MERGE and ON CONFLICT too.
const WRITING: &[&str] = &["insert", "update", "delete", "merge", "truncate", "copy"];

/// So much of a table's name is always in that of a sequence made for it: of 63
/// bytes `__seq` takes five, and the longer of two names is cut until both are
/// as long.
const CERTAIN_BYTES: usize = 28;

/// See the module.
#[derive(Debug, Default)]
pub struct Relied {
    /// Folded.
    words: HashSet<String>,
    functions: Vec<Oid>,
    /// Some of it builds SQL: it may name anything that is there.
    dynamic: bool,
    /// So does some of it, or an opaque function.
    builds_sql: bool,
    /// With what names begin and end that such code puts together, folded.
    beginnings: HashSet<String>,
    endings: HashSet<String>,
    /// What triggers hand to code that puts names together, folded, and the words
    /// of that code: one beside the other may be a name.
    handed: HashSet<String>,
    pieces: HashSet<String>,
    /// What triggers hand to any of it, as it is written.
    handed_texts: Vec<String>,
    /// Some of it takes numbers of any sequence.
    numbers_of_any: bool,
    /// Relations that such code may change.
    written: HashSet<Oid>,
    /// Relations that it, or a view or policy that counts, may read.
    read: HashSet<Oid>,
}

/// How code gets at a relation: what runs then.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Read,
    Write,
}

enum Item {
    Function(Oid),
    Relation(Oid, Reach),
    Type(Oid),
}

/// How code leads on, each function read once.
pub(super) struct Paths<'a> {
    snapshot: &'a Snapshot,
    /// Table → tables that change with it: children, and those whose foreign
    /// keys have actions.
    changing: HashMap<Oid, Vec<Oid>>,
    read: RefCell<HashMap<Oid, Rc<Read>>>,
    /// Those that put names together, themselves or by what they call, and others.
    building: RefCell<HashMap<Oid, bool>>,
}

/// What a function's text says.
struct Read {
    named: HashSet<Named>,
    is_dynamic: bool,
    numbers: Numbers,
    asks_for_table: bool,
    reach: Reach,
}

impl Read {
    /// May it use what is put together for a name?
    fn builds_names(&self) -> bool {
        self.is_dynamic || self.numbers != Numbers::Spelled
    }
}

/// The work list, and what has been on it.
struct Following<'a> {
    snapshot: &'a Snapshot,
    paths: &'a Paths<'a>,
    /// Rows of a child are its own, but what is put on its parent may come down.
    goes_up: bool,
    relied: Relied,
    functions: HashSet<Oid>,
    types: HashSet<Oid>,
    work: Vec<Item>,
}

impl Relied {
    pub(super) fn of(paths: &Paths<'_>, counted: &Counted, trusted: &Trusted<'_>) -> Self {
        let mut following = Following::new(paths);
        following.start(counted, trusted);
        following.run();
        while following.add_put_together() {
            following.run();
        }
        let Self { dynamic, numbers_of_any, .. } = following.relied;
        // Who sees the values may call these. What they build is not foreseen:
        // there are some in most databases, and every name would count.
        following.functions(counted.functions.iter().filter(|oid| paths.is_told(**oid, counted)));
        following.run();
        following.take_words();
        let builds_sql = following.relied.dynamic;
        Self { dynamic, numbers_of_any, builds_sql, ..following.relied }
    }

    /// May such code change the relation, so that its triggers, CHECKs and
    /// defaults run?
    pub fn changes(&self, relation: Oid) -> bool {
        self.written.contains(&relation)
    }

    /// Is the function among such code?
    pub fn runs(&self, function: Oid) -> bool {
        self.functions.contains(&function)
    }

    /// May a name that it spells lead anywhere?
    pub fn builds_sql(&self) -> bool {
        self.builds_sql
    }

    /// May such code read the relation, so that its policies run, or what a
    /// view calls?
    pub fn reads(&self, relation: Oid) -> bool {
        self.read.contains(&relation) || self.changes(relation)
    }

    /// `'log_' || x`, `format('%I_log', x)`: what names are made of.
    fn take_fragments(&mut self, body: &str) {
        for word in words(&without_places(body)) {
            self.pieces.insert(word.clone());
            let is_fragment = word.chars().any(|c| c != '_');
            if is_fragment && word.ends_with('_') {
                self.beginnings.insert(word);
            } else if is_fragment && word.starts_with('_') {
                self.endings.insert(word);
            }
        }
    }

    /// Could something new of this name, as the catalog would store it, receive
    /// values? `schema`: where it is, if it is a relation and that is known.
    pub fn includes(&self, snapshot: &Snapshot, schema: Option<&str>, name: &str) -> bool {
        // Another session's temporary object is nothing that such code finds.
        let is_there = || {
            snapshot.relations_named(name).any(|relation| !relation.is_temporary())
                || snapshot.functions_named(name).any(|function| !function.schema.starts_with("pg_temp"))
        };
        let is_sequence = || {
            let mut named = snapshot.relations_named(name).filter(|relation| !relation.is_temporary());
            named.any(|relation| relation.kind == RelationKind::Sequence)
        };
        let is_meant = || !schema.is_some_and(|schema| self.means_others(snapshot, schema, name));
        (self.spells(snapshot, name) && is_meant())
            || (self.dynamic && is_there())
            || (self.numbers_of_any && is_sequence())
    }

    /// The functions of such code in which the word stands, or that have it for a name.
    fn spelling<'s>(&self, snapshot: &'s Snapshot, folded: &str) -> impl Iterator<Item = &'s Function> {
        let spells = move |function: &&Function| {
            fold(&function.name) == folded
                || match named_in(function) {
                    Some(texts) => texts.iter().any(|text| words(text).any(|word| word == folded)),
                    None => words(&function.body).any(|word| word == folded),
                }
        };
        self.functions.iter().filter_map(|oid| snapshot.functions.get(oid)).filter(spells)
    }

    /// Does such code spell the name, or put together names that are like it?
    pub fn spells(&self, snapshot: &Snapshot, name: &str) -> bool {
        let folded = fold(name);
        // A name with spaces or quotes in it: rare, so the texts are searched.
        let is_spelled = || {
            let quoted = folded.replace('"', "\"\"");
            let bodies = self.functions.iter().filter_map(|oid| snapshot.functions.get(oid));
            let handed = self.handed_texts.iter().map(String::as_str);
            bodies.map(|function| &*function.body).chain(handed).any(|text| {
                let text = text.to_ascii_lowercase();
                text.contains(&folded) || text.contains(&quoted)
            })
        };
        self.words.contains(&folded)
            || self.puts_together(&folded)
            || (!name.chars().all(is_word) && is_spelled())
    }

    /// The first function, by its name, of such code that spells the name.
    pub fn spelled_by<'s>(&self, snapshot: &'s Snapshot, name: &str) -> Option<&'s Function> {
        let folded = fold(name);
        self.spelling(snapshot, &folded).min_by_key(|function| (&function.schema, &function.name))
    }

    /// Does such code spell a sequence that a column of a new table of this name
    /// would bring?
    pub fn spells_sequence_of(&self, table: &str) -> bool {
        self.words.iter().any(|word| is_sequence_of(word, &fold(table)))
    }

    /// Is the name, folded, like one that dynamic SQL is made of?
    fn puts_together(&self, folded: &str) -> bool {
        self.beginnings.iter().any(|beginning| folded.starts_with(beginning))
            || self.endings.iter().any(|ending| folded.ends_with(ending))
            || (!self.handed.is_empty() && self.puts_beside(folded))
    }

    /// Is it what a trigger hands over, in front of or behind a word of the code?
    fn puts_beside(&self, folded: &str) -> bool {
        let mut cuts = folded.char_indices().filter_map(|(at, _)| folded.split_at_checked(at));
        let is_pair = |one: &str, other: &str| self.handed.contains(one) && self.pieces.contains(other);
        cuts.any(|(front, back)| is_pair(front, back) || is_pair(back, front))
    }

    /// A text that is handed to code that puts names together of it.
    fn take_parts(&mut self, text: &str) {
        self.handed.extend(words(text));
        self.take_fragments(text);
    }
}

/// Could `name` be that of a sequence which the server makes for a column of
/// `table`? `makeObjectName` in `indexcmds.c` puts it together, cuts what is too
/// long and adds a number where the name is taken.
pub fn is_sequence_of(name: &str, table: &str) -> bool {
    let mut end = table.len().min(CERTAIN_BYTES);
    while !table.is_char_boundary(end) {
        end -= 1;
    }
    let rest = table.get(..end).and_then(|beginning| name.strip_prefix(beginning));
    let begins = rest.is_some_and(|rest| end < table.len() || rest.starts_with('_'));
    begins && name.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("_seq")
}

/// A text without the places that `format` fills: `%I`, `%2$s`.
fn without_places(body: &str) -> String {
    let mut parts = body.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let numbered = part.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '$' | '-' | '*'));
        text.push(' ');
        text.push_str(numbered.strip_prefix(['I', 's', 'L']).unwrap_or(numbered));
    }
    text
}

/// The texts in a function that can name an object. None: any word may.
fn named_in(function: &Function) -> Option<Vec<String>> {
    match &*function.language {
        "sql" | "plpgsql" => naming_texts(&function.body, function.return_type == TRIGGER),
        // Read by rules of its own.
        _ => None,
    }
}

/// Words by which a text gets something back from what it writes.
const TOLD_BY: &[&str] = &["diagnostics", "returning", "sqlerrm"];

/// What it names can't be told from its words.
pub(super) fn builds_sql(function: &Function) -> bool {
    match &*function.language {
        "c" | "internal" => false,
        "sql" | "plpgsql" => has_word(&function.body, &["execute"]),
        _ => true,
    }
}

/// Could its own text change a table's rows? One that has no text, as of code in C,
/// may do anything.
pub(super) fn may_write(function: &Function) -> bool {
    function.body.is_empty() || builds_sql(function) || writes(&function.body)
}

/// Does the text have a word without which it changes no table?
pub(crate) fn writes(text: &str) -> bool {
    has_word(text, WRITING)
}

impl<'a> Paths<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            changing: changing(snapshot),
            read: RefCell::default(),
            building: RefCell::default(),
        }
    }

    /// What may be changed or read where `relation` is, itself among it. None: it
    /// may be anything.
    pub(super) fn from(
        &self,
        relation: &Relation,
        reach: Reach,
    ) -> Option<impl Iterator<Item = Oid> + use<>> {
        let mut following = Following { goes_up: false, ..Following::new(self) };
        following.relations([&relation.oid], reach);
        following.run();
        let Relied { dynamic, written, read, .. } = following.relied;
        (!dynamic).then(|| written.into_iter().chain(read))
    }

    /// Sequences that a table's triggers and defaults, and the functions that
    /// these call, may take numbers of.
    pub(super) fn sequences_of(&self, relation: &Relation) -> Vec<Oid> {
        let called = relation.trigger_functions.iter().chain(&relation.depends_on_functions);
        let (mut named, mut put_together) = (HashSet::new(), Relied::default());
        let mut puts_together = false;
        for function in self.called_from(called.copied().collect()) {
            let read = self.read(function);
            match read.numbers {
                Numbers::OfAny => return self.sequences().map(|sequence| sequence.oid).collect(),
                Numbers::PutTogether => {
                    put_together.take_fragments(&function.body);
                    puts_together = true;
                }
                Numbers::Spelled => {}
            }
            named.extend(read.named.iter().copied());
        }
        for (_, text) in self.handed_by(relation) {
            named.extend(self.snapshot.spelled_in(&text));
            put_together.take_parts(&text);
        }
        // One that is a column's fills that.
        let owned = if puts_together { self.owned_sequences() } else { HashSet::new() };
        let is_meant = |sequence: &&Relation| {
            named.contains(&Named::Relation(sequence.oid))
                || (puts_together
                    && (!owned.contains(&sequence.oid) || put_together.puts_together(&fold(&sequence.name))))
        };
        self.sequences().filter(is_meant).map(|sequence| sequence.oid).collect()
    }

    fn owned_sequences(&self) -> HashSet<Oid> {
        let columns = self.snapshot.relations.values().flat_map(|relation| &relation.columns);
        columns.flat_map(|column| column.sequences.iter().copied()).collect()
    }

    fn sequences(&self) -> impl Iterator<Item = &'a Relation> {
        let relations = self.snapshot.relations.values();
        relations.filter(|relation| relation.kind == RelationKind::Sequence && !relation.is_temporary())
    }

    /// What the triggers of a relation hand to functions that may take it for names.
    /// The table's own name is handed to those that ask for it.
    fn handed_by(&self, relation: &Relation) -> Vec<(&'a Function, String)> {
        let texts = handed::texts(self.snapshot, relation, |function| self.read(function).asks_for_table);
        texts.into_iter().filter(|(function, _)| self.takes_names(function)).collect()
    }

    fn takes_names(&self, function: &Function) -> bool {
        match &*function.language {
            "internal" => false,
            "sql" | "plpgsql" => self.puts_names_together(function.oid),
            // Nobody knows what it does with them.
            _ => true,
        }
    }

    /// May the function read protected data, or is it told something of what its writes
    /// set off: by an error that it catches, by RETURNING, by another one that is?
    fn is_told(&self, oid: Oid, counted: &Counted) -> bool {
        if !counted.on_writing.functions.contains(&oid) {
            return counted.functions.contains(&oid);
        }
        let Some(function) = self.snapshot.functions.get(&oid) else { return true };
        let is_counted = |named: &Named| match named {
            Named::Function(oid) => *oid != function.oid && counted.functions.contains(oid),
            Named::Relation(_) | Named::Type(_) => false,
        };
        function.body.is_empty()
            || has_word(&function.body, TOLD_BY)
            || self.read(function).named.iter().any(is_counted)
    }

    /// Does the function, or one that it calls, put names together?
    fn puts_names_together(&self, function: Oid) -> bool {
        if let Some(known) = self.building.borrow().get(&function) {
            return *known;
        }
        let called = self.called_from(vec![function]);
        let builds = called.into_iter().any(|called| self.read(called).builds_names());
        self.building.borrow_mut().insert(function, builds);
        builds
    }

    /// Functions of users' that run where these are called, themselves among them.
    fn called_from(&self, mut functions: Vec<Oid>) -> Vec<&'a Function> {
        let mut reached = Vec::new();
        let mut next = 0;
        while let Some(oid) = functions.get(next).copied() {
            next += 1;
            let Some(function) = self.snapshot.functions.get(&oid).filter(|_| !oid.is_builtin()) else {
                continue;
            };
            reached.push(function);
            for named in &self.read(function).named {
                match named {
                    Named::Function(called) if !functions.contains(called) => functions.push(*called),
                    Named::Function(_) | Named::Relation(_) | Named::Type(_) => {}
                }
            }
        }
        reached
    }

    fn read(&self, function: &Function) -> Rc<Read> {
        if let Some(known) = self.read.borrow().get(&function.oid) {
            return Rc::clone(known);
        }
        let is_dynamic = builds_sql(function);
        let reach = match is_dynamic || writes(&function.body) {
            true => Reach::Write,
            false => Reach::Read,
        };
        let read = Rc::new(Read {
            named: self.snapshot.named_by(function),
            is_dynamic,
            numbers: handed::numbers(function, is_dynamic),
            asks_for_table: handed::asks_for_table(function),
            reach,
        });
        self.read.borrow_mut().insert(function.oid, Rc::clone(&read));
        read
    }
}

impl<'a> Following<'a> {
    fn new(paths: &'a Paths<'a>) -> Self {
        Self {
            snapshot: paths.snapshot,
            paths,
            goes_up: true,
            relied: Relied::default(),
            functions: HashSet::new(),
            types: HashSet::new(),
            work: Vec::new(),
        }
    }

    /// What runs over protected data without being called by name.
    fn start(&mut self, counted: &Counted, trusted: &Trusted<'_>) {
        let snapshot = self.snapshot;
        let is_told = |oid: &Oid| {
            let trusts = |function| trusted.includes(function);
            self.paths.is_told(*oid, counted) || snapshot.functions.get(oid).is_some_and(trusts)
        };
        // Through one that counts on writing only go its own rows, unless its triggers are
        // told of others.
        let is_over_protected = |relation: &&Relation| {
            !counted.on_writing.relations.contains(&relation.oid)
                || relation.trigger_functions.iter().any(is_told)
        };
        let relations = counted.relations.iter().filter_map(|oid| snapshot.relations.get(oid));
        for relation in relations.filter(is_over_protected) {
            // They may fill its rows, by the names of columns, and others hide that again.
            if relation.filling_trigger_functions.iter().any(is_told) {
                self.relations([&relation.oid], Reach::Write);
            }
            let called =
                [&relation.trigger_functions, &relation.depends_on_functions, &relation.definition_functions];
            self.functions(called.into_iter().flatten());
            self.take_handed(relation);
            let read = [&relation.definition_relations, &relation.depends_on_relations];
            self.relations(read.into_iter().flatten(), Reach::Read);
            self.relations(&relation.rule_references, Reach::Write);
            self.types(relation);
        }
        let trusted = snapshot.functions.values().filter(|function| trusted.includes(function));
        self.work.extend(trusted.map(|function| Item::Function(function.oid)));
        self.functions(snapshot.operators.iter().flat_map(|operator| &operator.functions));
        self.functions(snapshot.casts.iter().filter_map(|cast| cast.function.as_ref()));
        self.functions(snapshot.support_functions.keys());
        self.work.extend(counted.types.iter().copied().map(Item::Type));
    }

    fn run(&mut self) {
        while let Some(item) = self.work.pop() {
            match item {
                Item::Function(oid) => self.follow_function(oid),
                Item::Relation(oid, reach) => self.follow_relation(oid, reach),
                Item::Type(oid) => self.follow_type(oid),
            }
        }
    }

    fn functions<'o>(&mut self, oids: impl IntoIterator<Item = &'o Oid>) {
        self.work.extend(oids.into_iter().copied().map(Item::Function));
    }

    fn relations<'o>(&mut self, oids: impl IntoIterator<Item = &'o Oid>, reach: Reach) {
        self.work.extend(oids.into_iter().map(|oid| Item::Relation(*oid, reach)));
    }

    fn columns(&mut self, relation: &Relation) {
        self.work.extend(relation.columns.iter().map(|column| Item::Type(column.type_oid)));
    }

    /// What its triggers hand to their functions counts as spelled by these; and
    /// the parts of names are found beside it, if they put names together.
    fn take_handed(&mut self, relation: &Relation) {
        let snapshot = self.snapshot;
        for (function, text) in self.paths.handed_by(relation) {
            self.relied.words.extend(words(&text));
            self.follow_named(snapshot.spelled_in(&text), Reach::Write);
            if self.paths.puts_names_together(function.oid) {
                self.relied.take_parts(&text);
            }
            self.relied.handed_texts.push(text);
        }
    }

    fn follow_named(&mut self, named: impl IntoIterator<Item = Named>, reach: Reach) {
        let snapshot = self.snapshot;
        // Another session's temporary table is nothing that such code finds.
        let is_found = |oid: &Oid| snapshot.relations.get(oid).is_some_and(|found| !found.is_temporary());
        self.work.extend(named.into_iter().filter_map(|named| match named {
            Named::Relation(oid) => is_found(&oid).then_some(Item::Relation(oid, reach)),
            Named::Function(oid) => Some(Item::Function(oid)),
            Named::Type(oid) => Some(Item::Type(oid)),
        }));
    }

    /// Those of its columns, and those that its expressions cast to.
    fn types(&mut self, relation: &Relation) {
        self.columns(relation);
        self.work.extend(relation.depends_on_types.iter().copied().map(Item::Type));
        self.casts_of_view(relation);
    }

    /// Nothing records what a view casts to.
    fn casts_of_view(&mut self, relation: &Relation) {
        let Some(definition) = relation.definition.as_deref() else { return };
        self.work.extend(self.snapshot.spelled_in(definition).into_iter().filter_map(|named| match named {
            Named::Type(oid) => Some(Item::Type(oid)),
            Named::Relation(_) | Named::Function(_) => None,
        }));
    }

    /// Takes in what a function spells, those that it calls, and what else runs
    /// when it does.
    fn follow_function(&mut self, oid: Oid) {
        let snapshot = self.snapshot;
        let Some(function) = snapshot.functions.get(&oid).filter(|_| !oid.is_builtin()) else { return };
        if !self.functions.insert(oid) {
            return;
        }
        self.relied.functions.push(oid);
        let read = self.paths.read(function);
        if read.builds_names() {
            self.relied.dynamic |= read.is_dynamic;
            self.relied.numbers_of_any |= read.numbers == Numbers::OfAny;
            self.relied.take_fragments(&function.body);
        }
        self.follow_named(read.named.iter().copied(), read.reach);
        let types =
            function.argument_types.iter().chain([&function.return_type]).chain(&function.state_types);
        self.work.extend(types.copied().map(Item::Type));
    }

    /// What the functions that were met spell.
    fn take_words(&mut self) {
        let snapshot = self.snapshot;
        for function in self.relied.functions.iter().filter_map(|oid| snapshot.functions.get(oid)) {
            let spelled = &mut self.relied.words;
            spelled.insert(fold(&function.name));
            match named_in(function) {
                Some(texts) => spelled.extend(texts.iter().flat_map(|text| words(text))),
                None => spelled.extend(words(&function.body)),
            }
        }
    }

    /// What runs when the relation is read, and all else when it is changed.
    fn follow_relation(&mut self, oid: Oid, reach: Reach) {
        let snapshot = self.snapshot;
        let Some(relation) = snapshot.relations.get(&oid).filter(|_| !oid.is_builtin()) else { return };
        let is_new = match reach {
            Reach::Write => self.relied.written.insert(oid),
            Reach::Read => !self.relied.written.contains(&oid) && self.relied.read.insert(oid),
        };
        // Reading a materialized view runs nothing.
        if !is_new || (reach == Reach::Read && relation.kind == RelationKind::MaterializedView) {
            return;
        }
        self.functions(relation.definition_functions.iter().chain(&relation.policy_functions));
        self.relations(&relation.policy_relations, Reach::Read);
        self.relations(&relation.definition_relations, reach);
        self.work.extend(relation.policy_types.iter().copied().map(Item::Type));
        self.casts_of_view(relation);
        if reach == Reach::Write {
            self.functions(relation.trigger_functions.iter().chain(&relation.depends_on_functions));
            self.take_handed(relation);
            self.relations(&relation.depends_on_relations, Reach::Read);
            self.relations(&relation.rule_references, Reach::Write);
            self.relations(self.paths.changing.get(&oid).into_iter().flatten(), Reach::Write);
            if self.goes_up {
                self.relations(&relation.parents, Reach::Write);
            }
            self.types(relation);
        }
    }

    /// The CHECKs and the default of a domain, and those of what a type is made of.
    fn follow_type(&mut self, oid: Oid) {
        if oid.is_builtin() || !self.types.insert(oid) {
            return;
        }
        let snapshot = self.snapshot;
        self.functions(snapshot.domain_functions.get(&oid).into_iter().flatten());
        self.work.extend(snapshot.type_dependencies.get(&oid).into_iter().flatten().copied().map(Item::Type));
        let Some(info) = snapshot.types.get(&oid) else { return };
        self.work.extend(info.base.into_iter().chain(info.element).map(Item::Type));
        if let Some(row) = info.relation.and_then(|relation| snapshot.relations.get(&relation)) {
            self.columns(row);
        }
    }

    /// The relations whose names dynamic SQL puts together; is any of them new?
    fn add_put_together(&mut self) -> bool {
        let relied = &self.relied;
        if relied.beginnings.is_empty() && relied.endings.is_empty() && relied.handed.is_empty() {
            return false;
        }
        let built = |relation: &&Relation| {
            let is_new = !relation.oid.is_builtin() && !relied.written.contains(&relation.oid);
            is_new && !relation.is_temporary() && relied.puts_together(&fold(&relation.name))
        };
        let relations = self.snapshot.relations.values().filter(built);
        self.work.extend(relations.map(|relation| Item::Relation(relation.oid, Reach::Write)));
        !self.work.is_empty()
    }
}

/// From a table to those that a change of it changes.
fn changing(snapshot: &Snapshot) -> HashMap<Oid, Vec<Oid>> {
    let mut changing: HashMap<Oid, Vec<Oid>> = HashMap::new();
    for relation in snapshot.relations.values() {
        let cascading = relation.constraints.iter().filter(|constraint| constraint.cascades());
        let referenced = cascading.filter_map(|constraint| constraint.references.as_ref());
        for table in relation.parents.iter().chain(referenced.map(|(table, _)| table)) {
            changing.entry(*table).or_default().push(relation.oid);
        }
    }
    changing
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::snapshot::Volatility;
    use super::*;

    #[test]
    fn names_that_are_put_together_are_known_by_their_parts() {
        let mut relied = Relied::default();
        relied.take_fragments("EXECUTE format('INSERT INTO %I_log ' || 'rt_' || x, '%2$s_end') -- _ __");
        let snapshot = Snapshot::default();
        for name in ["rt_eu", "RT_eu", "my_log", "the_end"] {
            assert!(relied.spells(&snapshot, name), "{name}");
        }
        for name in ["rt", "cart_x", "log", "_", "my_logs"] {
            assert!(!relied.spells(&snapshot, name), "{name}");
        }
    }

    #[test]
    fn another_sessions_temporary_table_keeps_no_name() {
        let mut snapshot = Snapshot::default();
        let named = |oid, schema: &str, name: &str| Relation {
            oid: Oid(oid),
            schema: schema.into(),
            name: name.into(),
            ..Relation::default()
        };
        snapshot.add_relation(named(20_001, "pg_temp_3", "passing"));
        snapshot.add_relation(named(20_002, "public", "staying"));
        let relied = Relied { dynamic: true, ..Relied::default() };
        assert!(relied.includes(&snapshot, None, "staying") && !relied.includes(&snapshot, None, "passing"));
    }

    pub(in crate::catalog) fn function(oid: u32, name: &str, body: &str) -> Function {
        Function {
            oid: Oid(oid),
            schema: "public".into(),
            name: name.into(),
            language: "plpgsql".into(),
            volatility: Volatility::Volatile,
            kind: 'f',
            body: body.into(),
            unreadable: false,
            returns_set: false,
            return_type: TRIGGER,
            argument_types: Vec::new(),
            extension: None,
            support: Vec::new(),
            outputs: Vec::new(),
            state_types: Vec::new(),
        }
    }

    /// A trigger writes to one table and reads another; a third is beside both.
    #[test]
    fn what_is_reached_is_followed_as_far_as_its_code_runs_and_no_further() {
        let mut snapshot = Snapshot::default();
        let mut table = |oid, name: &str, triggers: &[u32]| {
            let trigger_functions = triggers.iter().copied().map(Oid).collect();
            let named =
                Relation { oid: Oid(oid), schema: "public".into(), name: name.into(), ..Relation::default() };
            snapshot.add_relation(Relation { trigger_functions, ..named });
        };
        table(20_001, "staff", &[30_001]);
        table(20_002, "Trail of staff", &[30_002]);
        table(20_003, "rates", &[30_004]);
        table(20_004, "beside", &[30_005]);
        for (oid, name, body) in [
            (30_001, "keep", "BEGIN INSERT INTO \"Trail of staff\" VALUES (rated(NEW.id)); END"),
            (30_002, "hide", "BEGIN NEW.h := covered(NEW.h); END"),
            (30_003, "rated", "BEGIN RETURN (SELECT max(rate) FROM rates); END"),
            (30_004, "ticked", "BEGIN PERFORM tick(); END"),
            (30_005, "apart", "BEGIN PERFORM tock(); END"),
        ] {
            snapshot.add_function(function(oid, name, body));
        }
        let counted = Counted { relations: HashSet::from([Oid(20_001)]), ..Counted::default() };
        let relied = Relied::of(&Paths::of(&snapshot), &counted, &Trusted::new(&[]));
        assert!(relied.changes(Oid(20_002)) && relied.spells(&snapshot, "covered"));
        assert!(
            relied.reads(Oid(20_003)) && !relied.changes(Oid(20_003)) && relied.spells(&snapshot, "rates")
        );
        assert!(!relied.spells(&snapshot, "tick"), "reading runs no trigger");
        assert!(!relied.reads(Oid(20_004)) && !relied.spells(&snapshot, "tock"));
    }
}
