//! From a token back to the original: what `token` and `fpe` are for. Used where
//! a client hands in a token as a value; the original never leaves the proxy
//! but upstream.

use bytes::BytesMut;
use zeroize::Zeroizing;

use super::fpe::{Cipher, Classes};
use super::keys::KeyRing;
use super::method::MethodSpec;
use super::permute::Direction;
use super::types::text::Shape;
use super::types::{Family, family, integer, uuid};
use super::{Format, ValueType, fits, token};

/// The original of `token`, both as values of type `ty` in `format`.
///
/// None: the method is not reversible or does not fit the type, or this is no
/// token of the domain. Where every value of a type is a possible token (`fpe`,
/// integers, UUIDs), any value leads somewhere, though perhaps to nobody.
/// Arrays have no tokens of their own, only their elements do.
pub fn original(
    spec: &MethodSpec,
    domain: &str,
    ty: &ValueType,
    format: Format,
    token: &[u8],
    keys: &KeyRing,
) -> Option<Zeroizing<Vec<u8>>> {
    if ty.element.is_some() || fits(spec, ty).is_err() {
        return None;
    }
    match (spec, family(ty)?) {
        (MethodSpec::Token, Family::Text(kind)) => {
            let content = Shape::of(kind, ty.modifier).content(token);
            token::resolve(content, domain, keys).map(|text| text.as_bytes().to_vec().into())
        }
        (MethodSpec::Token, Family::Integer(width)) => {
            let number = integer::decode(token, width, format)?;
            let permutation = token::integers(keys, domain, width)?;
            let number = token::turn_integer(&permutation, Direction::ToOriginal, width, number)?;
            let mut out = BytesMut::new();
            integer::encode(number, width, format, &mut out).then(|| out.to_vec().into())
        }
        (MethodSpec::Token, Family::Uuid) => {
            let value = uuid::decode(token, format)?;
            let permutation = token::uuids(keys, domain)?;
            let value = permutation.bits(Direction::ToOriginal, u128::from_be_bytes(value), 128)?;
            let mut out = BytesMut::new();
            uuid::encode(&value.to_be_bytes(), format, &mut out);
            Some(out.to_vec().into())
        }
        (MethodSpec::Fpe { alphabet }, Family::Text(kind)) => {
            let content = Shape::of(kind, ty.modifier).content(token);
            let cipher = Cipher::new(keys, domain, Classes::of(alphabet.as_deref()))?;
            let text = cipher.turn(Direction::ToOriginal, std::str::from_utf8(content).ok()?)?;
            Some(text.as_bytes().to_vec().into())
        }
        _ => None,
    }
}
