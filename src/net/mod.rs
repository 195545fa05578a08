//! Listeners and workers, TLS on both legs, one stream type over every
//! transport, drain.
//!
//! A connection's way: [`listen`] accepts it, [`workers`] pins it to one
//! thread, where `session::handshake` takes it over as a [`Stream`].
//! [`front::Front`] is what all of them share and a reload replaces.

pub mod drain;
pub mod front;
pub mod listen;
pub mod mutual;
mod spare;
pub mod stream;
pub mod tls;
pub mod trust;
pub mod upstream;
pub mod workers;

pub use drain::Drain;
pub use front::Front;
pub use stream::Stream;
pub use workers::serve;
