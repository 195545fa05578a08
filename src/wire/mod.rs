//! Frames: cut and bounded here first, decoded only when whole.
