-- The rich schema of the interference tests. Everything belongs to a role that
-- ana is a member of, so that what stops an attack is bauta and not a privilege.
CREATE SCHEMA archive;
CREATE TYPE address AS (street text, zip text);
CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE customers (
    id       int PRIMARY KEY,
    name     text,
    email    text UNIQUE,
    ssn      text,
    phone    varchar(20),
    salary   numeric(10, 2) CONSTRAINT salary_range CHECK (salary < 1000000),
    birth    date,
    vip      bool,
    home     address,
    city     text,
    status   text DEFAULT 'new',
    referrer text,
    UNIQUE (referrer, phone)
);
CREATE TABLE staff (id int PRIMARY KEY, ssn text, city text);
CREATE TABLE contacts (id int PRIMARY KEY, email text REFERENCES customers (email), note text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, amount numeric, placed date);
CREATE TABLE archive.clients (id int, email text, remark text);
CREATE TABLE archive.orders (id int, customer_id int, amount numeric, placed date);
CREATE TABLE people (id int PRIMARY KEY, secret text, label text, doubled text GENERATED ALWAYS AS (secret || secret) STORED);
CREATE TABLE people_child (extra text) INHERITS (people);
CREATE TABLE events (id int, kind text, payload text) PARTITION BY LIST (kind);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');
CREATE TABLE events_b PARTITION OF events FOR VALUES IN ('b');
CREATE TABLE scratch (id int, t text);

CREATE VIEW v_all AS SELECT * FROM customers;
CREATE VIEW v_renamed (a, b, c) AS SELECT id, email, lower(ssn) FROM v_all;
CREATE VIEW v_sum AS SELECT city, sum(salary) AS total FROM customers GROUP BY city;
CREATE VIEW v_clean AS SELECT id, city FROM customers;
CREATE MATERIALIZED VIEW m_all AS SELECT id, email, salary FROM customers WITH NO DATA;

CREATE FUNCTION find_mail(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM customers WHERE id = $1';
CREATE FUNCTION all_rows() RETURNS SETOF customers LANGUAGE sql STABLE AS 'SELECT * FROM customers';
CREATE FUNCTION run_text(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE q; END $$;
CREATE FUNCTION show_it(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'saw %', t; RETURN t; END $$;
CREATE FUNCTION salary_of(c customers) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT c.salary';
CREATE FUNCTION noisy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', OLD; RETURN NEW; END $$;
CREATE TRIGGER noisy BEFORE UPDATE ON staff FOR EACH ROW EXECUTE FUNCTION noisy();
CREATE FUNCTION fiscal_year(d date) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT extract(year FROM d)::int';
