//! What every integration test stands on: a throwaway PostgreSQL with the
//! sample shop, the real `bauta` program in front of it, `psql`, and a client
//! that speaks bare protocol frames.
//!
//! Everything a test starts ends with it, also when it panics, and with the
//! test process, also when that is killed (see `bauta::demo::scratch`).
//!
//! ```ignore
//! let server = Server::start();                       // its own cluster, database `shop`
//! let bauta = Bauta::start(&server, r#"
//!     [[protect]]
//!     column = "public.customers.email"
//!     method = "email"
//! "#);
//! let seen = psql("ana", bauta.port, "SELECT email FROM customers WHERE id = 1");
//! assert_eq!(seen.out(), "a***@e***.com");
//! ```
//!
//! Logins: `ana`, `sam`, `etl` (passwords: [`password`]) and `postgres`.

// Each test module uses its own part of this.
#![allow(dead_code, unused_imports)]

mod bauta;
mod certificates;
pub mod door;
mod psql;
mod raw;
mod relay;
mod server;

pub use bauta::Bauta;
pub use certificates::{Authority, Certificate};
pub use door::Door;
pub use psql::{Output, psql, psql_in};
pub use raw::{Frame, Raw, message};
pub use relay::Relay;
pub use server::{Server, client};

/// Database that the sample schema is in.
pub const DATABASE: &str = "shop";

/// E-mail addresses are masked, and `ana` may ask for them.
pub const ANALYST_ASKS: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    tags = ["pii"]
    [[role]]
    name = "analyst"
    members = ["ana"]
    request = ["tag:pii"]
"#;

/// Every login's password is made from its name.
pub fn password(user: &str) -> String {
    format!("{user}-password")
}
