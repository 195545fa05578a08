//! Who is this: SCRAM-SHA-256 pass-through.
