//! Accessors of json and jsonb with constant paths, on columns that are masked
//! inside their documents: `->`, `->>`, `#>`, `#>>`, `jsonb_extract_path` and
//! its kin, `payload['user']['email']`. They reach what no path names, which is
//! plain truth; a protected value, which has its own mask; or what holds some,
//! which is masked inside. Everything else is any other expression.
//!
//! Invariant: only `pg_catalog`'s own accessors count, on values that are
//! certainly documents of the column.

use pg_query::NodeEnum;
use pg_query::protobuf::{AIndices, Node, TypeCast, a_const};

use super::names::strings;
use super::value::Value;
use super::{Walk, value};
use crate::catalog::Oid;
use crate::catalog::snapshot::Relation;
use crate::mask::{Method, ValueType};
use crate::policy::Inside;
use crate::policy::paths::{Form, Reached, Step, follow};
use crate::sql::analysis::Flow;

const JSON: Oid = Oid(114);
pub(super) const JSONB: Oid = Oid(3802);
pub(super) const TEXT: Oid = Oid(25);
const INT4: Oid = Oid(23);
const TEXT_ARRAY: Oid = Oid(1009);

/// Functions that take a document and the keys on the way.
const EXTRACTING: &[(&str, Form)] = &[
    ("json_extract_path", Form::Json),
    ("jsonb_extract_path", Form::Json),
    ("json_extract_path_text", Form::Text),
    ("jsonb_extract_path_text", Form::Text),
];

/// Does a function of this name take something out of a document?
pub(super) fn is_extracting(name: &str) -> bool {
    EXTRACTING.iter().any(|(known, _)| *known == name)
}

impl<'a> Walk<'a> {
    /// What an operator takes out of `document`. None: it is no accessor, or
    /// not one with a constant path.
    pub(super) fn accessed(&mut self, names: &[&str], document: &Value, right: &Node) -> Option<Value> {
        let own = self.document_type(document)?;
        let (steps, operand, form) = match *names.last()? {
            "->" => (step(right, own)?, key_type(right)?, Form::Json),
            "->>" => (step(right, own)?, key_type(right)?, Form::Text),
            "#>" => (path(right)?, TEXT_ARRAY, Form::Json),
            "#>>" => (path(right)?, TEXT_ARRAY, Form::Text),
            _ => return None,
        };
        let builtin = |left| self.is_builtin_operator(names, [left, Some(operand)]);
        if !builtin(document.type_oid) || !builtin(Some(own)) {
            return None;
        }
        self.note_letters(&steps);
        self.reached(document, &steps, form, own)
    }

    /// The same for a call of the function `name` of `pg_catalog`.
    pub(super) fn extracted(&mut self, name: &str, arguments: &[Value], nodes: &[Node]) -> Option<Value> {
        let (_, form) = EXTRACTING.iter().find(|(known, _)| *known == name)?;
        let (document, (_, keys)) = (arguments.first()?, nodes.split_first()?);
        let own = self.document_type(document)?;
        let steps = keys.iter().map(|node| Some(Step::of_text(text(node)?))).collect::<Option<Vec<_>>>()?;
        self.note_letters(&steps);
        self.reached(document, &steps, *form, own)
    }

    /// `document[…]`, of jsonb only.
    pub(super) fn subscripted(&mut self, document: &Value, indices: &AIndices) -> Option<Value> {
        let own = self.document_type(document).filter(|own| *own == JSONB && !indices.is_slice)?;
        let node = indices.uidx.as_deref()?;
        // A number is looked up as its text.
        let key = match text(node) {
            Some(text) => text.to_owned(),
            None => number(node)?.to_string(),
        };
        let steps = [Step::of_text(&key)];
        self.note_letters(&steps);
        self.reached(document, &steps, Form::Json, own)
    }

    /// The server may read other letters than ASCII as other ones.
    pub(super) fn note_letters(&mut self, steps: &[Step]) {
        self.spells_letters |= steps.iter().any(|step| match step {
            Step::Member(key) | Step::Either(key) => !key.is_ascii(),
            Step::Element | Step::ElementOrSelf => false,
        });
    }

    /// The field `name` of a composite value that is masked field by field.
    pub(super) fn part(&self, value: &Value, name: &str) -> Option<Value> {
        let field = self.composite(value)?.column(name)?;
        let steps = [Step::Member(name.to_owned())];
        let part = self.reached(value, &steps, Form::Field, field.type_oid)?;
        Some(Value { collated: field.nondeterministic, recased: field.recased, ..part })
    }

    /// All fields of such a value, by their names.
    pub(super) fn parts(&self, value: &Value) -> Option<Vec<(String, Value)>> {
        let fields = self.composite(value)?.columns.iter();
        fields.map(|field| Some((field.name.to_string(), self.part(value, &field.name)?))).collect()
    }

    /// What lists the fields of the value's type, if it is certainly a column's
    /// composite value or a part of one.
    fn composite(&self, value: &Value) -> Option<&'a Relation> {
        let Flow::Plain { columns, cast: false } = &value.flow else { return None };
        let masked_inside = columns.iter().all(|column| {
            column.method.method() == Method::Document
                && column.paths.iter().all(|path| path.inside == Inside::Composite)
        });
        if !masked_inside || value.row.is_some() || value.elements.is_some() {
            return None;
        }
        let snapshot = self.facts.snapshot;
        let ty = ValueType::resolve(snapshot, value.type_oid?, -1);
        let info = snapshot.types.get(&ty.oid).filter(|info| info.kind == 'c' && ty.element.is_none())?;
        snapshot.relations.get(&info.relation?)
    }

    /// json or jsonb, if the value is certainly a column's document or a part of one.
    pub(super) fn document_type(&self, value: &Value) -> Option<Oid> {
        let Flow::Plain { columns, cast: false } = &value.flow else { return None };
        let masked_inside = columns.iter().all(|column| column.method.method() == Method::Document);
        if !masked_inside || value.row.is_some() || value.elements.is_some() {
            return None;
        }
        let ty = ValueType::resolve(self.facts.snapshot, value.type_oid?, -1);
        (ty.element.is_none() && matches!(ty.oid, JSON | JSONB)).then_some(ty.oid)
    }

    /// Is it a document, or might it be? Its text is not what its mask masks.
    pub(super) fn may_be_document(&self, value: &Value) -> bool {
        let is_text = value.type_oid == Some(TEXT) || value.type_oid == Some(Oid(1043));
        !is_text
            && value::columns(&value.flow).iter().any(|column| column.method.method() == Method::Document)
    }

    fn reached(&self, document: &Value, steps: &[Step], form: Form, own: Oid) -> Option<Value> {
        let mut found = Vec::new();
        for column in value::columns(&document.flow) {
            match follow(column, steps, form) {
                Reached::Protected(column) => found.push(column),
                Reached::Free if found.is_empty() => {}
                Reached::Free | Reached::Unclear => return None,
            }
        }
        if found.is_empty() {
            return Some(Value::clean());
        }
        // All columns of a flow have the same paths: one that reaches nothing is none of these.
        if found.len() != value::columns(&document.flow).len() {
            return None;
        }
        let type_oid = Some(if form == Form::Text { TEXT } else { own });
        let value = document.clone().becomes(Flow::Plain { columns: found, cast: false });
        Some(Value { type_oid, collated: false, ..value })
    }
}

/// The constant right operand of `->`, behind a document of type `own`.
fn step(node: &Node, own: Oid) -> Option<Vec<Step>> {
    let step = match (text(node), number(node)) {
        (Some(key), _) => Step::Member(key.to_owned()),
        (None, Some(_)) if own == JSONB => Step::ElementOrSelf,
        (None, Some(_)) => Step::Element,
        (None, None) => return None,
    };
    Some(vec![step])
}

fn key_type(node: &Node) -> Option<Oid> {
    text(node).map(|_| TEXT).or_else(|| number(node).map(|_| INT4))
}

/// `'user'`, `'user'::text`.
pub(super) fn text(node: &Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            a_const::Val::Sval(text) => Some(&text.sval),
            a_const::Val::Ival(_)
            | a_const::Val::Fval(_)
            | a_const::Val::Boolval(_)
            | a_const::Val::Bsval(_) => None,
        },
        NodeEnum::TypeCast(cast) if casts_to(cast, "text", false) => text(cast.arg.as_deref()?),
        _ => None,
    }
}

/// `0`, `-1`: what fits an int4.
fn number(node: &Node) -> Option<i32> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            a_const::Val::Ival(number) => Some(number.ival),
            a_const::Val::Sval(_)
            | a_const::Val::Fval(_)
            | a_const::Val::Boolval(_)
            | a_const::Val::Bsval(_) => None,
        },
        _ => None,
    }
}

/// `'{user,email}'`, `ARRAY['user', 'email']`, either cast to `text[]`.
fn path(node: &Node) -> Option<Vec<Step>> {
    match node.node.as_ref()? {
        NodeEnum::AArrayExpr(array) => {
            array.elements.iter().map(|node| Some(Step::of_text(text(node)?))).collect()
        }
        NodeEnum::TypeCast(cast) if casts_to(cast, "text", true) => path(cast.arg.as_deref()?),
        _ => array_literal(text(node)?),
    }
}

/// One dimension, as `array_in` (`arrayfuncs.c`) reads it. None: anything that
/// is not plainly that, such as quotes or an element NULL.
fn array_literal(text: &str) -> Option<Vec<Step>> {
    let inside = text.trim_ascii().strip_prefix('{')?.strip_suffix('}')?;
    if inside.trim_ascii().is_empty() {
        return Some(Vec::new());
    }
    let element = |text: &str| {
        let text = text.trim_ascii();
        let is_plain = !text.is_empty()
            && !text.eq_ignore_ascii_case("null")
            && !text.contains(|c: char| matches!(c, '"' | '\\' | '{' | '}') || c.is_control());
        is_plain.then(|| Step::of_text(text))
    };
    inside.split(',').map(element).collect()
}

pub(super) fn casts_to(cast: &TypeCast, name: &str, array: bool) -> bool {
    let Some(target) = cast.type_name.as_ref() else { return false };
    let plain = !target.setof && !target.pct_type && target.typmods.is_empty();
    let names = strings(&target.names);
    let named = matches!(names.as_deref(), Some([only] | ["pg_catalog", only]) if *only == name);
    plain && named && target.array_bounds.len() == usize::from(array)
}
