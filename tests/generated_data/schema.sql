-- What the generated scripts have besides the schema of the attacks: tables
-- for every family of types, more views, and functions that are harmless.
CREATE TYPE mood AS ENUM ('low', 'mid', 'high');
CREATE TABLE accounts (
    id          int PRIMARY KEY,
    customer_id int REFERENCES customers,
    acct        int8,
    card        text,
    device      uuid,
    opened      date,
    rating      int,
    tags        text[],
    doc         jsonb,
    photo       bytea,
    state       mood,
    span        int4range,
    nick        varchar(8),
    label       text,
    kind        text DEFAULT 'plain'
);
CREATE TABLE transfers (id int PRIMARY KEY, acct int8, device uuid, card text, cents int);
CREATE TABLE ledger (id int, secret text, memo text) PARTITION BY RANGE (id);
CREATE TABLE ledger_low PARTITION OF ledger FOR VALUES FROM (MINVALUE) TO (10);
CREATE TABLE ledger_high PARTITION OF ledger FOR VALUES FROM (10) TO (MAXVALUE);

CREATE VIEW v_accounts AS
    SELECT a.id, a.acct, a.nick, a.label, c.email, c.city FROM accounts a JOIN customers c ON c.id = a.customer_id;
CREATE VIEW v_deep AS SELECT id, nick AS alias, lower(email) AS mail, city FROM v_accounts WHERE id > 2;
CREATE VIEW v_union AS SELECT id, email AS text FROM customers UNION ALL SELECT id, note FROM contacts;
CREATE VIEW v_ranked AS SELECT id, city, rank() OVER (PARTITION BY city ORDER BY id) AS place, ssn FROM customers;

CREATE SEQUENCE counter;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION noted(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN '[' || t || ']'; END $$;
CREATE FUNCTION account_names(int) RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT nick FROM accounts WHERE id < $1 ORDER BY id';
CREATE AGGREGATE joined(text) (SFUNC = textcat, STYPE = text, INITCOND = '');
