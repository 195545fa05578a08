//! The control socket: HTTP/1.1 with JSON.
