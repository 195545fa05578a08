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

-- Types and constraints of which each once hid a leak.
CREATE TYPE mood AS ENUM ('sad', 'fair', 'glad');
CREATE TABLE patients (
    id     int PRIMARY KEY,
    code   text,
    mood   mood,
    tags   text[],
    span   int4range,
    doc    jsonb,
    raw    bytea,
    ip     inet,
    seen   timestamptz,
    weight float8,
    room   text DEFAULT 'r0',
    ward   text,
    CONSTRAINT room_or_heavy CHECK (room IS NOT NULL OR weight > 50)
);
CREATE INDEX patients_code ON patients (code);
CREATE TABLE audit_trail (what text, at int);
CREATE FUNCTION note_patient() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit_trail VALUES (initcap(OLD.code) || '!', OLD.id); RETURN NEW; END $$;
CREATE TRIGGER note_patient BEFORE UPDATE ON patients FOR EACH ROW EXECUTE FUNCTION note_patient();
CREATE FUNCTION tidy(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse(t)';
CREATE VIEW v_tidy AS SELECT id, tidy(code) AS tidied FROM patients;
CREATE VIEW v_ref AS SELECT id AS n, referrer AS r FROM customers;
CREATE VIEW v_stats AS SELECT tablename, attname, inherited, n_distinct, most_common_vals::text AS common, histogram_bounds::text AS bounds FROM pg_stats;
CREATE VIEW v_missing AS SELECT attrelid::regclass AS t, attname, attmissingval::text AS v FROM pg_attribute;
CREATE TABLE tickets (id int, kind text, secret text) PARTITION BY LIST (kind);
CREATE TABLE tickets_a PARTITION OF tickets FOR VALUES IN ('a');
CREATE UNIQUE INDEX ON tickets_a (id, secret);
CREATE TABLE a_name_of_exactly_sixty_two_bytes_so_that_one_more_letter_fits (id int, secret text);
CREATE TABLE secured (id int, owner text, secret text);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON secured USING (secret IS NOT NULL);
CREATE VIEW v_rule AS SELECT id, secret FROM secured;
CREATE PROCEDURE show_code(i int) LANGUAGE plpgsql AS $$ DECLARE x text; BEGIN SELECT code INTO x FROM patients WHERE id = i; RAISE NOTICE '%', x; END $$;
CREATE FUNCTION longest(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN length(a) > length(b) THEN a ELSE b END';
CREATE AGGREGATE longest_of(text) (SFUNC = longest, STYPE = text, INITCOND = '');
CREATE OPERATOR |> (LEFTARG = text, RIGHTARG = text, FUNCTION = longest);
CREATE TABLE tenants (id int PRIMARY KEY, email text COLLATE "C", UNIQUE (id));
