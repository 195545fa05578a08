## Names that nobody wrote: PostgreSQL calls a column or a function in FROM after what is in it, or the client changes what a table's columns are called.
== a cast in FROM beside a table of its seeming name
SELECT x::text FROM CAST((SELECT x.* FROM (SELECT 1 AS foo) x) AS int), customers AS x ORDER BY x.id
== a cast in FROM called as a row before a change since 18
UPDATE customers c SET city = c.city FROM CAST((SELECT old.* FROM (SELECT 1 AS foo) old) AS int) WHERE c.id = 1 RETURNING old.ssn || ''
== order by a name that a subquery only seems to have
SELECT (SELECT * FROM pg_partition_ancestors('events_a') AS salary LIMIT 1), id FROM customers ORDER BY salary, id LIMIT 4
== order by a name that a cast of a subquery only seems to have
SELECT (SELECT * FROM pg_partition_ancestors('events_a') AS salary LIMIT 1)::text, id FROM customers ORDER BY salary, id LIMIT 4
== order by a name that a CASE only seems to have
SELECT CASE WHEN false THEN 1 ELSE (SELECT * FROM pg_partition_ancestors('events_a') AS salary LIMIT 1)::int END, id FROM customers ORDER BY salary, id LIMIT 4
== order by a whole row whose name an output only seems to have
SELECT (SELECT * FROM pg_partition_ancestors('events_a') AS c LIMIT 1), id FROM (SELECT ssn, id FROM customers) c ORDER BY c, id LIMIT 4
== order by a name that another output has
SELECT CASE WHEN id > 0 THEN ssn ELSE (SELECT * FROM pg_partition_ancestors('events_a') AS b LIMIT 1)::text END, id FROM (SELECT 1 AS relid, ssn, id FROM customers) z ORDER BY relid, id LIMIT 3
== order by a name that a table's column has no more
CREATE TABLE loose_a (salary text)
INSERT INTO loose_a VALUES ('a')
BEGIN
ALTER TABLE loose_a RENAME salary TO y
SELECT (SELECT * FROM loose_a LIMIT 1), id FROM customers ORDER BY salary, id LIMIT 3
ROLLBACK
DROP TABLE loose_a
== rows of a limit by a name that a subquery only seems to have
SELECT id FROM (SELECT (SELECT * FROM pg_partition_ancestors('events_a') AS salary LIMIT 1), id FROM customers WHERE id < 9 ORDER BY salary LIMIT 1) q ORDER BY 1
== distinct on a name that a subquery only seems to have
SELECT DISTINCT ON (vip) (SELECT * FROM pg_partition_ancestors('events_a') AS vip LIMIT 1), id FROM customers ORDER BY vip, id
== group by a name that an input only seems to have
SELECT c.vip AS x, count(*) FROM customers c, (SELECT (SELECT * FROM pg_partition_ancestors('events_a') AS x LIMIT 1)) q GROUP BY x ORDER BY 2
== group by a name that an output does not have
SELECT 1 AS relid, count(*) FROM (SELECT (SELECT * FROM pg_partition_ancestors('events_a') AS g LIMIT 1)::text UNION ALL SELECT ssn FROM customers UNION ALL SELECT '007919' UNION ALL SELECT '910478') q GROUP BY relid ORDER BY 2
== group by a name that a CASE does not seem to have
SELECT 1 AS relid, count(*) FROM (SELECT CASE WHEN id > 0 THEN vip::text ELSE (SELECT * FROM pg_partition_ancestors('events_a') AS g LIMIT 1)::text END FROM customers) q GROUP BY relid ORDER BY 2
== a reading that seems to name no column
SELECT a.id, secret || '!', archived_at FROM ledger a, CAST((SELECT * FROM (SELECT 1 AS archived_at) z) AS int) ORDER BY a.id
== a reading that seems to name no column, by a function
CREATE FUNCTION archived(OUT archived_at int) LANGUAGE sql AS 'SELECT 1'
SELECT ledger.id, archived_at FROM ledger, archived() WHERE secret LIKE 'a%' ORDER BY ledger.id
DROP FUNCTION archived()
== a reading that seems to name nothing in FROM
SELECT a.id, secret || '!', archived_at.archived_at FROM ledger a, CAST((SELECT * FROM (SELECT 1 AS archived_at) z) AS int) ORDER BY a.id
== a reading that names a column only now
CREATE TABLE loose_b (zz int)
INSERT INTO loose_b VALUES (1)
BEGIN
ALTER TABLE loose_b RENAME zz TO archived_at
SELECT ledger.id, secret || '!', archived_at FROM ledger, loose_b ORDER BY ledger.id
ROLLBACK
DROP TABLE loose_b
== a column that USING only seems to merge
SELECT c4::text || '', c1 FROM ((SELECT id, (SELECT * FROM pg_partition_ancestors('events_a') AS id LIMIT 1) FROM scratch) a JOIN (SELECT id, city, ssn, city AS c2 FROM staff) b USING (id)) AS j(c1, c2, c3, c4) ORDER BY c1
== a column that USING only seems to merge, under a set operation
SELECT c3 || '' FROM (SELECT * FROM (SELECT id, (SELECT * FROM pg_partition_ancestors('events_a') AS id LIMIT 1) FROM scratch) a JOIN (SELECT id, ssn, city AS c2 FROM staff) b USING (id) UNION ALL SELECT 1, NULL, 'x', 'y') q(c1, c2, c3, c4) ORDER BY 1
== a column that a natural join only seems to merge
SELECT c1 || '' FROM ((SELECT ssn, (SELECT * FROM pg_partition_ancestors('events_a') AS id LIMIT 1)::text FROM staff) a NATURAL JOIN (SELECT 'events'::text AS id) b) AS j(c1, c2, c3) ORDER BY 1
== a natural join with a guess at a column of another name
SELECT count(*) FROM (SELECT CASE WHEN id > 0 THEN ssn ELSE (SELECT * FROM pg_partition_ancestors('events_a') AS g LIMIT 1)::text END FROM customers) q NATURAL JOIN (SELECT '007919' AS relid) r
== a guess joined by USING with a column of another name
SELECT count(*) FROM (SELECT CASE WHEN id > 0 THEN ssn ELSE (SELECT * FROM pg_partition_ancestors('events_a') AS g LIMIT 1)::text END FROM customers) q JOIN (SELECT '007919' AS relid) r USING (relid)
== a column added beside the one that USING merges
CREATE TABLE loose_c (id int)
INSERT INTO loose_c SELECT generate_series(1, 4)
BEGIN
ALTER TABLE loose_c ADD COLUMN z int
SELECT c4 || '', c1 FROM (loose_c JOIN (SELECT id, city, ssn, city AS c2 FROM staff) b USING (id)) AS j(c1, c2, c3, c4) ORDER BY c1
SELECT c3 || '' FROM (SELECT * FROM loose_c JOIN (SELECT id, ssn, city AS c2 FROM staff) b USING (id) UNION ALL SELECT 1, NULL, 'x', 'y') q(c1, c2, c3, c4) ORDER BY 1
ROLLBACK
DROP TABLE loose_c
== a natural join over a column added beside the one that USING merges
CREATE TABLE loose_d (id int)
BEGIN
ALTER TABLE loose_d ADD COLUMN ssn text
INSERT INTO loose_d VALUES (1, '007919')
SELECT count(*) FROM (loose_d JOIN (SELECT 1 AS id) z USING (id)) NATURAL JOIN (SELECT ssn FROM customers) c
ROLLBACK
DROP TABLE loose_d
== columns added to a table that had none
CREATE TABLE loose_e ()
BEGIN
ALTER TABLE loose_e ADD COLUMN z int
INSERT INTO loose_e VALUES (1)
SELECT c3 || '' FROM (SELECT * FROM loose_e, (SELECT city, ssn, city AS c2 FROM staff) s) AS j(c1, c2, c3) ORDER BY 1
ROLLBACK
DROP TABLE loose_e
== attributes added to a type that had none
CREATE TYPE loose_t AS ()
CREATE FUNCTION loose_f() RETURNS loose_t LANGUAGE sql AS 'SELECT NULL::loose_t'
BEGIN
ALTER TYPE loose_t ADD ATTRIBUTE z text
SELECT c3 || '' FROM (SELECT * FROM loose_f() f, (SELECT city, ssn, city AS c2 FROM staff) s) AS j(c1, c2, c3) ORDER BY 1
ROLLBACK
DROP FUNCTION loose_f()
DROP TYPE loose_t
== places that shift before the last of several outputs
CREATE TABLE loose_g (a text)
INSERT INTO loose_g VALUES ('x')
BEGIN
ALTER TABLE scratch DROP COLUMN id
ALTER TABLE loose_g ADD COLUMN more text
SELECT s.*, c.ssn::varchar, e.*, c.email FROM scratch s, customers c, loose_g e WHERE c.id < 3 AND s.t = 's1' ORDER BY c.id
ROLLBACK
DROP TABLE loose_g
== a name that two columns only seem to have
CREATE TABLE loose_h (x text)
INSERT INTO loose_h VALUES ('a')
BEGIN
ALTER TABLE loose_h RENAME x TO y
SELECT (SELECT x FROM loose_h, (SELECT (SELECT * FROM pg_partition_ancestors('events_a') AS x LIMIT 1)) q LIMIT 1)::text FROM (SELECT ssn AS x FROM customers WHERE id < 3) z ORDER BY 1
ROLLBACK
DROP TABLE loose_h
== a name that another column of the level has
CREATE TABLE loose_i (relid text)
INSERT INTO loose_i VALUES ('a')
BEGIN
ALTER TABLE loose_i RENAME relid TO y
SELECT relid || '' FROM loose_i, (SELECT CASE WHEN id > 0 THEN ssn ELSE (SELECT * FROM pg_partition_ancestors('events_a') AS g LIMIT 1)::text END FROM customers) q ORDER BY 1 LIMIT 3
ROLLBACK
DROP TABLE loose_i
== a name that another arm's column has
CREATE TABLE loose_j (x text)
INSERT INTO loose_j VALUES ('a')
BEGIN
ALTER TABLE loose_j RENAME x TO y
SELECT (SELECT string_agg(y || '', ',' ORDER BY 1) FROM (SELECT * FROM loose_j UNION ALL SELECT ssn FROM customers WHERE id < 3) q) FROM (SELECT 'b' AS y) z
ROLLBACK
DROP TABLE loose_j
== columns that have each other's names
CREATE FUNCTION called_g(OUT g text) LANGUAGE sql AS 'SELECT NULL'
CREATE FUNCTION called_x(OUT x text) LANGUAGE sql AS 'SELECT NULL'
SELECT x || '' FROM (SELECT (SELECT * FROM called_g() AS x), CASE WHEN true THEN ssn ELSE (SELECT * FROM called_x() AS g) END FROM customers) q ORDER BY 1
SELECT q.x || '' FROM (SELECT (SELECT * FROM called_g() AS x), CASE WHEN true THEN ssn ELSE (SELECT * FROM called_x() AS g) END FROM customers) q ORDER BY 1
SELECT (q).x || '' FROM (SELECT (SELECT * FROM called_g() AS x), CASE WHEN true THEN ssn ELSE (SELECT * FROM called_x() AS g) END FROM customers) q ORDER BY 1
SELECT q::text FROM (SELECT (SELECT * FROM called_g() AS x), CASE WHEN true THEN ssn ELSE (SELECT * FROM called_x() AS g) END FROM customers) q ORDER BY 1
DROP FUNCTION called_g()
DROP FUNCTION called_x()
== search by a column of another name since 14
WITH RECURSIVE r AS (SELECT CASE WHEN id > 0 THEN ssn ELSE (SELECT * FROM pg_partition_ancestors('events_a') AS g LIMIT 1)::text END, 1 AS n FROM customers UNION ALL SELECT 'x', n + 1 FROM r WHERE n < 1) SEARCH DEPTH FIRST BY relid SET o SELECT o::text FROM r ORDER BY 1 LIMIT 3
