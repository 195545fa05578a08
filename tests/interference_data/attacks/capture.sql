## What is taken for clean inside, and is something protected further out, or a function of the whole row.
== a system column of a view means the outer column
SELECT (SELECT ctid || '' FROM v_clean LIMIT 1) FROM (SELECT ssn AS ctid, id FROM customers) x ORDER BY id LIMIT 3
== a system column of a view that every database has
SELECT (SELECT xmax || '' FROM pg_settings LIMIT 1) FROM (SELECT email AS xmax, id FROM customers) x ORDER BY id LIMIT 3
== a system column of a join
SELECT (SELECT tableoid || '' FROM (orders c CROSS JOIN scratch s) LIMIT 1) FROM (SELECT ssn AS tableoid, id FROM customers) x ORDER BY id LIMIT 3
== a whole row under the name of a system column
SELECT ctid::text FROM (SELECT * FROM customers WHERE id < 4) AS ctid, v_clean WHERE v_clean.id = 1 ORDER BY 1
== a system column in a predicate
SELECT count(*) FROM (SELECT ssn AS ctid FROM customers) x WHERE EXISTS (SELECT 1 FROM v_clean WHERE ctid LIKE '00%')
== a system column as an order
SELECT id FROM (SELECT ssn AS ctid, id FROM customers) x ORDER BY (SELECT ctid FROM v_clean LIMIT 1), id LIMIT 3
== a system column stored
BEGIN
UPDATE scratch SET t = (SELECT (SELECT ctid FROM v_clean LIMIT 1) FROM (SELECT ssn AS ctid, id FROM customers) x WHERE x.id = 3) RETURNING t
ROLLBACK
== a function of a row under the name of a system column
CREATE FUNCTION ctid(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text'
SELECT v.ctid FROM v_all v ORDER BY id LIMIT 3
DROP FUNCTION ctid(anyelement)
== the excluded row by a function under the name of a system column
CREATE FUNCTION ctid(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text'
BEGIN
INSERT INTO customers (id, city) SELECT 1, 'x' ON CONFLICT (id) DO UPDATE SET city = (SELECT v.ctid FROM v_all v WHERE v.id = 1) RETURNING city
ROLLBACK
DROP FUNCTION ctid(anyelement)
== unnest of composites has other columns
SELECT (SELECT u::text || '' FROM unnest(ARRAY[ROW('a', 'b')::address]) u LIMIT 1) FROM (SELECT ssn AS u, id FROM customers) x ORDER BY id LIMIT 3
== unnest of a tsvector has other columns
SELECT (SELECT u::text || '' FROM unnest(to_tsvector('a b')) u LIMIT 1) FROM (SELECT ssn AS u, id FROM customers) x ORDER BY id LIMIT 3
== COALESCE in FROM has the columns of its type
SELECT (SELECT u::text || '' FROM coalesce(ROW('a', 'b')::address) u) FROM (SELECT ssn AS u, id FROM customers) x ORDER BY id LIMIT 3
== a cast in FROM has the columns of its type
SELECT (SELECT u::text || '' FROM CAST(ROW('a', 'b') AS address) u) FROM (SELECT ssn AS u, id FROM customers) x ORDER BY id LIMIT 3
== one OUT argument names the column, whatever the alias
SELECT (SELECT u::text || '' FROM pg_partition_ancestors('events_a') u LIMIT 1) FROM (SELECT ssn AS u, id FROM customers) x ORDER BY id LIMIT 3
== RETURNS TABLE names the column, whatever the alias
CREATE FUNCTION tabf() RETURNS TABLE (zz int) LANGUAGE sql AS 'SELECT 1'
SELECT (SELECT u::text || '' FROM tabf() u LIMIT 1) FROM (SELECT ssn AS u, id FROM customers) x ORDER BY id LIMIT 3
DROP FUNCTION tabf()
== a natural join with the columns of a composite
SELECT count(*) FROM unnest(ARRAY[ROW('007919', 'x')::address]) u NATURAL JOIN (SELECT ssn AS street FROM staff) b
== a cast sorted by its name
SELECT salary::int, id FROM customers ORDER BY salary DESC, id LIMIT 3
== a cast sorted by its name, copied
COPY (SELECT birth::timestamp, id FROM customers ORDER BY birth, id LIMIT 3) TO STDOUT
== a cast sorted by its name in a subquery
SELECT x.id FROM (SELECT salary::int, id FROM customers ORDER BY salary, id LIMIT 3) x ORDER BY 1
== a cast that DISTINCT ON names
SELECT DISTINCT ON (vip) vip::int, id FROM customers ORDER BY vip, id
== a cast whose name is looked up further out
SELECT (SELECT ssn || '' FROM (SELECT s2.ssn::varchar(3) FROM staff s2 LIMIT 1) q) FROM customers x ORDER BY id LIMIT 3
== a cast in a CTE whose name is looked up further out
WITH q AS (SELECT s2.ssn::varchar(3) FROM staff s2 LIMIT 1) SELECT (SELECT ssn || '' FROM q) FROM customers x ORDER BY id LIMIT 3
== a column that became a function of the row
SELECT x.to_json FROM (SELECT y.to_json::varchar(2), y.id, y.ssn, y.email FROM (SELECT ssn AS to_json, id, ssn, email FROM customers) y) x ORDER BY x.id LIMIT 3
== the name of a subquery with a star
SELECT (SELECT "?column?" || '' FROM (SELECT (SELECT * FROM (SELECT ssn AS abc FROM staff LIMIT 1) q)) w) FROM (SELECT ssn AS "?column?", id FROM customers) x ORDER BY id LIMIT 3
== the name of a subquery with the star of an alias
SELECT (SELECT q || '' FROM (SELECT (SELECT q.* FROM (SELECT 1 AS abc) q)) w) FROM (SELECT ssn AS q, id FROM customers) x ORDER BY id LIMIT 3
== the name of a subquery that is a TABLE
WITH q AS (SELECT 1 AS abc) SELECT (SELECT "?column?" || '' FROM (SELECT (TABLE q)) w) FROM (SELECT ssn AS "?column?", id FROM customers) x ORDER BY id LIMIT 3
== a function of a table's row type that loses a column
CREATE TABLE tyt (u int, v int)
CREATE FUNCTION ftt() RETURNS SETOF tyt LANGUAGE plpgsql AS 'DECLARE r tyt; BEGIN RETURN NEXT r; END'
BEGIN
ALTER TABLE tyt DROP COLUMN u
SELECT (SELECT u::text || '' FROM ftt() q LIMIT 1) FROM (SELECT ssn AS u, id FROM customers) x ORDER BY id LIMIT 3
ROLLBACK
DROP FUNCTION ftt()
DROP TABLE tyt
== functions of row types shift what stands behind their stars
CREATE TABLE tyt (u text, v text)
CREATE TABLE tye (a text)
CREATE FUNCTION ftt() RETURNS SETOF tyt LANGUAGE plpgsql AS 'DECLARE r tyt; BEGIN RETURN NEXT r; END'
CREATE FUNCTION fte() RETURNS SETOF tye LANGUAGE plpgsql AS 'DECLARE r tye; BEGIN RETURN NEXT r; END'
BEGIN
ALTER TABLE tyt DROP COLUMN u
ALTER TABLE tye ADD COLUMN more text
SELECT f.*, c.city, c.ssn::varchar, e.* FROM ftt() f, customers c, fte() e WHERE c.id < 4 ORDER BY c.id
ROLLBACK
DROP FUNCTION ftt()
DROP FUNCTION fte()
DROP TABLE tyt
DROP TABLE tye
== a column that goes leaves a function of the row
CREATE FUNCTION foo(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text'
CREATE TABLE tabt (foo int, k int)
INSERT INTO tabt VALUES (1, 1)
BEGIN
ALTER TABLE tabt DROP COLUMN foo
SELECT q.foo FROM (SELECT t.*, c.ssn FROM tabt t, customers c ORDER BY c.id LIMIT 3) q
ROLLBACK
DROP TABLE tabt
DROP FUNCTION foo(anyelement)
== a field that goes leaves a function of the row
CREATE FUNCTION foo(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text'
CREATE TABLE tabt (foo int, k int)
INSERT INTO tabt VALUES (1, 1)
BEGIN
ALTER TABLE tabt DROP COLUMN foo
SELECT (q).foo FROM (SELECT t.*, c.ssn FROM tabt t, customers c ORDER BY c.id LIMIT 3) q
ROLLBACK
DROP TABLE tabt
DROP FUNCTION foo(anyelement)
== a row built anew from columns of which one goes
CREATE FUNCTION foo(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text'
CREATE TABLE tabt (foo int, k int)
INSERT INTO tabt VALUES (1, 1)
BEGIN
ALTER TABLE tabt DROP COLUMN foo
SELECT to_json(q) FROM (SELECT t.*, c.ssn FROM tabt t, customers c ORDER BY c.id LIMIT 3) q
ROLLBACK
DROP TABLE tabt
DROP FUNCTION foo(anyelement)
== a function made under the name of a column that goes
CREATE TABLE tabt (foo int, k int)
INSERT INTO tabt VALUES (1, 1)
CREATE FUNCTION foo(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text'
BEGIN
ALTER TABLE tabt DROP COLUMN foo
SELECT j.foo FROM (tabt t CROSS JOIN customers c) AS j ORDER BY j.id LIMIT 3
ROLLBACK
DROP FUNCTION foo(anyelement)
DROP TABLE tabt
== bounds of ranges in a predicate
SELECT id FROM spans WHERE lower(r) IS NULL ORDER BY id
== bounds of ranges counted
SELECT count(lower(r)), count(upper(days)) FROM spans
== bounds of ranges
SELECT id, lower(r), upper(r), lower(days), upper(days) FROM spans ORDER BY id
== a generated column that a write computes
UPDATE rates SET share = -9 WHERE id = 4
== an index expression that a write computes
UPDATE rates_index SET share = -9 WHERE id = 4
== an index predicate that a write computes
UPDATE rates_part SET share = -9 WHERE id = 4
== a policy that a write must satisfy
UPDATE rates_rule SET share = -18 WHERE id = 2
== a partition key that a write changes
UPDATE parcels SET region = 'a' WHERE id = 1
== a default that is unique
UPDATE rates SET unit = DEFAULT WHERE id = 2
