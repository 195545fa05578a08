## Code of the client's on what a DBA's code reaches, whether that spells it or not.
== a function that a trigger of a table calls which a trigger writes to
CREATE TABLE loot8 (t text)
CREATE SCHEMA mine8
CREATE FUNCTION mine8.cover_hist(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot8 VALUES (t); RETURN t; END $$
SET search_path = mine8, public
UPDATE goods SET note = 'x' WHERE id = 1
SELECT t FROM loot8
DROP SCHEMA mine8 CASCADE
DROP TABLE loot8
== a function that the trigger of a view calls which a trigger writes to
CREATE TABLE loot8 (t text)
CREATE SCHEMA mine8
CREATE FUNCTION mine8.cover_kept(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot8 VALUES (t); RETURN t; END $$
SET search_path = mine8, public
UPDATE goods SET note = 'x' WHERE id = 1
SELECT t FROM loot8
DROP SCHEMA mine8 CASCADE
DROP TABLE loot8
== a function that the CHECK of a variable's domain calls
CREATE TABLE loot8 (t text)
CREATE SCHEMA mine8
CREATE FUNCTION mine8.squeezed(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot8 VALUES (t); RETURN t; END $$
SET search_path = mine8, public
UPDATE goods SET note = 'x' WHERE id = 1
SELECT t FROM loot8
DROP SCHEMA mine8 CASCADE
DROP TABLE loot8
== a function of the client's in a view that a trigger reads
CREATE TABLE loot8 (t text)
BEGIN
CREATE OR REPLACE FUNCTION weighed(t text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot8 VALUES (t); RETURN 1; END $$
UPDATE goods SET note = 'x' WHERE id = 1
SELECT t FROM loot8
ROLLBACK
DROP TABLE loot8
== a child of a table that a trigger writes to, with a trigger
CREATE TABLE loot8 (t text)
CREATE FUNCTION take8() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; INSERT INTO loot8 VALUES (c); RETURN NEW; END $$
BEGIN
CREATE TABLE kid8 () INHERITS (tally)
CREATE TRIGGER take8 BEFORE UPDATE ON kid8 FOR EACH ROW EXECUTE FUNCTION take8()
INSERT INTO kid8 VALUES (1)
COMMIT
UPDATE goods SET mark = 'x' WHERE id = 1
SELECT t FROM loot8
DROP TABLE kid8
DROP FUNCTION take8()
DROP TABLE loot8
== a table with a trigger made a child of one that a trigger writes to
CREATE TABLE loot8 (t text)
CREATE FUNCTION take8() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; INSERT INTO loot8 VALUES (c); RETURN NEW; END $$
CREATE TABLE kid8 (n int NOT NULL)
CREATE TRIGGER take8 BEFORE UPDATE ON kid8 FOR EACH ROW EXECUTE FUNCTION take8()
INSERT INTO kid8 VALUES (1)
ALTER TABLE kid8 INHERIT tally
UPDATE goods SET mark = 'x' WHERE id = 1
SELECT t FROM loot8
DROP TABLE kid8
DROP FUNCTION take8()
DROP TABLE loot8
== a key that follows a table which a trigger writes to
CREATE TABLE loot8 (t text)
CREATE FUNCTION take8() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; INSERT INTO loot8 VALUES (c); RETURN NEW; END $$
CREATE TABLE kid8 (n int REFERENCES tally ON UPDATE CASCADE)
CREATE TRIGGER take8 BEFORE UPDATE ON kid8 FOR EACH ROW EXECUTE FUNCTION take8()
INSERT INTO kid8 SELECT n FROM tally
UPDATE goods SET mark = 'x' WHERE id = 1
SELECT t FROM loot8
DROP TABLE kid8
DROP FUNCTION take8()
DROP TABLE loot8
== a key added that follows a table which a trigger writes to
CREATE TABLE loot8 (t text)
CREATE FUNCTION take8() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; INSERT INTO loot8 VALUES (c); RETURN NEW; END $$
CREATE TABLE kid8 (n int)
CREATE TRIGGER take8 BEFORE UPDATE ON kid8 FOR EACH ROW EXECUTE FUNCTION take8()
INSERT INTO kid8 SELECT n FROM tally
ALTER TABLE kid8 ADD FOREIGN KEY (n) REFERENCES tally ON UPDATE CASCADE
UPDATE goods SET mark = 'x' WHERE id = 1
SELECT t FROM loot8
DROP TABLE kid8
DROP FUNCTION take8()
DROP TABLE loot8
== a trigger of the client's on the table under a view that a trigger writes to
CREATE TABLE loot8 (t text)
CREATE FUNCTION take8() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; INSERT INTO loot8 VALUES (c); RETURN NEW; END $$
CREATE TRIGGER take8 BEFORE UPDATE ON tally_base FOR EACH ROW EXECUTE FUNCTION take8()
UPDATE goods SET mark = 'x' WHERE id = 1
SELECT t FROM loot8
DROP TRIGGER take8 ON tally_base
DROP FUNCTION take8()
DROP TABLE loot8
== a trigger of the client's on a table that the trigger of another table writes to
CREATE TABLE loot8 (t text)
CREATE FUNCTION take8() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; INSERT INTO loot8 VALUES (c); RETURN NEW; END $$
CREATE TRIGGER take8 BEFORE UPDATE ON tally_far FOR EACH ROW EXECUTE FUNCTION take8()
UPDATE goods SET mark = 'x' WHERE id = 1
SELECT t FROM loot8
DROP TRIGGER take8 ON tally_far
DROP FUNCTION take8()
DROP TABLE loot8
== a view of the client's replaced under one of a DBA's
CREATE TABLE loot8 (t text)
GRANT ALL ON loot8 TO PUBLIC
CREATE FUNCTION keep8(t text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot8 VALUES (t); RETURN true; END $$
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET enable_bitmapscan = off
CREATE OR REPLACE VIEW v_looked AS SELECT code, label FROM looked WHERE keep8(code)
SELECT id, known FROM v_goods_known WHERE id = 1
SELECT t FROM loot8
CREATE OR REPLACE VIEW v_looked AS SELECT code, label FROM looked
DROP FUNCTION keep8(text)
DROP TABLE loot8
== a policy of the client's on a table under a view of a DBA's
CREATE TABLE loot8 (t text)
GRANT ALL ON loot8 TO PUBLIC
CREATE FUNCTION keep8(t text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot8 VALUES (t); RETURN true; END $$
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET enable_bitmapscan = off
CREATE POLICY keep8 ON looked_too USING (keep8(code))
ALTER TABLE looked_too ENABLE ROW LEVEL SECURITY
SELECT id FROM v_goods_named WHERE id = 1
SELECT t FROM loot8
DROP POLICY keep8 ON looked_too
ALTER TABLE looked_too DISABLE ROW LEVEL SECURITY
DROP FUNCTION keep8(text)
DROP TABLE loot8
