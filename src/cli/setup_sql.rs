//! `bauta setup-sql`: the SQL that a DBA runs once in a database of the
//! server: the service role, and the one function it needs because no
//! ordinary role may read password verifiers.
//!
//! Invariant: running it twice changes nothing, and no password ever appears
//! in it: only the SCRAM verifier that PostgreSQL would store (RFC 5803).

use std::process::ExitCode;

use anyhow::Context;

use crate::catalog::service::{DDL_CHANNEL, SCHEMA};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
For example:
  bauta setup-sql | psql -d postgres -U postgres
  BAUTA_SERVICE_PASSWORD=… bauta setup-sql --password-env | psql -d postgres -U postgres

Run it in the database `postgres`, or in the one that people connect to.
Without --password-env the role has no password yet: set one with
`\\password bauta` in psql, and give it to bauta as upstream.service_password.")]
pub struct Args {
    /// The service role, as upstream.service_user names it
    #[arg(long, value_name = "NAME", default_value = "bauta")]
    service_user: String,
    /// Take the role's password from this environment variable; only its
    /// SCRAM verifier is printed
    #[arg(long, value_name = "VARIABLE", num_args = 0..=1, default_missing_value = "BAUTA_SERVICE_PASSWORD")]
    password_env: Option<String>,
    /// Also make an event trigger that tells bauta of DDL at once (otherwise
    /// it looks every second)
    #[arg(long)]
    event_trigger: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let verifier = args.password_env.as_deref().map(verifier_of).transpose()?;
    super::output::line(script(&args.service_user, verifier.as_deref(), args.event_trigger).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn verifier_of(variable: &str) -> anyhow::Result<String> {
    let password = std::env::var(variable).with_context(|| format!("reading ${variable}"))?;
    anyhow::ensure!(!password.is_empty(), "${variable} is empty");
    Ok(postgres_protocol::password::scram_sha_256(password.as_bytes()))
}

/// The whole script. `verifier`: what `pg_authid.rolpassword` will hold.
pub fn script(service_user: &str, verifier: Option<&str>, event_trigger: bool) -> String {
    let mut sql = BASE
        .replace("{schema}", SCHEMA)
        .replace("{role}", &identifier(service_user))
        .replace("{role_literal}", &literal(service_user))
        .replace("{password}", &password_statement(service_user, verifier));
    if event_trigger {
        sql.push_str(&EVENT_TRIGGER.replace("{schema}", SCHEMA).replace("{channel}", DDL_CHANNEL));
    }
    sql
}

fn password_statement(service_user: &str, verifier: Option<&str>) -> String {
    match verifier {
        Some(verifier) => {
            format!("ALTER ROLE {} PASSWORD {};", identifier(service_user), literal(verifier))
        }
        None => NO_PASSWORD.to_owned(),
    }
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A literal that reads the same whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

const BASE: &str = r#"-- bauta: the service role and the function that reads password verifiers.
-- Run as a superuser; running it again is harmless.
SET client_min_messages = warning;
BEGIN;
SET LOCAL bauta.service_user = {role_literal};

DO $bauta$
DECLARE
    service name := pg_catalog.current_setting('bauta.service_user');
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
               WHERE n.nspname = '{schema}' AND NOT r.rolsuper) THEN
        RAISE EXCEPTION 'schema {schema} belongs to a role that is no superuser: somebody else made it';
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = service AND rolsuper) THEN
        RAISE EXCEPTION 'role % is a superuser: bauta wants a service role of its own', service;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = service) THEN
        EXECUTE pg_catalog.format('CREATE ROLE %I', service);
    END IF;
    -- It reads catalogs, and must see them as they are.
    EXECUTE pg_catalog.format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', service);
    EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I', pg_catalog.current_database(), service);
END
$bauta$;
{password}

CREATE SCHEMA IF NOT EXISTS {schema};
REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {role};

-- What bauta checks a client's SCRAM proof against. It never shows the password.
CREATE OR REPLACE FUNCTION {schema}.verifier(
    login text, OUT verifier text, OUT can_login boolean, OUT valid_until timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $bauta$
    SELECT a.rolpassword, a.rolcanlogin, a.rolvaliduntil
    FROM pg_catalog.pg_authid a
    WHERE a.rolname OPERATOR(pg_catalog.=) login::pg_catalog.name
$bauta$;
ALTER FUNCTION {schema}.verifier(text) OWNER TO CURRENT_USER;
REVOKE ALL ON FUNCTION {schema}.verifier(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.verifier(text) TO {role};

COMMIT;
"#;

const NO_PASSWORD: &str = r#"
DO $bauta$
DECLARE
    service name := pg_catalog.current_setting('bauta.service_user');
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_authid WHERE rolname = service AND rolpassword IS NULL) THEN
        RAISE WARNING 'role % has no password yet', service
            USING HINT = 'Set one with psql''s password command, and give it to bauta as upstream.service_password.';
    END IF;
END
$bauta$;"#;

const EVENT_TRIGGER: &str = r#"
-- Tells bauta of DDL at the moment it commits. Note: PostgreSQL allows no
-- NOTIFY in a transaction that ends with PREPARE TRANSACTION.
BEGIN;
CREATE OR REPLACE FUNCTION {schema}.notify_ddl() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $bauta$
BEGIN
    PERFORM pg_catalog.pg_notify('{channel}', '');
END
$bauta$;
ALTER FUNCTION {schema}.notify_ddl() OWNER TO CURRENT_USER;
DROP EVENT TRIGGER IF EXISTS bauta_ddl;
CREATE EVENT TRIGGER bauta_ddl ON ddl_command_end EXECUTE FUNCTION {schema}.notify_ddl();
COMMIT;
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_appears_in_the_script() {
        let verifier = postgres_protocol::password::scram_sha_256(b"hunter2");
        let sql = script("bauta", Some(&verifier), true);
        assert!(sql.contains(&verifier));
        assert!(!sql.contains("hunter2"));
    }

    #[test]
    fn a_strange_role_name_stays_one_name() {
        let sql = script("o'br\"ien\\", None, false);
        assert!(sql.contains(r#"TO "o'br""ien\";"#));
        assert!(sql.contains(r#"service_user = E'o''br"ien\\';"#));
        assert!(!sql.contains('{'), "a placeholder is left over: {sql}");
    }
}
