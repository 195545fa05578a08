//! Who is behind a shared login: a short-lived token, signed with a key that
//! the server in front (a BI tool) holds. A JSON Web Token (RFC 7519) with
//! HS256: `sub` names the person, `iat` and `exp` its time.
//!
//! Invariant: of a token that is not sound in every part, nothing is believed.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::config::EndUser;
use crate::error::{ClientError, sqlstate};

/// Clocks of two machines may differ so much, in seconds.
const LEEWAY: f64 = 30.0;
/// Bytes of a token, and of a person's name.
const MAX_TOKEN: usize = 4096;
const MAX_NAME: usize = 255;

/// Why a token is not believed. Says nothing of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the end user's token is not one that is signed with this login's key")]
    Unsigned,
    #[error("the end user's token has expired")]
    Expired,
    #[error("the end user's token is not valid yet: do the clocks differ?")]
    Early,
    #[error("the end user's token lasts longer than max_lifetime allows")]
    TooLong,
    #[error("the end user's token is for another login")]
    OtherLogin,
    #[error("the end user's token names nobody")]
    Nameless,
}

impl TokenFault {
    /// As a client is told.
    pub fn report(self) -> ClientError {
        ClientError::new(sqlstate::INVALID_AUTHORIZATION, self.to_string())
            .with_hint("The session is as it was. docs/END-USERS.md says what a token must hold.")
    }
}

/// Dates are seconds since 1970, with or without a fraction.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, login: &str) -> bool {
        match self {
            Self::One(name) => name == login,
            Self::Several(names) => names.iter().any(|name| name == login),
        }
    }
}

/// The person that a token names, if it is sound at `now`.
pub fn person(token: &str, shared: &EndUser, now: Timestamp) -> Result<String, TokenFault> {
    let claims = signed_claims(token, shared).ok_or(TokenFault::Unsigned)?;
    let seconds = |duration: Duration| duration.as_secs_f64();
    let now = seconds(Duration::try_from(now.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default());
    if claims.aud.is_some_and(|aud| !aud.names(&shared.login)) {
        return Err(TokenFault::OtherLogin);
    }
    // JSON has no number that is none.
    if claims.exp <= now {
        return Err(TokenFault::Expired);
    }
    if claims.iat.max(claims.nbf.unwrap_or(claims.iat)) > now + LEEWAY {
        return Err(TokenFault::Early);
    }
    if claims.exp - claims.iat > seconds(shared.max_lifetime) {
        return Err(TokenFault::TooLong);
    }
    let named = !claims.sub.is_empty() && claims.sub.len() <= MAX_NAME;
    match named && claims.sub.trim() == claims.sub && !claims.sub.contains(char::is_control) {
        true => Ok(claims.sub),
        false => Err(TokenFault::Nameless),
    }
}

/// What is signed with the key; the comparison takes the same time wherever
/// signatures differ (ring's `hmac::verify`).
fn signed_claims(token: &str, shared: &EndUser) -> Option<Claims> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let mut rules = Validation::new(Algorithm::HS256);
    // Times and audience are judged by the proxy's own clock and names.
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    let key = DecodingKey::from_secret(shared.key.expose().as_bytes());
    jsonwebtoken::decode::<Claims>(token, &key, &rules).ok().map(|data| data.claims)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Secret;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const NOW: i64 = 1_767_225_600;

    fn shared() -> EndUser {
        EndUser {
            login: "superset".into(),
            key: Secret::new(KEY.into()),
            max_lifetime: Duration::from_secs(300),
            required: true,
        }
    }

    fn signed(claims: &Value, key: &str) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    }

    fn who(claims: &Value) -> Result<String, TokenFault> {
        person(&signed(claims, KEY), &shared(), Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn a_sound_token_names_its_person() {
        let claims = json!({"sub": "maria@example.com", "iat": NOW - 10, "exp": NOW + 60});
        assert_eq!(who(&claims).unwrap(), "maria@example.com");
        let claims = json!({"sub": "maria", "iat": NOW, "exp": NOW + 300, "aud": ["x", "superset"]});
        assert_eq!(who(&claims).unwrap(), "maria");
    }

    #[test]
    fn nothing_is_believed_of_a_token_that_is_not_sound() {
        let cases = [
            (json!({"sub": "m", "iat": NOW - 60, "exp": NOW}), TokenFault::Expired),
            (json!({"sub": "m", "iat": NOW + 60, "exp": NOW + 90}), TokenFault::Early),
            (json!({"sub": "m", "iat": NOW, "nbf": NOW + 60, "exp": NOW + 90}), TokenFault::Early),
            (json!({"sub": "m", "iat": NOW, "exp": NOW + 301}), TokenFault::TooLong),
            (json!({"sub": "m", "iat": NOW, "exp": NOW + 9, "aud": "metabase"}), TokenFault::OtherLogin),
            (json!({"sub": "", "iat": NOW, "exp": NOW + 9}), TokenFault::Nameless),
            (json!({"sub": "a\nb", "iat": NOW, "exp": NOW + 9}), TokenFault::Nameless),
            (json!({"sub": "m", "exp": NOW + 9}), TokenFault::Unsigned),
            (json!({"sub": "m", "iat": NOW}), TokenFault::Unsigned),
            (json!({"iat": NOW, "exp": NOW + 9}), TokenFault::Unsigned),
            (json!({"sub": "m", "iat": "now", "exp": NOW + 9}), TokenFault::Unsigned),
        ];
        for (claims, fault) in cases {
            assert_eq!(who(&claims), Err(fault), "{claims}");
        }
    }

    #[test]
    fn a_signature_of_another_key_or_kind_is_none() {
        let claims = json!({"sub": "m", "iat": NOW, "exp": NOW + 60});
        let now = Timestamp::from_second(NOW).unwrap();
        let judged = |token: &str| person(token, &shared(), now);
        let good = signed(&claims, KEY);
        assert!(judged(&good).is_ok());
        let body = good.split('.').nth(1).unwrap();
        let hs512 =
            encode(&Header::new(Algorithm::HS512), &claims, &EncodingKey::from_secret(KEY.as_bytes()));
        let mut bent = good.clone();
        bent.pop();
        for token in [
            signed(&claims, "another key of the same length!!"),
            hs512.unwrap(),
            // {"alg":"none"}
            format!("eyJhbGciOiJub25lIn0.{body}."),
            bent,
            "maria".to_owned(),
            String::new(),
            format!("{good}.x"),
            "a".repeat(100_000),
        ] {
            assert_eq!(judged(&token), Err(TokenFault::Unsigned), "{token}");
        }
    }
}
