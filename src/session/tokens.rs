//! Tokens that a client gives as values: led back with the session's keys,
//! and put into the messages that go upstream.
//!
//! Invariant: an original goes upstream as a bound parameter only, never in
//! the text of a statement, and only where the decision says so.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::judge::Judged;
use super::state::Form;
use crate::catalog::Oid;
use crate::error::{ClientError, sqlstate};
use crate::mask::{self, Encoding, Format, KeyRing, Mask, MethodSpec, ValueType, Wire};
use crate::policy::ProtectedColumn;
use crate::policy::tokens::{Lead, Original, Tokens};
use crate::sql::Statement;
use crate::sql::analysis::{self as sql, Given, GivenAs};
use crate::wire::frontend::{Bind, BoundValue};

/// What is known of a statement's parameters when it is judged.
#[derive(Clone, Copy)]
pub(super) struct Handed<'a> {
    /// Types that the client declared, four bytes each.
    pub declared: &'a [u8],
    pub values: Values<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Values<'a> {
    /// They come later, with a Bind that is judged then.
    Open,
    Bound(&'a [BoundValue<'a>]),
    /// They were bound before: those that tokens were given for.
    Kept(&'a [u16]),
}

impl<'a> Handed<'a> {
    /// No parameter stands for a token.
    pub const NOTHING: Handed<'static> = Handed { declared: b"", values: Values::Kept(&[]) };

    pub fn kept(numbers: &'a [u16]) -> Self {
        Self { declared: b"", values: Values::Kept(numbers) }
    }
    pub fn open(declared: &'a [u8]) -> Self {
        Self { declared, values: Values::Open }
    }
}

/// Leads tokens back, for one statement.
pub(crate) struct Keys<'a> {
    keys: &'a KeyRing,
    /// None: nothing leads anywhere.
    encoding: Option<Encoding>,
    handed: Handed<'a>,
    /// Making a way back takes longer than going it.
    ways: RefCell<Vec<Way>>,
}

/// What leads values of one kind back. None: nothing does.
struct Way {
    method: MethodSpec,
    domain: Arc<str>,
    ty: ValueType,
    format: Format,
    back: Option<Box<dyn Mask>>,
}

impl Tokens for Keys<'_> {
    fn lead(&self, column: &ProtectedColumn, ty: &ValueType, given: &Given) -> Lead {
        let number = match &given.what {
            GivenAs::Text(text) | GivenAs::Number(text) => {
                let ty = elements(ty, given.array);
                return self.back(column, ty, Format::Text, text.as_bytes());
            }
            GivenAs::Parameter(number) => *number,
        };
        let declared = declared_type(self.handed.declared, number);
        match self.handed.values {
            Values::Kept(numbers) if numbers.contains(&number) => Lead::Stands,
            Values::Open if takes(declared, ty.oid, given.array) => Lead::Stands,
            Values::Bound(values) if takes(declared, ty.oid, given.array) => {
                match number.checked_sub(1).and_then(|index| values.get(usize::from(index))) {
                    Some((_, None)) => Lead::Null,
                    Some((code, Some(value))) => self.bound(column, ty, given.array, declared, *code, value),
                    None => Lead::Nowhere,
                }
            }
            Values::Kept(_) | Values::Open | Values::Bound(_) => Lead::Nowhere,
        }
    }

    fn is_null(&self, number: u16, array: bool) -> Option<bool> {
        match self.handed.values {
            Values::Open => None,
            Values::Kept(numbers) => Some(numbers.contains(&number)),
            Values::Bound(values) => {
                let value = number.checked_sub(1).and_then(|index| values.get(usize::from(index)));
                Some(match value {
                    Some((_, None)) => true,
                    // In text, `array_nulls = off` makes texts of them.
                    Some((1, Some(value))) => array && holds_nulls_alone(value),
                    Some((_, Some(_))) | None => false,
                })
            }
        }
    }

    fn declared(&self) -> usize {
        self.handed.declared.len() / 4
    }
}

impl<'a> Keys<'a> {
    pub(super) fn new(keys: &'a KeyRing, encoding: Option<Encoding>, handed: Handed<'a>) -> Self {
        Self { keys, encoding, handed, ways: RefCell::default() }
    }

    /// For a text whose parameters are not known.
    pub fn of_text(keys: &'a KeyRing) -> Self {
        Self::new(keys, Some(Encoding::Utf8), Handed::open(b""))
    }

    fn bound(
        &self,
        column: &ProtectedColumn,
        ty: &ValueType,
        array: bool,
        declared: Oid,
        code: u16,
        value: &[u8],
    ) -> Lead {
        let format = match code {
            0 => Format::Text,
            1 => Format::Binary,
            _ => return Lead::Nowhere,
        };
        let widened = if array { Some(Cow::Borrowed(value)) } else { widened(value, code, declared, ty.oid) };
        match widened {
            Some(value) => self.back(column, elements(ty, array), format, &value),
            None => Lead::Nowhere,
        }
    }

    fn back(&self, column: &ProtectedColumn, ty: ValueType, format: Format, token: &[u8]) -> Lead {
        let Some(encoding) = self.encoding else { return Lead::Nowhere };
        let mut ways = self.ways.borrow_mut();
        let known = ways.iter().position(|way| {
            way.format == format && way.ty == ty && way.domain == column.domain && way.method == column.method
        });
        let place = known.unwrap_or_else(|| {
            let wire = Wire { format, encoding };
            let back = mask::originals(&column.method, &column.domain, &ty, wire, self.keys);
            let (method, domain) = (column.method.clone(), column.domain.clone());
            ways.push(Way { method, domain, ty, format, back });
            ways.len() - 1
        });
        let mut out = BytesMut::new();
        match ways.get(place).and_then(|way| way.back.as_ref()).map(|back| back.apply(token, &mut out)) {
            Some(Ok(_)) => Lead::Original(Original(out.to_vec().into())),
            Some(Err(_)) | None => Lead::Nowhere,
        }
    }
}

/// Is nothing but NULL in this array, in binary (`array_send` in `arrayfuncs.c`)?
fn holds_nulls_alone(value: &[u8]) -> bool {
    let dimensions = value.first_chunk::<4>().map(|number| u32::from_be_bytes(*number));
    let header = dimensions.and_then(|number| usize::try_from(number).ok()?.checked_mul(8)?.checked_add(12));
    // A NULL is a length of -1.
    let elements = header.and_then(|header| value.get(header..));
    elements.is_some_and(|elements| elements.iter().all(|byte| *byte == u8::MAX))
}

/// The type of an array of `ty`, as far as its elements go.
fn elements(ty: &ValueType, array: bool) -> ValueType {
    match array {
        true => ValueType { element: Some(ty.oid), ..ty.clone() },
        false => ty.clone(),
    }
}

const INTEGERS: [Oid; 3] = [Oid(21), Oid(23), Oid(20)];
const BPCHAR: Oid = Oid(1042);
const BPCHARS: [Oid; 2] = [BPCHAR, Oid(1014)];
const TEXTS: [Oid; 3] = [Oid(25), Oid(1043), BPCHAR];
/// Left to the server: not declared, or `unknown`.
const UNDECLARED: [Oid; 2] = [Oid(0), Oid(705)];

fn declared_type(declared: &[u8], number: u16) -> Oid {
    let at = usize::from(number).saturating_sub(1).saturating_mul(4);
    let word = declared.get(at..).and_then(<[u8]>::first_chunk::<4>);
    Oid(word.map_or(0, |word| u32::from_be_bytes(*word)))
}

/// May a parameter declared so stand for a token of type `ty`, or an array of them?
fn takes(declared: Oid, ty: Oid, array: bool) -> bool {
    if UNDECLARED.contains(&declared) {
        return true;
    }
    match (array, ty) {
        (false, ty) if declared == ty => true,
        // Where one side is `bpchar`, blanks at the end count no more.
        (false | true, ty) if ty != BPCHAR && BPCHARS.contains(&declared) => false,
        (false, ty) if TEXTS.contains(&ty) => TEXTS.contains(&declared),
        (false, ty) => INTEGERS.contains(&ty) && INTEGERS.contains(&declared),
        (true, Oid(25 | 1043 | 1042)) => matches!(declared, Oid(1009 | 1015 | 1014)),
        (true, Oid(23)) => declared == Oid(1007),
        (true, Oid(20)) => declared == Oid(1016),
        (true, Oid(2950)) => declared == Oid(2951),
        (true, _) => false,
    }
}

/// An integer that was declared as `from`, as one of type `to`: drivers
/// declare the narrowest type that holds the number, its original may need a
/// wider one. None: it is none, or does not fit.
fn widened<'v>(value: &'v [u8], code: u16, from: Oid, to: Oid) -> Option<Cow<'v, [u8]>> {
    if code == 0 || from == to || !INTEGERS.contains(&from) || !INTEGERS.contains(&to) {
        return Some(Cow::Borrowed(value));
    }
    let number = match from {
        Oid(21) => i64::from(i16::from_be_bytes(value.try_into().ok()?)),
        Oid(23) => i64::from(i32::from_be_bytes(value.try_into().ok()?)),
        _ => i64::from_be_bytes(value.try_into().ok()?),
    };
    Some(Cow::Owned(match to {
        Oid(21) => i16::try_from(number).ok()?.to_be_bytes().to_vec(),
        Oid(23) => i32::try_from(number).ok()?.to_be_bytes().to_vec(),
        _ => number.to_be_bytes().to_vec(),
    }))
}

/// The type that a parameter is declared with upstream: the column's, where
/// it stands for a token and for nothing else.
fn sent_type(statement: &Statement, number: u16, declared: Oid) -> Oid {
    let open = UNDECLARED.contains(&declared) || INTEGERS.contains(&declared);
    if !open || statement.parameters.loose.contains(&number) {
        return declared;
    }
    let uses = statement.uses.iter().filter_map(|use_| use_.given.as_ref());
    let uses = uses.filter(|given| !given.only_null);
    let places = uses.flat_map(|given| given.values.iter().map(|value| (given.ty.oid, value)));
    let mut types = places
        .filter(|(_, value)| value.what == GivenAs::Parameter(number))
        .map(|(ty, value)| sql::declared_type(ty, value.array));
    match types.next() {
        Some(ty)
            if (UNDECLARED.contains(&declared) || INTEGERS.contains(&ty))
                && types.all(|other| other == ty) =>
        {
            ty
        }
        Some(_) | None => declared,
    }
}

/// How the server's copy of a statement must be, as it was judged.
pub(super) fn form_of(judged: &Judged, statement: Option<&Statement>, declared: &Bytes) -> Form {
    let plain = Form { edits: judged.edits.clone(), ..Form::plain(declared) };
    let observed = judged.guarded.as_ref().is_some_and(|guarded| guarded.observed);
    let takes = |statement: &&Statement| statement.takes_tokens() && !observed;
    let Some(statement) = statement.filter(takes) else { return plain };
    let count = usize::from(statement.parameters.count).max(declared.len() / 4);
    let mut types: Vec<Oid> = (1..=u16::MAX)
        .take(count)
        .map(|number| sent_type(statement, number, declared_type(declared, number)))
        .collect();
    types.extend(judged.tokens.literals.iter().map(|(oid, _)| *oid));
    while types.len() > declared.len() / 4 && types.last() == Some(&Oid(0)) {
        types.pop();
    }
    let types: Vec<u8> = types.iter().flat_map(|oid| oid.0.to_be_bytes()).collect();
    match types == *declared {
        true => plain,
        false => Form { types: types.into(), own: u16::try_from(count).ok(), ..plain },
    }
}

/// The Bind that goes upstream in the client's place, of what `statement` is the
/// name of there. None: the client's own.
///
/// # Errors
/// As the server's: it must not count parameters that it was not given.
pub(super) fn rewritten(
    bind: &Bind<'_>,
    statement: &[u8],
    values: &[BoundValue<'_>],
    judged: &Judged,
    declared: &[u8],
    form: &Form,
) -> Result<Option<Bytes>, ClientError> {
    let tokens = &judged.tokens;
    let mut out = BytesMut::new();
    if form.own.is_none() && tokens.is_empty() {
        if statement == bind.statement {
            return Ok(None);
        }
        Bind { statement, ..*bind }.write(&mut out);
        return Ok(Some(out.freeze()));
    }
    let own = form.own.unwrap_or(tokens.own);
    if values.len() != usize::from(own) {
        let name = String::from_utf8_lossy(bind.statement);
        return Err(ClientError::new(
            sqlstate::PROTOCOL_VIOLATION,
            format!(
                "bind message supplies {} parameters, but prepared statement \"{name}\" requires {own}",
                values.len()
            ),
        ));
    }
    let mut sent: Vec<(u16, Option<Cow<'_, [u8]>>)> = Vec::with_capacity(values.len());
    for (number, (code, value)) in (1..=u16::MAX).zip(values) {
        let (from, to) = (declared_type(declared, number), declared_type(&form.types, number));
        let original = tokens.parameters.iter().find(|(known, _)| *known == number);
        let value = match (original, value) {
            (Some((_, Some(original))), _) => Some(Cow::Borrowed(original.0.as_slice())),
            (_, Some(value)) => Some(widened(value, *code, from, to).ok_or_else(out_of_range)?),
            (_, None) => None,
        };
        sent.push((*code, value));
    }
    sent.extend(tokens.literals.iter().map(|(_, original)| (0, Some(Cow::Borrowed(original.0.as_slice())))));
    let sent: Vec<BoundValue<'_>> = sent.iter().map(|(code, value)| (*code, value.as_deref())).collect();
    Bind { statement, ..*bind }.write_with(&sent, &mut out);
    Ok(Some(out.freeze()))
}

fn out_of_range() -> ClientError {
    ClientError::new("22003", "an integer parameter is out of range for the column it is compared with")
}

/// SQL's own PREPARE and EXECUTE take their values as text.
pub(super) fn tokens_by_name() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "a token can't stand for its original in PREPARE or EXECUTE",
    )
    .with_hint("Send the statement itself, or prepare it by the protocol, as drivers do.")
}

/// A foreign table's server is sent text, and shows it to others.
pub(super) fn tokens_far_away(column: &ProtectedColumn) -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        format!("a token can't stand for its original over foreign table {}.{}", column.schema, column.table),
    )
    .with_hint("Ask for access to the column, and use the value itself.")
}

/// A message with an original in it is one statement.
pub(super) fn tokens_among_several() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "a token can't stand for its original in a message of several statements",
    )
    .with_hint("Send the statement by itself.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_widened_to_the_columns_type() {
        let narrow = (-2_i16).to_be_bytes();
        assert_eq!(widened(&narrow, 1, Oid(21), Oid(23)).unwrap(), &(-2_i32).to_be_bytes()[..]);
        assert_eq!(widened(&narrow, 1, Oid(21), Oid(20)).unwrap(), &(-2_i64).to_be_bytes()[..]);
        assert_eq!(widened(b"-2", 0, Oid(21), Oid(20)).unwrap(), &b"-2"[..]);
        let wide = i64::MAX.to_be_bytes();
        assert!(widened(&wide, 1, Oid(20), Oid(23)).is_none());
        assert!(widened(&narrow, 1, Oid(23), Oid(20)).is_none());
    }

    #[test]
    fn an_array_of_nulls_holds_nothing_else() {
        let array = |dimensions: i32, bounds: &[i32], elements: &[u8]| {
            let head = [dimensions, 1, 25];
            let words = head.iter().chain(bounds).flat_map(|word| word.to_be_bytes());
            words.chain(elements.iter().copied()).collect::<Vec<u8>>()
        };
        assert!(holds_nulls_alone(&array(1, &[2, 1], &[255; 8])));
        assert!(holds_nulls_alone(&array(0, &[], &[])));
        assert!(!holds_nulls_alone(&array(1, &[2, 1], &[255, 255, 255, 255, 0, 0, 0, 0])));
        assert!(!holds_nulls_alone(&array(1, &[1, 1], &[0, 0, 0, 1, 255])));
        assert!(!holds_nulls_alone(&array(3, &[1, 1], &[255; 4])));
        assert!(!holds_nulls_alone(&array(-1, &[1, 1], &[255; 4])));
        assert!(!holds_nulls_alone(b"{NULL}"));
    }

    #[test]
    fn a_parameter_of_another_kind_of_type_stands_for_no_token() {
        for (declared, ty, array, fits) in [
            (0, 25, false, true),
            (1043, 25, false, true),
            (23, 25, false, false),
            (21, 20, false, true),
            (25, 20, false, false),
            (2950, 2950, false, true),
            (1009, 1043, true, true),
            (25, 25, true, false),
            (1005, 23, true, false),
        ] {
            assert_eq!(takes(Oid(declared), Oid(ty), array), fits, "{declared} for {ty}");
        }
    }
}
