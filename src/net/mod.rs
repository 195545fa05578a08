//! Listener, TLS on both legs, one stream type over every transport, drain.

pub mod stream;

pub use stream::Stream;
