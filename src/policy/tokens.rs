//! Tokens that a client gives as values: which of them are, and what goes
//! upstream in their place.
//!
//! A session that does not see a column knows its values by their tokens
//! only, so every literal or parameter that it gives there must be one: a
//! comparison with anything else would tell about the original. Where it sees
//! the column (a grant, or `allow = ["search"]`), a text that is a token still
//! means its original, which no other text can be taken for; any other value
//! means itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::ProtectedColumn;
use super::decide::Standing;
use crate::catalog::Oid;
use crate::mask::{Method, ValueType};
use crate::sql::analysis::{Given, GivenAs, GivenValues, Statement, StatementKind, Use, declared_type};
use crate::sql::splice::Edit;

/// Leads tokens back. Made by the session, which has the keys and what was
/// bound.
pub trait Tokens {
    /// What `given` leads to, as a value of type `ty`.
    fn lead(&self, column: &ProtectedColumn, ty: &ValueType, given: &Given) -> Lead;

    /// Is this parameter NULL, or (`array`) an array of NULLs? None: it is bound
    /// later.
    fn is_null(&self, number: u16, array: bool) -> Option<bool>;

    /// Parameters that the client has declared: those of bauta's own are
    /// numbered after them.
    fn declared(&self) -> usize {
        0
    }
}

/// Where a given value leads.
#[derive(Debug)]
pub enum Lead {
    Original(Original),
    /// It is NULL.
    Null,
    /// It stands as it is: a parameter that is bound later, or was NULL or replaced
    /// when it was bound.
    Stands,
    /// It is no token.
    Nowhere,
}

/// No token leads anywhere: a session whose keys are not at hand.
pub struct NoTokens;

impl Tokens for NoTokens {
    fn lead(&self, _: &ProtectedColumn, _: &ValueType, _: &Given) -> Lead {
        Lead::Nowhere
    }

    fn is_null(&self, _: u16, _: bool) -> Option<bool> {
        Some(false)
    }
}

/// An original on its way upstream. Shows nothing of itself.
#[derive(Clone)]
pub struct Original(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Original {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What goes upstream in the place of tokens.
#[derive(Debug, Clone, Default)]
pub struct Handover {
    /// How many parameters the client's own text has, declared ones included.
    pub own: u16,
    /// Literals that became parameters, numbered from `own + 1`, in text
    /// format; with the type to declare.
    pub literals: Vec<(Oid, Original)>,
    /// Parameters of the client that stand for tokens. None: nothing is to be
    /// put in its place (any more).
    pub parameters: Vec<(u16, Option<Original>)>,
    /// Of COPY … FROM STDIN: columns whose values are looked at as they pass.
    pub streamed: Vec<Streamed>,
}

/// A column of the data of a COPY … FROM STDIN.
#[derive(Debug, Clone)]
pub struct Streamed {
    /// Its place in a row, from 0.
    pub place: usize,
    /// The column written to, or one that shares a constraint with it.
    pub column: Arc<ProtectedColumn>,
    /// The type of what is written.
    pub ty: ValueType,
    pub takes: Takes,
}

/// What may be written in such a column, besides NULL and the default. The least
/// comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Takes {
    Nothing,
    /// Tokens, whose originals are stored.
    Tokens,
    /// Tokens, or values that mean themselves.
    Either,
}

impl Takes {
    /// Does anything lead back?
    pub fn leads(self) -> bool {
        matches!(self, Self::Tokens | Self::Either)
    }
}

impl Handover {
    pub fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.parameters.is_empty()
    }

    pub fn has_originals(&self) -> bool {
        !self.literals.is_empty()
            || self.parameters.iter().any(|(_, original)| original.is_some())
            || self.streams_originals()
    }

    /// The server is to fail what it is handed: nothing leads back.
    pub fn withhold(&mut self) {
        self.literals.iter_mut().for_each(|(_, original)| *original = Original(Zeroizing::default()));
        self.parameters.iter_mut().for_each(|(_, original)| *original = None);
    }

    pub fn streams_originals(&self) -> bool {
        self.streamed.iter().any(|streamed| streamed.takes.leads())
    }
}

/// More originals than a Bind message can carry parameters.
#[derive(Debug)]
pub struct TooMany;

/// What a use makes of the values that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// Each must be a token.
    Tokens,
    /// Each is a token, or itself.
    Either,
    /// Each is itself, and none a token.
    Values,
}

/// What stands in the lists of a domain.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    tokens: bool,
    /// What is no token.
    values: bool,
}

impl Held {
    /// What is made of the values of a use; `sees`: as for [`Giving::settle_lists`].
    fn means(self, means: Option<Means>, sees: Option<bool>) -> Option<Means> {
        match (means, sees) {
            (Some(Means::Either), Some(_)) if !self.values => Some(Means::Tokens),
            (Some(Means::Either), Some(sees)) if !self.tokens || !sees => Some(Means::Values),
            // What is compared with such a list would be answered too.
            (Some(Means::Tokens), _) if self.values => None,
            (known, _) => known,
        }
    }
}

/// The values given in one statement, while it is decided.
pub(super) struct Giving<'a> {
    tokens: &'a dyn Tokens,
    statement: &'a Statement,
    /// Parameters that can't be replaced: they stand elsewhere too, or mean
    /// different things.
    fixed: BTreeSet<u16>,
    literals: BTreeMap<usize, (Edit, Oid, Original)>,
    /// What stands for literals that are arrays of NULLs.
    nulls: BTreeMap<usize, Edit>,
    parameters: BTreeMap<u16, Option<Original>>,
    streamed: Vec<Streamed>,
}

impl<'a> Giving<'a> {
    pub fn new(statement: &'a Statement, tokens: &'a dyn Tokens) -> Self {
        let fixed = statement.parameters.loose.iter().copied().collect();
        Self {
            tokens,
            statement,
            fixed,
            literals: BTreeMap::new(),
            nulls: BTreeMap::new(),
            parameters: BTreeMap::new(),
            streamed: Vec::new(),
        }
    }

    /// Takes note of what each use makes of its values: a parameter that means
    /// a token here and a value there can't be both.
    pub fn settle(&mut self, uses: &[(&Use, Option<Means>)]) {
        let mut meanings: BTreeMap<u16, Meaning<'_>> = BTreeMap::new();
        for (use_, means) in uses {
            let (Some(given), Some(column)) = (&use_.given, use_.columns.first()) else { continue };
            if given.only_null {
                continue;
            }
            let meaning = Meaning { column, ty: &given.ty, means: *means };
            for value in &given.values {
                let GivenAs::Parameter(number) = value.what else { continue };
                let known = *meanings.entry(number).or_insert(meaning);
                if !known.agrees(&meaning) {
                    self.fixed.insert(number);
                }
            }
        }
    }

    /// What a use makes of its values, by how its columns stand to it.
    pub fn means(&self, use_: &Use, standings: &[(Arc<ProtectedColumn>, Standing)]) -> Option<Means> {
        let given = use_.given.as_ref()?;
        let column = use_.columns.first()?;
        if !self.takes_tokens() {
            return None;
        }
        let any_value = every_value_is_a_token(column, given);
        let seen = standings.iter().any(|(_, s)| matches!(s, Standing::Revealed(_) | Standing::NoExport));
        let lacking = standings.iter().any(|(_, s)| matches!(s, Standing::Lacking | Standing::NoExport));
        match (lacking, seen) {
            // Its plan would tell how frequent the value itself is.
            (false, _) if given.only_null => None,
            (true, _) if any_value && self.is_explained() => None,
            (_, true) if any_value => None,
            (true, _) => Some(Means::Tokens),
            (false, _) => Some(Means::Either),
        }
    }

    fn takes_tokens(&self) -> bool {
        match self.statement.kind {
            StatementKind::Query
            | StatementKind::DeclareCursor { .. }
            | StatementKind::Prepare { .. }
            | StatementKind::Explain
            | StatementKind::CopyIn(_) => true,
            StatementKind::Execute { .. }
            | StatementKind::ExplainExecute { .. }
            | StatementKind::Deallocate { .. }
            | StatementKind::Fetch { .. }
            | StatementKind::ClosePortal { .. }
            | StatementKind::CopyOut(_)
            | StatementKind::Transaction(_)
            | StatementKind::Discard { .. }
            | StatementKind::Setting { .. }
            | StatementKind::Utility => false,
        }
    }

    /// EXPLAIN keeps tokens as they are.
    fn is_explained(&self) -> bool {
        matches!(self.statement.kind, StatementKind::Explain)
    }

    /// Hands over what is given to a use. False: something in it is no token,
    /// though it must be.
    pub fn take(&mut self, use_: &Use, means: Means) -> bool {
        let (Some(given), Some(column)) = (&use_.given, use_.columns.first()) else { return false };
        if let StatementKind::CopyIn(copy) = &self.statement.kind {
            return copy.format.is_ok() && self.watch(given, column, means);
        }
        if given.only_null {
            return self.take_nulls(given);
        }
        let mut leads = Vec::with_capacity(given.values.len());
        for value in &given.values {
            match (self.lead(column, given, value), means) {
                (Lead::Nowhere, Means::Tokens) | (Lead::Original(_), Means::Values) => return false,
                (Lead::Stands, Means::Values) if !self.is_open(value) => return false,
                (Lead::Nowhere, Means::Either) | (_, Means::Values) => {}
                (lead, Means::Tokens | Means::Either) => leads.push((value, lead)),
            }
        }
        for (value, lead) in leads {
            self.keep(value, lead, given.ty.oid);
        }
        true
    }

    fn lead(&self, column: &ProtectedColumn, given: &GivenValues, value: &Given) -> Lead {
        match value.what {
            GivenAs::Parameter(number) if self.fixed.contains(&number) => Lead::Nowhere,
            _ => self.tokens.lead(column, &given.ty, value),
        }
    }

    fn is_open(&self, value: &Given) -> bool {
        matches!(value.what, GivenAs::Parameter(number) if self.tokens.is_null(number, value.array).is_none())
    }

    /// Who sees the columns that a list meets may list anything. A token there may be
    /// of any other column of the domain, and what the mask tells, which values are
    /// equal, would tell of it beside values of the client's choice. So who does not
    /// see all of them lists tokens alone, or none. `sees`: of the uses of lists in
    /// which anything may stand, whether the person does. A column of each domain
    /// where values stand before one who does not.
    pub fn settle_lists(
        &self,
        uses: &[Use],
        sees: &[Option<bool>],
        means: &mut [Option<Means>],
    ) -> Vec<Arc<ProtectedColumn>> {
        let mut domains: Vec<&Arc<ProtectedColumn>> = Vec::new();
        for (use_, _) in uses.iter().zip(sees).filter(|(_, sees)| sees.is_some()) {
            let known = |column: &&Arc<ProtectedColumn>| domains.iter().any(|it| it.is_masked_like(column));
            domains.extend(use_.columns.first().filter(|column| !known(column)));
        }
        domains.retain(|column| {
            let is_of = |(use_, _): &(&Use, _)| is_given_of(use_, column);
            let held = self.held_by_lists(uses.iter().zip(&*means).filter(is_of));
            for ((use_, sees), means) in uses.iter().zip(sees).zip(means.iter_mut()) {
                if is_given_of(use_, column) {
                    *means = held.means(*means, *sees);
                }
            }
            let in_part =
                |(use_, sees): (&Use, &Option<bool>)| *sees == Some(false) && is_given_of(use_, column);
            held.values && uses.iter().zip(sees).any(in_part)
        });
        domains.into_iter().cloned().collect()
    }

    /// As far as it is known.
    fn held_by_lists<'u>(&self, uses: impl Iterator<Item = (&'u Use, &'u Option<Means>)>) -> Held {
        let mut held = Held::default();
        for (use_, means) in uses.filter(|(use_, _)| use_.domain.is_some()) {
            let (Some(given), Some(column), Some(_)) = (&use_.given, use_.columns.first(), means) else {
                held.values = true;
                continue;
            };
            for value in &given.values {
                match self.lead(column, given, value) {
                    Lead::Original(_) => held.tokens = true,
                    Lead::Stands => held.tokens |= !self.is_open(value),
                    Lead::Nowhere => held.values = true,
                    Lead::Null => {}
                }
            }
        }
        held
    }

    /// What is written comes later, in the data.
    fn watch(&mut self, given: &GivenValues, column: &Arc<ProtectedColumn>, means: Means) -> bool {
        let takes = match means {
            _ if given.only_null => Takes::Nothing,
            Means::Tokens => Takes::Tokens,
            Means::Either => Takes::Either,
            Means::Values => Takes::Nothing,
        };
        for value in &given.values {
            let GivenAs::Parameter(number) = value.what else { return false };
            let Some(place) = usize::from(number).checked_sub(1) else { return false };
            let takes = if self.fixed.contains(&number) { Takes::Nothing } else { takes };
            self.streamed.push(Streamed { place, column: column.clone(), ty: given.ty.clone(), takes });
        }
        true
    }

    fn take_nulls(&mut self, given: &GivenValues) -> bool {
        for value in &given.values {
            let GivenAs::Parameter(number) = value.what else {
                let Some(count) = nulls_in(value) else { return false };
                // Under `array_nulls = off` the literal would hold texts.
                let text = format!(" ARRAY[{}] ", vec!["NULL"; count].join(","));
                self.nulls.insert(value.span.start, Edit::new(value.span.clone(), text));
                continue;
            };
            if self.tokens.is_null(number, value.array) == Some(false) {
                return false;
            }
            self.parameters.entry(number).or_insert(None);
        }
        true
    }

    fn keep(&mut self, value: &Given, lead: Lead, ty: Oid) {
        let original = match lead {
            Lead::Original(original) if !self.is_explained() => Some(original),
            Lead::Original(_) | Lead::Null | Lead::Stands => None,
            Lead::Nowhere => return,
        };
        if let GivenAs::Parameter(number) = value.what {
            self.parameters.insert(number, original);
        } else if let Some(original) = original {
            let oid = declared_type(ty, value.array);
            let edit = Edit::new(value.span.clone(), "");
            self.literals.insert(value.span.start, (edit, oid, original));
        }
    }

    /// What is handed over, with the edits that take literals out of the text.
    /// A literal inside one of `others` is gone already.
    ///
    /// # Errors
    /// There are more than a message can carry.
    pub fn finish(&mut self, others: &[Edit]) -> Result<(Handover, Vec<Edit>), TooMany> {
        let own = usize::from(self.statement.parameters.count).max(self.tokens.declared());
        let own = u16::try_from(own).map_err(|_| TooMany)?;
        let parameters = std::mem::take(&mut self.parameters).into_iter().collect();
        let streamed = std::mem::take(&mut self.streamed);
        let mut handover = Handover { own, literals: Vec::new(), parameters, streamed };
        let is_there =
            |edit: &Edit| !others.iter().any(|other| other.start <= edit.start && edit.end <= other.end);
        let mut edits: Vec<Edit> = std::mem::take(&mut self.nulls).into_values().filter(is_there).collect();
        for (edit, oid, original) in std::mem::take(&mut self.literals).into_values() {
            if !is_there(&edit) {
                continue;
            }
            let place = u16::try_from(handover.literals.len() + 1).ok();
            let number = place.and_then(|place| own.checked_add(place)).ok_or(TooMany)?;
            handover.literals.push((oid, original));
            edits.push(Edit { text: format!(" ${number} "), ..edit });
        }
        Ok((handover, edits))
    }
}

/// What a parameter means at one of its places.
#[derive(Clone, Copy)]
struct Meaning<'a> {
    column: &'a ProtectedColumn,
    ty: &'a ValueType,
    means: Option<Means>,
}

impl Meaning<'_> {
    fn agrees(&self, other: &Self) -> bool {
        self.column.is_masked_like(other.column)
            && declared_type(self.ty.oid, false) == declared_type(other.ty.oid, false)
            && self.means.is_some() == other.means.is_some()
    }
}

/// How many NULLs a literal is an array of. None: it is another thing.
pub(crate) fn nulls_in(given: &Given) -> Option<usize> {
    let GivenAs::Text(text) = &given.what else { return None };
    let inside = text.strip_prefix('{')?.strip_suffix('}').filter(|_| given.array)?;
    let is_null = inside.split(',').all(|element| element.eq_ignore_ascii_case("null"));
    is_null.then(|| inside.split(',').count())
}

/// Is it about columns that are masked like this one, and more than NULLs given to
/// them?
fn is_given_of(use_: &Use, column: &ProtectedColumn) -> bool {
    let gives = use_.given.as_ref().is_none_or(|given| !given.only_null);
    gives && use_.columns.first().is_some_and(|first| first.is_masked_like(column))
}

/// Is there no value of the type that is not a token?
fn every_value_is_a_token(column: &ProtectedColumn, given: &GivenValues) -> bool {
    match column.method.method() {
        _ if given.only_null => false,
        Method::Fpe => true,
        _ => crate::mask::is_permuted(&given.ty),
    }
}
