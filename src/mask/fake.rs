//! `fake`: a made-up value of a kind, the same for the same original: drawn from
//! the `fake` crate's lists by a generator (ChaCha8) that is seeded with the
//! keyed hash of the original.
//! The lists are short, so different originals often share a made-up value:
//! nobody may count on equality. Versions are pinned, and a test holds known
//! answers: an update must not give everybody a new name unnoticed.

use bytes::{BufMut, BytesMut};
use fake::Fake;
use fake::faker::address::en::{BuildingNumber, CityName, StreetName};
use fake::faker::company::en::CompanyName;
use fake::faker::creditcard::en::CreditCardNumber;
use fake::faker::internet::en::{IPv4, SafeEmail};
use fake::faker::name::en::{FirstName, LastName, Name};
use fake::faker::phone_number::en::PhoneNumber;
use fake::rand::rngs::ChaCha8Rng;
use fake::rand::{Rng, SeedableRng};

use super::hash::Keyed;
use super::types::text::Shape;
use super::types::uuid;
use super::{Encoding, Format, Mask, Masked, UnreadableValue};

/// What is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Name,
    FirstName,
    LastName,
    Email,
    Phone,
    Street,
    City,
    Company,
    Ipv4,
    Uuid,
    Card,
}

impl Kind {
    pub const ALL: [(&str, Self); 11] = [
        ("name", Self::Name),
        ("first_name", Self::FirstName),
        ("last_name", Self::LastName),
        ("email", Self::Email),
        ("phone", Self::Phone),
        ("street", Self::Street),
        ("city", Self::City),
        ("company", Self::Company),
        ("ipv4", Self::Ipv4),
        ("uuid", Self::Uuid),
        ("card", Self::Card),
    ];

    /// Characters that a column must hold: most of the kind's values fit then.
    pub fn shortest(self) -> usize {
        match self {
            Self::FirstName | Self::LastName => 8,
            Self::City => 12,
            Self::Ipv4 => 15,
            Self::Name | Self::Phone | Self::Company | Self::Card => 16,
            Self::Street | Self::Email => 24,
            Self::Uuid => 36,
        }
    }

    fn draw(self, rng: &mut ChaCha8Rng) -> String {
        match self {
            Self::Name => Name().fake_with_rng(rng),
            Self::FirstName => FirstName().fake_with_rng(rng),
            Self::LastName => LastName().fake_with_rng(rng),
            // At example.com, .net or .org: no mail ever reaches anybody.
            Self::Email => SafeEmail().fake_with_rng(rng),
            Self::Phone => PhoneNumber().fake_with_rng(rng),
            Self::Street => {
                let number: String = BuildingNumber().fake_with_rng(rng);
                let street: String = StreetName().fake_with_rng(rng);
                format!("{number} {street}")
            }
            Self::City => CityName().fake_with_rng(rng),
            Self::Company => CompanyName().fake_with_rng(rng),
            Self::Ipv4 => IPv4().fake_with_rng(rng),
            Self::Uuid => random_uuid(rng),
            Self::Card => CreditCardNumber().fake_with_rng(rng),
        }
    }

    /// The crate's check digit is right for even lengths only.
    fn is_valid(self, value: &str) -> bool {
        self != Self::Card || luhn(value)
    }
}

/// Version 4 (RFC 9562, section 5.4).
fn random_uuid(rng: &mut ChaCha8Rng) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    let mut out = BytesMut::new();
    uuid::encode(&bytes, Format::Text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The check of card numbers (ISO/IEC 7812-1, annex B).
pub fn luhn(number: &str) -> bool {
    let digits = number.chars().rev().map(|c| c.to_digit(10));
    let sum = digits.enumerate().try_fold(0, |sum, (at, digit)| {
        let digit = digit?;
        let doubled = if at % 2 == 1 { digit * 2 } else { digit };
        Some(sum + doubled / 10 + doubled % 10)
    });
    sum.is_some_and(|sum| sum % 10 == 0)
}

pub struct FakeMask {
    pub keyed: Keyed,
    pub kind: Kind,
    pub shape: Shape,
    /// What stands there if no drawn value fits the column.
    pub hidden: Vec<u8>,
    pub encoding: Encoding,
    pub unreadable: UnreadableValue,
}

/// A value that the column can't hold is drawn again.
const DRAWS: usize = 100;

impl Mask for FakeMask {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let text = self.shape.content(value);
        // As with hashes: other bytes would be another person.
        if self.encoding == Encoding::SingleByte && !text.is_ascii() {
            return Err(self.unreadable);
        }
        let mut rng = ChaCha8Rng::from_seed(self.keyed.of(text));
        let fits = |value: &String| {
            self.kind.is_valid(value) && value.is_ascii() && self.shape.holds(value.len(), value.len())
        };
        match (0..DRAWS).map(|_| self.kind.draw(&mut rng)).find(fits) {
            Some(made_up) => {
                out.put_slice(made_up.as_bytes());
                self.shape.pad(made_up.len(), out);
            }
            None => out.put_slice(&self.hidden),
        }
        Ok(Masked::Value)
    }
}
