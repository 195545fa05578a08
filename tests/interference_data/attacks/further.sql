## What is reached under another name: strings that are names, trigger functions renamed, cursors by a column's type.
== an aggregate of a function named in a string
CREATE AGGREGATE rewritten(text) (SFUNC = 'ts_rewrite', STYPE = tsquery, INITCOND = 'a'); SELECT rewritten('SELECT ''a''::tsquery, quote_literal(ssn)::tsquery FROM cust' || 'omers WHERE id = 1')
DROP AGGREGATE rewritten(text)
== an aggregate of a function named in an escaped string
CREATE AGGREGATE rewritten(text) (SFUNC = E'ts_r\x65write', STYPE = tsquery, INITCOND = 'a'); SELECT rewritten('SELECT ''a''::tsquery, quote_literal(ssn)::tsquery FROM cust' || 'omers WHERE id = 1')
DROP AGGREGATE rewritten(text)
== an aggregate that ends in an opaque function named in a string
BEGIN
CREATE AGGREGATE peeked(int) (SFUNC = int4pl, STYPE = int4, INITCOND = '0', FINALFUNC = 'find_mail')
SELECT peeked(1)
ROLLBACK
== an aggregate of a domain named in a string
BEGIN
CREATE AGGREGATE peeked(int) (SFUNC = int4pl, STYPE = 'lot_number', INITCOND = '1')
SELECT peeked(1)
ROLLBACK
== a range of a domain named in a string
BEGIN
CREATE TYPE lot_span AS RANGE (SUBTYPE = 'lot_number')
SELECT '[1,1]'::lot_span
ROLLBACK
== a trigger's function renamed before it is given to a trigger
BEGIN
CREATE TABLE scratched (id int, t text)
ALTER FUNCTION fill_mail() RENAME TO harmless
CREATE TRIGGER fills BEFORE INSERT ON scratched FOR EACH ROW EXECUTE FUNCTION harmless()
INSERT INTO scratched VALUES (1, 'x') RETURNING t
ROLLBACK
== a cursor of the session led to by a column's type
INSERT INTO jobs VALUES (1, 'led')
BEGIN
DECLARE led CURSOR FOR SELECT id, email, ssn FROM customers ORDER BY id
SELECT next_job(1)
ROLLBACK
DELETE FROM jobs
== what stands for a function in FROM is called after what is in it
SELECT (SELECT "?column?"."?column?" FROM CAST((SELECT * FROM (SELECT 1 AS foo) q) AS int)) FROM (SELECT ssn AS "?column?" FROM customers ORDER BY id) AS "?column?"
== what stands for a function in FROM takes no alias of a table's
SELECT (SELECT x::text FROM CAST((SELECT x.* FROM (SELECT 1 AS foo) x) AS int)) FROM (SELECT id, ssn FROM customers ORDER BY id) AS x
== what stands for a function in FROM before a predicate
SELECT id FROM (SELECT id, salary AS "?column?" FROM customers) AS "?column?" WHERE (SELECT "?column?"."?column?" FROM CAST((SELECT * FROM (SELECT 1 AS foo) q) AS int)) > 50000 ORDER BY id
