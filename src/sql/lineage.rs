//! Names to relations, outputs to sources: what a query, INSERT, UPDATE,
//! DELETE or MERGE puts out and uses.
