## Groups 6 and 7: code that runs by itself, and objects of the client's own.
== a temporary table in place of the one a trigger writes to
CREATE TEMP TABLE audit_trail (what text, at int)
UPDATE patients SET ward = 'y' WHERE id = 3
SELECT * FROM audit_trail ORDER BY at
== a temporary table made by SELECT INTO in place of the one a trigger writes to
SELECT 'x'::text AS what, 1 AS at INTO TEMP audit_trail
UPDATE patients SET ward = 'y' WHERE id = 4
SELECT * FROM audit_trail ORDER BY at, what
== a temporary table made by CREATE TABLE AS in place of the one a trigger writes to
CREATE TEMP TABLE audit_trail AS SELECT 'x'::text AS what, 1 AS at
UPDATE patients SET ward = 'y' WHERE id = 5
SELECT * FROM audit_trail ORDER BY at, what
== a temporary table renamed to the one a trigger writes to
CREATE TEMP TABLE zz_trail (what text, at int)
ALTER TABLE zz_trail RENAME TO audit_trail
UPDATE patients SET ward = 'y' WHERE id = 6
SELECT * FROM pg_temp.audit_trail ORDER BY at
== a table earlier in the search path of a trigger
CREATE TABLE archive.audit_trail (what text, at int)
SET search_path = archive, public
UPDATE patients SET ward = 'z' WHERE id = 6
SELECT * FROM archive.audit_trail ORDER BY at
DROP TABLE archive.audit_trail
== a table moved into the search path of a trigger
CREATE SCHEMA aside
CREATE TABLE aside.audit_trail (what text, at int)
ALTER TABLE aside.audit_trail SET SCHEMA archive
SET search_path = archive, public
UPDATE patients SET ward = 'z' WHERE id = 7
SELECT * FROM archive.audit_trail ORDER BY at
DROP TABLE archive.audit_trail
DROP SCHEMA aside CASCADE
== a table made with its schema in the search path of a trigger
CREATE SCHEMA before CREATE TABLE audit_trail (what text, at int)
SET search_path = before, public
UPDATE patients SET ward = 'z' WHERE id = 7
SELECT * FROM before.audit_trail ORDER BY at
DROP SCHEMA before CASCADE
== a function earlier in the search path of a trigger
CREATE TABLE heard (x text)
CREATE FUNCTION public.initcap(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO heard VALUES ($1); RETURN $1; END $$
SET search_path = public, pg_catalog
UPDATE patients SET ward = 'z' WHERE id = 8
SELECT * FROM heard
DROP FUNCTION public.initcap(text)
DROP TABLE heard
== an operator earlier in the search path of a trigger
CREATE TABLE heard2 (x text)
CREATE FUNCTION public.overheard(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO heard2 VALUES ($1); RETURN $1; END $$
CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = public.overheard)
SET search_path = public, pg_catalog
UPDATE patients SET ward = 'z' WHERE id = 9
SELECT * FROM heard2
DROP OPERATOR public.|| (text, text)
DROP FUNCTION public.overheard(text, text)
DROP TABLE heard2
== a function renamed into the search path of a trigger
CREATE TABLE heard3 (x text)
CREATE FUNCTION public.listener(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO heard3 VALUES ($1); RETURN $1; END $$
ALTER FUNCTION public.listener(text) RENAME TO initcap
SET search_path = public, pg_catalog
UPDATE patients SET ward = 'z' WHERE id = 9
SELECT * FROM heard3
DROP FUNCTION IF EXISTS public.initcap(text)
DROP TABLE heard3
== a function earlier in the search path of a view's function
CREATE TABLE heard4 (x text)
CREATE FUNCTION public.reverse(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO heard4 VALUES ($1); RETURN $1; END $$
SET search_path = public, pg_catalog
SELECT id FROM v_tidy WHERE tidied IS NOT NULL ORDER BY id
SELECT * FROM heard4 ORDER BY x
DROP FUNCTION public.reverse(text)
DROP TABLE heard4
== a cast of the client's runs on a composite
BEGIN
CREATE TYPE spy_address AS (street text, zip text)
CREATE TABLE spied (x text)
CREATE FUNCTION spy_cast(address) RETURNS spy_address LANGUAGE plpgsql AS $$ BEGIN INSERT INTO spied VALUES (($1).street); RETURN NULL; END $$
CREATE CAST (address AS spy_address) WITH FUNCTION spy_cast(address) AS IMPLICIT
COMMIT
SELECT coalesce(home, NULL::spy_address) FROM customers
SELECT * FROM spied ORDER BY x
DROP TYPE IF EXISTS spy_address CASCADE
DROP TABLE spied
== a cast of the client's fails for some labels
CREATE TYPE half_mood AS ENUM ('sad')
CREATE CAST (mood AS half_mood) WITH INOUT AS IMPLICIT
SELECT coalesce(mood, NULL::half_mood) FROM patients WHERE id = 1
DROP TYPE half_mood CASCADE
== an aggregate of the client's
CREATE AGGREGATE gather(text) (SFUNC = textcat, STYPE = text, INITCOND = '')
SELECT gather(email ORDER BY id) FROM customers
DROP AGGREGATE gather(text)
== an aggregate called min
CREATE FUNCTION keep_one(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2'
CREATE AGGREGATE public.min(varchar) (SFUNC = keep_one, STYPE = text, INITCOND = '')
SET search_path = public, pg_catalog
SELECT min(phone) FROM customers WHERE id < 3
DROP AGGREGATE public.min(varchar)
DROP FUNCTION keep_one(text, text)
== an aggregate of a DBA's
SELECT longest_of(code) FROM patients
== an operator of a DBA's
SELECT code |> '' FROM patients ORDER BY id
== an operator of a DBA's in a predicate
SELECT id FROM patients WHERE (code |> '') LIKE 'k%' ORDER BY id
== an operator of the client's with a new sign
CREATE FUNCTION peek2(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2'
CREATE OPERATOR ~<<>>~ (LEFTARG = text, RIGHTARG = text, FUNCTION = peek2)
SELECT email ~<<>>~ '!' FROM customers ORDER BY id
DROP OPERATOR ~<<>>~ (text, text)
DROP FUNCTION peek2(text, text)
== a procedure that says a value
CALL show_code(3)
== a procedure of the client's
CREATE PROCEDURE tell() LANGUAGE plpgsql AS $$ DECLARE x text; BEGIN SELECT email INTO x FROM customers WHERE id = 1; RAISE WARNING '%', x; END $$
CALL tell()
== a function with a body in standard SQL since 14
CREATE FUNCTION atom() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT email FROM customers WHERE id = 1; END
SELECT atom()
== a function that returns an expression since 14
CREATE FUNCTION ret() RETURNS text LANGUAGE sql RETURN (SELECT email FROM customers WHERE id = 1)
SELECT ret()
== a function whose default argument reads
CREATE FUNCTION dflt(x text DEFAULT find_mail(1)) RETURNS text LANGUAGE sql AS 'SELECT $1'
SELECT dflt()
== a function that takes any element
CREATE FUNCTION echo(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text'
SELECT echo(c), echo(c.email) FROM customers c ORDER BY c.id
DROP FUNCTION echo(anyelement)
== a function that takes a variadic array
CREATE FUNCTION many(VARIADIC text[]) RETURNS text LANGUAGE sql AS $$ SELECT array_to_string($1, '+') $$
SELECT many(email, ssn) FROM customers ORDER BY id
DROP FUNCTION many(text[])
== a function declared immutable that writes
CREATE TABLE wrote (x text)
CREATE FUNCTION liar(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN INSERT INTO wrote VALUES ($1); RETURN $1; EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'no %', $1; RETURN $1; END $$
SELECT liar(email) FROM customers ORDER BY id
SELECT id FROM customers WHERE liar(ssn) > '5' ORDER BY id
DROP FUNCTION liar(text)
DROP TABLE wrote
== a function that raises its argument as an error
CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'got %', $1 USING ERRCODE = substr('AB' || md5($1), 1, 2) || '000'; END $$
SELECT shout(email) FROM customers WHERE id = 1
DROP FUNCTION shout(text)
== a window function of the client's
CREATE FUNCTION wf(text) RETURNS text LANGUAGE sql AS 'SELECT $1'
SELECT wf(lag(email) OVER (ORDER BY id)) FROM customers ORDER BY id
DROP FUNCTION wf(text)
== a set-returning function of the client's
CREATE FUNCTION letters(text) RETURNS SETOF text LANGUAGE sql AS $$ SELECT regexp_split_to_table($1, '') $$
SELECT letters(email) FROM customers WHERE id = 1
SELECT l FROM customers c, letters(c.ssn) l WHERE c.id = 2
DROP FUNCTION letters(text)
== a domain whose check speaks
CREATE FUNCTION says(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'value %', $1; RETURN true; END $$
CREATE DOMAIN spoken AS text CHECK (says(VALUE))
SELECT email::spoken FROM customers ORDER BY id
DROP DOMAIN spoken
DROP FUNCTION says(text)
== a function in pg_temp called by its schema
CREATE FUNCTION pg_temp.keep(text) RETURNS text LANGUAGE sql AS 'SELECT $1'
SELECT pg_temp.keep(email) FROM customers ORDER BY id
== a view in pg_temp called as a table is
CREATE TEMP VIEW staff AS SELECT 1 AS id
SELECT ssn || '' FROM public.staff ORDER BY id
== a rule on a view of the client's
CREATE TABLE bare (id int)
CREATE RULE also AS ON INSERT TO bare DO ALSO INSERT INTO scratch SELECT id + 500, email FROM customers
INSERT INTO bare VALUES (1)
SELECT * FROM scratch ORDER BY id
DROP TABLE bare
== a policy that reads
CREATE POLICY peeking ON scratch USING (EXISTS (SELECT 1 FROM customers c WHERE c.id = scratch.id AND c.salary > 50000))
ALTER TABLE scratch ENABLE ROW LEVEL SECURITY
ALTER TABLE scratch FORCE ROW LEVEL SECURITY
SELECT id FROM scratch ORDER BY id
ALTER TABLE scratch NO FORCE ROW LEVEL SECURITY
ALTER TABLE scratch DISABLE ROW LEVEL SECURITY
== a trigger of the client's on a protected table
CREATE FUNCTION spy2() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO scratch VALUES (800, OLD.email); RETURN OLD; END $$
CREATE TRIGGER spy2 AFTER DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION spy2()
DELETE FROM contacts WHERE id = 9
SELECT * FROM scratch WHERE id = 800 ORDER BY id
== a trigger with transition tables
CREATE FUNCTION spy3() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO scratch SELECT 801, email FROM gone; RETURN NULL; END $$
CREATE TRIGGER spy3 AFTER DELETE ON contacts REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION spy3()
DELETE FROM contacts WHERE id = 8
SELECT * FROM scratch WHERE id = 801 ORDER BY id
== a DBA's trigger function on a table of the client's
CREATE TABLE mine (id int, t text)
CREATE TRIGGER fills BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION fill_mail()
INSERT INTO mine VALUES (3) RETURNING t
DROP TABLE mine
== a DBA's trigger function that is told what to read
CREATE TABLE mine (id int, t text)
CREATE TRIGGER fills BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION public.fill_from(E'cust\157mers', 'ssn')
INSERT INTO mine VALUES (3) RETURNING t
DROP TABLE mine
== extended statistics over an expression
CREATE STATISTICS st (mcv) ON salary, vip FROM customers
ANALYZE customers
SELECT most_common_vals FROM pg_stats_ext WHERE statistics_name = 'st' ORDER BY 1
DROP STATISTICS IF EXISTS st
== an index over an expression of the client's
CREATE FUNCTION note_it(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'seen %', $1; RETURN $1; END $$
CREATE INDEX noted ON patients (note_it(code))
DROP INDEX IF EXISTS noted
DROP FUNCTION note_it(text)
== a partial unique index
CREATE UNIQUE INDEX guess ON patients (weight) WHERE id IN (1, 2) OR (id = 4 AND weight < 50)
DROP INDEX IF EXISTS guess
== an exclusion constraint
ALTER TABLE patients ADD CONSTRAINT apart EXCLUDE USING gist (span WITH &&)
ALTER TABLE patients DROP CONSTRAINT IF EXISTS apart
== a generated column added
ALTER TABLE patients ADD COLUMN twice text GENERATED ALWAYS AS (code || code) STORED
SELECT twice FROM patients ORDER BY id
ALTER TABLE patients DROP COLUMN IF EXISTS twice
== a foreign key of the client's
CREATE TABLE guesses (email text REFERENCES customers (email))
INSERT INTO guesses VALUES ('a.one3@example.com')
DROP TABLE IF EXISTS guesses
== a foreign key that is validated
CREATE TABLE guesses2 (email text)
INSERT INTO guesses2 VALUES ('a.one3@example.com')
ALTER TABLE guesses2 ADD FOREIGN KEY (email) REFERENCES customers (email)
DROP TABLE guesses2
== a table that inherits and takes its rows
CREATE TABLE heir () INHERITS (customers)
SELECT email || '' FROM customers ORDER BY id
DROP TABLE IF EXISTS heir
== a like table with everything
CREATE TABLE mirror (LIKE patients INCLUDING ALL)
INSERT INTO mirror SELECT * FROM patients
SELECT code FROM mirror ORDER BY id
DROP TABLE IF EXISTS mirror
== a view of the client's with a check option
CREATE VIEW checked AS SELECT id, weight FROM patients WHERE weight > 50 WITH CHECK OPTION
SELECT id FROM checked ORDER BY id
DROP VIEW IF EXISTS checked
== a view replaced
CREATE OR REPLACE VIEW v_clean AS SELECT id, email::text AS city FROM customers
SELECT city FROM v_clean ORDER BY id
CREATE OR REPLACE VIEW v_clean AS SELECT id, city FROM customers
== a view of a recursive kind
CREATE RECURSIVE VIEW rv (id, e) AS SELECT id, email FROM customers UNION ALL SELECT 0, '' WHERE false
SELECT e FROM rv ORDER BY id
DROP VIEW IF EXISTS rv
== a foreign table on the same server
CREATE SCHEMA IF NOT EXISTS fdw_aside
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'classics_direct_0')
CREATE FOREIGN TABLE far (id int, email text) SERVER loop OPTIONS (table_name 'customers')
SELECT email || '' FROM customers ORDER BY id
== a do block that raises
DO LANGUAGE plpgsql $$ BEGIN RAISE WARNING '%', (SELECT email FROM customers WHERE id = 1); END $$
== SQL given as text to xml schema
SELECT query_to_xml_and_xmlschema('select code from pati' || 'ents order by id', true, true, '')
== a table given as text to xml
SELECT table_to_xml(('pati' || 'ents')::regclass, true, true, '')
== a schema given as text to xml
SELECT schema_to_xml_and_xmlschema('public', true, true, '')
== a cursor given as text to xml
BEGIN
DECLARE x1 CURSOR FOR SELECT code FROM patients ORDER BY id
SELECT cursor_to_xml('x1', 5, false, false, '')
ROLLBACK
== SQL given as text to ts_rewrite
SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, to_tsquery(''simple'', ssn) FROM cust' || 'omers WHERE id = 1')
== SQL given as text to ts_stat with weights
SELECT word FROM ts_stat('SELECT to_tsvector(''simple'', ssn) FROM cust' || 'omers', 'd') ORDER BY word
== sequences carry a value
CREATE SEQUENCE carry_seq
SELECT setval('carry_seq', (SELECT salary::bigint FROM customers WHERE id = 2))
SELECT last_value FROM carry_seq
DROP SEQUENCE carry_seq
== sequences count chosen rows
CREATE SEQUENCE count_seq
SELECT CASE WHEN salary > 50000 THEN nextval('count_seq') END FROM customers
SELECT last_value FROM count_seq
DROP SEQUENCE count_seq
== advisory locks seen by another session
SELECT pg_advisory_lock(id) FROM customers WHERE vip ORDER BY id
2> SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY objid
== notifications heard by another session
2> LISTEN told
SELECT pg_notify('told', email) FROM customers WHERE id = 1
2> SELECT 1
== a setting carries a value
SELECT set_config('my.code', code, false) FROM patients WHERE id = 1
SELECT current_setting('my.code', true)
== the application name carries a value
SELECT set_config('application_name', code, false) FROM patients WHERE id = 1
2> SELECT application_name FROM pg_stat_activity WHERE datname = current_database() ORDER BY 1
== row locks tell another session which rows were chosen
BEGIN
SELECT id FROM customers WHERE vip FOR UPDATE
2> SELECT id FROM customers ORDER BY id FOR UPDATE SKIP LOCKED
ROLLBACK
== a large object carries a value
SELECT lo_from_bytea(4711, convert_to(email, 'UTF8')) FROM customers WHERE id = 1
SELECT lo_get(4711)
SELECT lo_unlink(4711)
== exported snapshot with a value
SELECT email || pg_backend_pid()::text IS NULL, length(email) FROM customers ORDER BY id
== random chosen by a value
SELECT setseed(0), random() * 0 < salary - 50000 FROM customers WHERE id = 1
== a trigger's function replaced
CREATE OR REPLACE FUNCTION noisy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO scratch VALUES (900, OLD.ssn); RETURN NEW; END $$
UPDATE staff SET city = city WHERE id = 2
SELECT * FROM scratch WHERE id = 900 ORDER BY t
== a trigger's function given another search path
CREATE TABLE archive.audit_log2 (x text)
ALTER FUNCTION note_patient() SET search_path = archive, public
UPDATE patients SET ward = 'q' WHERE id = 10
SELECT what || '' FROM audit_trail ORDER BY at, what
ALTER FUNCTION note_patient() RESET search_path
DROP TABLE archive.audit_log2
== a view's function replaced
CREATE OR REPLACE FUNCTION tidy(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE '%', t; INSERT INTO scratch VALUES (901, t); RETURN t; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$
SELECT id FROM v_tidy WHERE tidied IS NULL ORDER BY id
SELECT * FROM scratch WHERE id = 901 ORDER BY t
CREATE OR REPLACE FUNCTION tidy(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse(t)'
== a function that makes a temporary table a trigger writes to
CREATE FUNCTION mk() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE audit_trail (what text, at int); END $$
SELECT mk()
UPDATE patients SET ward = 'y' WHERE id = 11
SELECT * FROM pg_temp.audit_trail ORDER BY at
DROP FUNCTION mk()
== a function that moves a schema away
CREATE FUNCTION mv() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER SCHEMA archive RENAME TO gone; END $$
SELECT mv()
SELECT email || '' FROM public.customers ORDER BY id
ALTER SCHEMA gone RENAME TO archive
DROP FUNCTION mv()
== a function that runs a hidden block
CREATE FUNCTION dd() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DO E'BEGIN EX\145CUTE ''CREATE TABLE dodged AS SELECT email FROM cust\157mers''; END'; END $$
SELECT dd()
SELECT * FROM dodged
DROP TABLE dodged
== a function that makes a trigger's table behind a comment
CREATE FUNCTION mk1() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE /* x */ audit_trail (what text, at int); END $$
SELECT mk1()
UPDATE patients SET ward = 'y' WHERE id = 11
SELECT * FROM pg_temp.audit_trail ORDER BY at
DROP FUNCTION mk1()
== a function that makes a trigger's table by its schema
CREATE FUNCTION mk1() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE IF NOT EXISTS pg_temp.audit_trail (what text, at int); END $$
SELECT mk1()
UPDATE patients SET ward = 'y' WHERE id = 11
SELECT * FROM pg_temp.audit_trail ORDER BY at
DROP FUNCTION mk1()
