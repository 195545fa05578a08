//! The integration tests: one binary, one module an area. `harness` starts
//! throwaway PostgreSQL servers and the real `bauta` program in front.

mod harness;

mod activation;
mod audit;
mod auth;
mod catalog;
mod chaos;
mod cli;
mod config;
mod control;
mod copy;
mod copy_in;
mod demo;
mod driver;
mod end_user;
mod extended;
mod failover;
mod faults;
mod generated;
mod golden;
mod grants;
mod harness_test;
mod hold;
mod interference;
mod leaks;
mod lifecycle;
mod masking;
mod masks;
mod max_rows;
mod metrics;
mod migration;
mod notify;
mod oracle;
mod oracle_corpus;
mod oracle_sql;
mod oracle_tree;
mod psql;
mod reading;
mod remote;
mod startup;
mod tls;
mod tokens;
mod transparency;
mod usable;
mod whole_rows;
