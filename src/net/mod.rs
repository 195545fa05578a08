//! Listener, TLS on both legs, streams that speak frames only, drain.
