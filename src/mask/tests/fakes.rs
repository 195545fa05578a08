//! `fake`: known answers, shapes, declared lengths.

use super::*;
use crate::mask::fake::{Kind, luhn};

/// A change of these gives everybody another name: it must not come with an
/// update unnoticed.
#[test]
fn made_up_values_stay_the_same() {
    let known = Kind::ALL.map(|(kind, _)| {
        let options = format!("kind = '{kind}'");
        (kind, shown("fake", &options, &of("text", -1), "alice@example.com"))
    });
    let known: Vec<_> = known.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
    assert_eq!(
        known,
        [
            ("name", "Madaline Abbott"),
            ("first_name", "Madaline"),
            ("last_name", "O'Hara"),
            ("email", "madaline@example.com"),
            ("phone", "113-902-5580 x91524"),
            ("street", "0139 Feeney Mountain"),
            ("city", "Abbottville"),
            ("company", "Abbott and Dietrich and Sons"),
            ("ipv4", "147.208.154.38"),
            ("uuid", "93e52fa7-d0fc-4500-9acf-e63126b3da57"),
            ("card", "4408947872025")
        ]
    );
}

#[test]
fn made_up_values_have_the_shape_of_their_kind() {
    for n in 0..50 {
        let show =
            |kind: &str, ty: &ValueType| shown("fake", &format!("kind = '{kind}'"), ty, &n.to_string());
        let text = of("text", -1);
        assert!(luhn(&show("card", &text)));
        assert!(show("ipv4", &text).parse::<std::net::Ipv4Addr>().is_ok());
        let email = show("email", &text);
        assert!(["com", "net", "org"].iter().any(|t| email.ends_with(&format!("@example.{t}"))), "{email}");
        let uuid = show("uuid", &text);
        assert!(
            types::uuid::decode(uuid.as_bytes(), Format::Text).is_some() && &uuid[14..15] == "4",
            "{uuid}"
        );
        for (kind, _) in Kind::ALL {
            assert_eq!(show(kind, &text), show(kind, &text), "{kind}");
            assert!(show(kind, &varchar(36)).len() <= 36, "{kind}");
        }
        assert_eq!(show("first_name", &char(20)).len(), 20);
    }
    assert!(misfit("fake", "kind = 'uuid'", &varchar(35)).contains("36 characters"));
    assert!(misfit("fake", "kind = 'uuid'", &of("uuid", -1)).contains("hash"));
}

/// ISO/IEC 7812-1's own rule, on numbers known to be good and bad.
#[test]
fn luhn_knows_good_numbers() {
    for good in ["4111111111111111", "378282246310005", "79927398713"] {
        assert!(luhn(good), "{good}");
    }
    for bad in ["4111111111111112", "79927398710", "4111-1111"] {
        assert!(!luhn(bad), "{bad}");
    }
}
