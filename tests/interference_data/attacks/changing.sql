## What a statement's names mean when the server reads it, after DDL that the analysis has not seen.
== a column dropped in the transaction makes its name mean an outer one
CREATE TABLE pub_a (id int, ssn text)
INSERT INTO pub_a VALUES (1, 'x')
BEGIN
ALTER TABLE pub_a DROP COLUMN ssn
SELECT c.id, (SELECT ssn || '' FROM pub_a LIMIT 1) FROM customers c ORDER BY 1 LIMIT 3
ROLLBACK
DROP TABLE pub_a
== a temporary table without a column of the one it hides
BEGIN
CREATE TEMP TABLE scratch (z int)
INSERT INTO scratch VALUES (1)
SELECT (SELECT t || '' FROM scratch) AS x FROM (SELECT id, ssn AS t FROM customers) c ORDER BY id LIMIT 2
ROLLBACK
== a temporary table that a function makes hides another
CREATE FUNCTION hide_it() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE scratch AS SELECT 1 AS z; END $$
BEGIN
SELECT hide_it()
SELECT (SELECT t || '' FROM scratch) AS x FROM (SELECT id, ssn AS t FROM customers) c ORDER BY id LIMIT 2
ROLLBACK
DROP FUNCTION hide_it()
== a column dropped in the transaction makes its name mean a whole row
CREATE TABLE pub_b (id int, c text)
INSERT INTO pub_b VALUES (1, 'x')
BEGIN
ALTER TABLE pub_b DROP COLUMN c
SELECT c::text FROM pub_b, (SELECT id, ssn FROM staff) c ORDER BY c.id LIMIT 3
ROLLBACK
DROP TABLE pub_b
== a column added in the transaction is compared with a protected one
CREATE TABLE pub_c (id int)
BEGIN
ALTER TABLE pub_c ADD COLUMN ssn text
INSERT INTO pub_c VALUES (1, '007919')
SELECT count(*) FROM customers c WHERE EXISTS (SELECT 1 FROM staff s WHERE s.id = c.id AND EXISTS (SELECT 1 FROM pub_c WHERE s.ssn = ssn)) ORDER BY 1
ROLLBACK
DROP TABLE pub_c
== a column added in the transaction takes a token's original
CREATE TABLE pub_d (id int)
BEGIN
ALTER TABLE pub_d ADD COLUMN ssn text
INSERT INTO pub_d VALUES (1, '007919')
SELECT count(*) FROM staff WHERE EXISTS (SELECT 1 FROM pub_d WHERE ssn = '{{SELECT ssn FROM staff WHERE id = 1}}') ORDER BY 1
ROLLBACK
DROP TABLE pub_d
== a natural join over a column added in the transaction
BEGIN
ALTER TABLE scratch ADD COLUMN ssn text
UPDATE scratch SET ssn = '007919'
SELECT count(*) FROM (SELECT ssn FROM staff) s NATURAL JOIN scratch ORDER BY 1
ROLLBACK
== names given by place to the columns of a star
BEGIN
ALTER TABLE scratch DROP COLUMN t
SELECT x.c || '' FROM (SELECT s.*, c.city, c.ssn FROM scratch s JOIN customers c ON c.id = s.id) AS x(a, b, c) ORDER BY a
ROLLBACK
== a CTE's names given by place to the columns of a star
BEGIN
ALTER TABLE scratch DROP COLUMN t
WITH x(a, b, c) AS (SELECT s.*, c.city, c.ssn FROM scratch s JOIN customers c ON c.id = s.id) SELECT c || '' FROM x ORDER BY a
ROLLBACK
== columns of a star change places under a set operation
BEGIN
ALTER TABLE scratch DROP COLUMN id, ADD COLUMN id text
SELECT id || '' AS x FROM (SELECT * FROM scratch UNION ALL SELECT city, ssn FROM customers WHERE id < 5) u ORDER BY t, id
ROLLBACK
== places behind a star shift in an output
CREATE TABLE pub_e (a text)
INSERT INTO pub_e VALUES ('x')
BEGIN
ALTER TABLE scratch DROP COLUMN id
ALTER TABLE pub_e ADD COLUMN more text
SELECT s.*, c.city, c.ssn::varchar, e.* FROM scratch s, customers c, pub_e e WHERE c.id < 3 AND s.t = 's1' ORDER BY c.id
ROLLBACK
DROP TABLE pub_e
== order by a number behind a star
BEGIN
ALTER TABLE scratch DROP COLUMN id
SELECT x.id FROM (SELECT s.*, c.city, c.ssn, c.id FROM scratch s, customers c WHERE s.t = 's1' ORDER BY 3 LIMIT 3) x
ROLLBACK
== order by a name that a star has no more
CREATE TABLE pub_f (id int, ssn text)
INSERT INTO pub_f VALUES (1, 'x')
BEGIN
ALTER TABLE pub_f DROP COLUMN ssn
SELECT x.cid FROM (SELECT f.*, c.id AS cid FROM pub_f f, customers c ORDER BY ssn LIMIT 3) x ORDER BY 1
ROLLBACK
DROP TABLE pub_f
== group by a name that an input has no more
CREATE TABLE pub_g (id int, grade text)
INSERT INTO pub_g VALUES (1, 'x')
BEGIN
ALTER TABLE pub_g DROP COLUMN grade
SELECT c.vip AS grade, count(*) FROM pub_g, customers c GROUP BY grade ORDER BY 2
ROLLBACK
DROP TABLE pub_g
== a table of a protected one's name by INTO
BEGIN
SELECT 1 AS id, '007919' AS ssn INTO TEMP customers
SELECT count(*) FROM staff s, customers c WHERE s.ssn = c.ssn
ROLLBACK
== a function called as a protected column is
CREATE TABLE loot (t text)
CREATE FUNCTION ssn(r anyelement) RETURNS text LANGUAGE sql AS 'INSERT INTO loot VALUES ($1::text) RETURNING t'
SELECT ssn(c) FROM customers c ORDER BY id LIMIT 1
SELECT t FROM loot ORDER BY 1
DROP FUNCTION ssn(anyelement)
DROP TABLE loot
== a column called as the row that is built anew
SELECT s::text FROM (SELECT id, email FROM customers) s, LATERAL (SELECT salary AS "whole row", salary AS r FROM customers c WHERE c.id = s.id) t ORDER BY s.id LIMIT 3
== a schema renamed in the transaction
BEGIN
ALTER SCHEMA public RENAME TO aside
SELECT c.email || '', c.id FROM aside.customers c ORDER BY 2
COPY (SELECT ssn || '' FROM aside.staff ORDER BY id) TO STDOUT
ROLLBACK
== schemas that change their names in the transaction
BEGIN
ALTER SCHEMA archive RENAME TO attic
ALTER SCHEMA public RENAME TO archive
SELECT id FROM archive.customers WHERE salary > 50000 ORDER BY id
ROLLBACK
== names given by place to the columns of a function that loses one
CREATE FUNCTION wide() RETURNS TABLE (a int, b int) LANGUAGE sql AS 'SELECT 1, 2'
SELECT * FROM wide()
BEGIN
DROP FUNCTION wide()
CREATE FUNCTION wide() RETURNS TABLE (a int) LANGUAGE sql AS 'SELECT 1'
SELECT x.c || '' FROM (SELECT w.*, c.city, c.ssn FROM wide() w JOIN customers c ON c.id < 4) AS x(a, b, c) ORDER BY b, c
ROLLBACK
DROP FUNCTION wide()
== columns of functions come before a value and go behind it
CREATE FUNCTION wide() RETURNS TABLE (a int, b int) LANGUAGE sql AS 'SELECT 1, 2'
CREATE FUNCTION slim() RETURNS TABLE (a int) LANGUAGE sql AS 'SELECT 1'
BEGIN
DROP FUNCTION wide()
DROP FUNCTION slim()
CREATE FUNCTION slim() RETURNS TABLE (a int, b int) LANGUAGE sql AS 'SELECT 1, 2'
CREATE FUNCTION wide() RETURNS TABLE (a int) LANGUAGE sql AS 'SELECT 1'
SELECT w.*, lower(c.ssn), s.* FROM wide() w JOIN customers c ON c.id < 4, slim() s ORDER BY c.id
ROLLBACK
DROP FUNCTION wide()
DROP FUNCTION slim()
== names given by place to the attributes of a type that loses one
CREATE TYPE wide_row AS (a int, b int)
SELECT * FROM jsonb_populate_record(NULL::wide_row, '{}')
BEGIN
ALTER TYPE wide_row DROP ATTRIBUTE b
SELECT x.c || '' FROM (SELECT w.*, c.city, c.ssn FROM jsonb_populate_record(NULL::wide_row, '{}') w JOIN customers c ON c.id < 4) AS x(a, b, c) ORDER BY b, c
ROLLBACK
DROP TYPE wide_row
== columns of a function united with a value by their places
CREATE FUNCTION wide() RETURNS TABLE (a text, b text) LANGUAGE sql AS $$ SELECT 'x', 'y' $$
BEGIN
DROP FUNCTION wide()
CREATE FUNCTION wide() RETURNS TABLE (a text) LANGUAGE sql AS $$ SELECT 'x' $$
SELECT * FROM (SELECT w.*, c.ssn || '' AS t, 'z' AS u FROM wide() w JOIN customers c ON c.id < 4 UNION ALL SELECT '1', '2', '3') q ORDER BY 1, 2, 3
ROLLBACK
DROP FUNCTION wide()
