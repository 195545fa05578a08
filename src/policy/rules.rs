//! Protect rules and roles as the configuration gives them, before they are
//! bound to a catalog.
