## What the catalog stores and PostgreSQL runs, though no name of it is in the text.
== a cast of a hardware address that fails for some
SELECT coalesce(NULL::macaddr, mac) IS NULL FROM cards WHERE id = 1
== the default of a domain on a table of the client's
CREATE TEMP TABLE z (a fetched, b int)
INSERT INTO z (b) VALUES (1)
SELECT a FROM z
DROP TABLE z
== the default of a domain on a copied table
CREATE TEMP TABLE z AS SELECT * FROM fetched_rows LIMIT 0
INSERT INTO z (b) VALUES (1) RETURNING a
DROP TABLE z
== the default of a domain on a table made in the transaction
BEGIN
SELECT * INTO TEMP z FROM fetched_rows LIMIT 0
INSERT INTO z DEFAULT VALUES RETURNING a
ROLLBACK
== the default of a domain in a DBA's table
BEGIN
INSERT INTO fetched_rows (b) VALUES (2) RETURNING a
ROLLBACK
== in a MERGE since 15
BEGIN
MERGE INTO fetched_rows f USING (SELECT 5 AS b) s ON f.b = s.b WHEN NOT MATCHED THEN INSERT (b) VALUES (s.b)
SELECT a FROM fetched_rows WHERE b = 5
ROLLBACK
== a short row of VALUES
BEGIN
INSERT INTO fetched_rows VALUES (5) RETURNING a
ROLLBACK
== an argument's default by an operator
SELECT by_default()
== an argument's default by a cast to a domain
SELECT by_cast()
== a domain's CHECK by an operator
SELECT 'p1'::kept_name
== a domain's CHECK by a cast to another domain
SELECT 'p1'::kept_twice
== a table like one with a default by an operator
CREATE TEMP TABLE lk (LIKE defaulted INCLUDING ALL)
INSERT INTO lk (id) VALUES (1) RETURNING v
DROP TABLE lk
== a table like one with a default by a cast
CREATE TEMP TABLE lk (LIKE cast_default INCLUDING ALL)
INSERT INTO lk (id) VALUES (1) RETURNING v
DROP TABLE lk
== a table like one with a generated column by an operator
CREATE TEMP TABLE lk (LIKE computed_by INCLUDING ALL)
INSERT INTO lk (id, v) VALUES (1, 'x') RETURNING g
DROP TABLE lk
== an operator whose negator the planner runs
SELECT NOT ('p1'::text <+> 'x')
== in a predicate
SELECT id FROM scratch WHERE NOT ('p1'::text <+> t) ORDER BY id
== an assignment cast of a type's own
BEGIN
INSERT INTO marked_rows (id, v) VALUES (2, lower('q')) RETURNING v
ROLLBACK
== by an UPDATE
BEGIN
UPDATE marked_rows SET v = lower('q') RETURNING v
ROLLBACK
== from a query
BEGIN
INSERT INTO marked_rows (id, v) SELECT 2, t FROM scratch LIMIT 1
SELECT v FROM marked_rows WHERE id = 2
ROLLBACK
== by a parameter of a declared type
BEGIN
PREPARE marking(text) AS INSERT INTO marked_rows (id, v) VALUES (2, $1) RETURNING v
EXECUTE marking('q')
ROLLBACK
DEALLOCATE marking
== an assignment cast in a copied table
CREATE TEMP TABLE om AS SELECT v FROM marked_rows LIMIT 0
INSERT INTO om VALUES (lower('q')) RETURNING v
DROP TABLE om
== an implicit cast of an argument
SELECT lower(s) FROM marked_rows
== of an operand
SELECT s LIKE 'p%' FROM marked_rows
== of a compared value
SELECT id FROM marked_rows WHERE s = lower('P1')
== of a field of a row in a CTE
WITH r AS (SELECT m FROM marked_rows m) SELECT upper((m).s) FROM r
== of an element
SELECT lower((ARRAY[s])[1]) FROM marked_rows
== a literal that becomes an element of a domain
SELECT array_append((SELECT n FROM kept_lists), 'p1')
== of an array made there
SELECT ARRAY[one] || '{p1}' FROM kept_lists
== of an array of a subquery
SELECT array_append(ARRAY(SELECT one FROM kept_lists), 'p1')
== of an array of an aggregate
SELECT array_append(array_agg(one), 'p1') FROM kept_lists
== of the mode of a column
SELECT array_append(ARRAY[mode() WITHIN GROUP (ORDER BY one)], 'p1') FROM kept_lists
== of an array compared
SELECT '{p1}' = (SELECT n FROM kept_lists)
== of an array in IN
SELECT id FROM kept_lists WHERE n IN ('{p1}', '{p2}')
== of an array in CASE
SELECT CASE n WHEN '{p1}' THEN 1 ELSE 0 END FROM kept_lists
== of an array in BETWEEN
SELECT n BETWEEN '{p1}' AND '{p2}' FROM kept_lists
== of a range compared
SELECT s = '[p1,)' FROM kept_spans
== a row filled from a document
SELECT (json_populate_record(l, '{"n": ["p1"]}')).n FROM kept_lists l
== through a CTE
WITH r AS (SELECT l FROM kept_lists l) SELECT (jsonb_populate_record(r.l, '{"one": "p1"}')).one FROM r
== a row filled from a document in FROM
SELECT p.one FROM kept_lists l, json_populate_record(l, '{"one": "p1"}') p
== the default of a window function
SELECT lag(one, 1, 'p1') OVER (ORDER BY id) FROM kept_lists
== of unnested elements
SELECT lag(u, 1, 'p1') OVER () FROM (SELECT NULL::text AS x, one AS u FROM kept_lists) q
== of the greatest of a domain
SELECT lag(greatest(one, one), 1, 'p1') OVER (ORDER BY id) FROM kept_lists
== a domain in a copied table
CREATE TEMP TABLE ml AS SELECT one FROM kept_lists LIMIT 0
INSERT INTO ml VALUES ('p1')
DROP TABLE ml
== a domain in a copied table, inside an array
CREATE TEMP TABLE ml AS SELECT ARRAY[one] AS n FROM kept_lists LIMIT 0
INSERT INTO ml VALUES ('{p1}')
DROP TABLE ml
== a domain in a DBA's table
BEGIN
UPDATE kept_lists SET one = 'p1'
ROLLBACK
== an element of a domain in a DBA's table
BEGIN
UPDATE kept_lists SET n[1] = 'p1'
ROLLBACK
== an implicit cast in a view of a DBA's
SELECT said FROM v_spoken
== a literal that becomes an element of a domain in a view of a DBA's
SELECT n FROM v_kept_lists
== a value of a type of its own that a cast makes
SELECT lower('yes'::spoken)
== a value of such a type in a definition list
SELECT lower(x.s) FROM json_to_record('{"s": "yes"}') AS x (s spoken)
== a literal that becomes an array of a domain, where branches meet
SELECT coalesce(n, '{p1}') FROM kept_lists
== likewise in CASE
SELECT CASE WHEN id = 2 THEN n ELSE '{p1}' END FROM kept_lists
== likewise in a UNION
SELECT n FROM kept_lists UNION ALL SELECT '{p1}' ORDER BY 1
== likewise in VALUES
VALUES ((SELECT n FROM kept_lists)), ('{p1}')
== likewise in a recursion
WITH RECURSIVE r AS (SELECT n, 1 AS i FROM kept_lists UNION ALL SELECT '{p1}', 2 FROM r WHERE i = 1) SELECT n FROM r ORDER BY i
== likewise in ARRAY
SELECT ARRAY[n, '{p1}'] FROM kept_lists
== likewise in GREATEST
SELECT greatest(n, '{p1}') FROM kept_lists
== likewise as a row
SELECT coalesce((SELECT l FROM kept_lists l WHERE false), '(1,,p1)')
== a value that is cast where it is stored
CREATE TEMP TABLE said (t text)
INSERT INTO said SELECT s FROM marked_rows RETURNING t
DROP TABLE said
== a value that is cast where it is stored, by an UPDATE
BEGIN
UPDATE scratch SET t = (SELECT s FROM marked_rows) WHERE id = 1 RETURNING t
ROLLBACK
== a value that is cast where it decides
SELECT id FROM marked_rows ORDER BY s::text, id LIMIT (SELECT count(*) FROM marked_rows WHERE s = lower('P1'))
== a table like one whose default reads by a function of the server's own
CREATE TEMP TABLE lk (LIKE read_by_default INCLUDING ALL)
INSERT INTO lk (id) VALUES (1) RETURNING v
DROP TABLE lk
== an argument's default by a function of the server's own
SELECT read_by_argument()
== a function of the client's that makes a value of its argument's type
CREATE FUNCTION made(a anyelement) RETURNS int LANGUAGE plpgsql AS $$ DECLARE b a%TYPE := 'p1'; BEGIN RETURN 1; END $$
SELECT made(one) FROM kept_lists
DROP FUNCTION made(anyelement)
== a function of the client's that returns such a value
CREATE FUNCTION made(a anyelement) RETURNS anyelement LANGUAGE plpgsql AS $$ BEGIN RETURN 'p1'; END $$
SELECT made(one) FROM kept_lists
DROP FUNCTION made(anyelement)
== a function of the client's that changes a row
CREATE FUNCTION made(r record) RETURNS int LANGUAGE plpgsql AS $$ BEGIN r.one := 'p1'; RETURN 1; END $$
SELECT made(l) FROM kept_lists l
DROP FUNCTION made(record)
== an operator of a DBA's that takes any type
SELECT one =~~= 'p1' FROM kept_lists
