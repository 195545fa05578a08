## What a DBA's code runs on, and what it leaves behind.
== a deferred error that a function catches
CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql AS $$ BEGIN SET /* all */ CONSTRAINTS ALL IMMEDIATE; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
BEGIN
UPDATE lots SET note = 'late' WHERE id = 1
SELECT caught()
ROLLBACK
DROP FUNCTION caught()
== an operator that NOT LIKE finds
CREATE TABLE loot (t text)
CREATE FUNCTION nlike(a text, b text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO loot VALUES (a); RETURN true; END $$
CREATE OPERATOR !~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = nlike)
SET search_path = public, pg_catalog
UPDATE lots SET pub = 2 WHERE id = 1
SELECT t FROM loot
RESET search_path
DROP OPERATOR !~~ (text, text)
DROP FUNCTION nlike(text, text)
DROP TABLE loot
== a temporary table of a quoted name that a trigger writes to
CREATE TEMP TABLE "Lot-Trail" (what text)
UPDATE lots SET pub = 3 WHERE id = 2
SELECT * FROM pg_temp."Lot-Trail"
DROP TABLE "Lot-Trail"
== xmax of the rows that protected keys lead to
SELECT id FROM rooms WHERE xmax <> 0 ORDER BY id
== xmax of the rows that protected keys lead to, shown
SELECT id, xmax <> 0 AS taken FROM rooms ORDER BY id
== xmax of the rows that protected keys lead to, through a CTE
WITH r AS (SELECT id, xmax AS x FROM rooms) SELECT id FROM r WHERE x::text <> '0' ORDER BY id
== RETURNING of a view that a rule answers
UPDATE v_lots SET pub = 4 WHERE id = 1 RETURNING *
== a place in an order that a view computes
SELECT id, place FROM v_lot_rank ORDER BY id
== a place in an order that a view computes over a named window
SELECT id, place FROM v_lot_rows ORDER BY id
== a domain whose CHECK tells
SELECT 1::lot_number
== a domain whose CHECK tells, of an array
SELECT CAST('{1,2}' AS lot_number[])
== a domain whose CHECK tells, of an argument
SELECT keeps_lot(2)
== a CHECK added to a protected column's domain
ALTER DOMAIN lot_name ADD CONSTRAINT told CHECK (VALUE::int > 0)
== a function in a CHECK of a protected column's domain
CREATE FUNCTION shout(t text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', t; RETURN true; END $$
ALTER DOMAIN lot_name ADD CONSTRAINT told CHECK (shout(VALUE))
ALTER DOMAIN lot_name DROP CONSTRAINT told
DROP FUNCTION shout(text)
== a type's attribute changed where tables are made of it
ALTER TYPE lot_type ALTER ATTRIBUTE secret TYPE varchar(4) CASCADE
== a function of statistics replaced since 14
BEGIN
CREATE OR REPLACE FUNCTION norm_lot(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE '%', t; RETURN t; END $$
ANALYZE
ROLLBACK
== a policy of SELECT asked by an UPDATE
UPDATE rates_seen SET share = 9 WHERE id = 2
== a policy over the whole row
UPDATE rates_whole SET share = 9 WHERE id = 2
== the key of the parent asked of a partition
UPDATE crates_a SET region = 'b' WHERE id = 1
== a partition chosen by an expression
UPDATE sums SET share = 60 WHERE id = 1 RETURNING tableoid::regclass
== a partition left by an expression
UPDATE sums_0 SET share = 60 WHERE id = 2
== an encoding that the end of a transaction sets back
SET client_encoding = 'LATIN1'
BEGIN
SET LOCAL client_encoding = 'UTF8'
COMMIT; SELECT id, code FROM patients ORDER BY id
== an encoding that a rolled back part sets back
SET client_encoding = 'LATIN1'
BEGIN
SAVEPOINT s
SET client_encoding = 'UTF8'
ROLLBACK TO s; COPY (SELECT id, code FROM patients ORDER BY id) TO STDOUT
ROLLBACK
== an encoding that the end of a transaction sets back in a pipeline
SET client_encoding = 'LATIN1'
BEGIN
SET LOCAL client_encoding = 'UTF8'
| ROLLBACK
| SELECT id, code FROM patients ORDER BY id
== an encoding set before what was prepared
PREPARE enc9 AS SELECT id, code FROM patients ORDER BY id
SET client_encoding = 'LATIN1'; EXECUTE enc9
== an encoding set before a cursor goes on
BEGIN
DECLARE enc9 CURSOR FOR SELECT id, code FROM patients ORDER BY id
SET client_encoding = 'LATIN1'; FETCH ALL FROM enc9
ROLLBACK
== an encoding that a function resets
SET client_encoding = 'LATIN1'
CREATE FUNCTION back() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RESET ALL; RETURN 'x'; END $$
ALTER ROLE ana SET client_encoding = 'LATIN1'
SELECT back(), id, code FROM patients ORDER BY id
DROP FUNCTION back()
