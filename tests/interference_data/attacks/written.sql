## What a write sets off beyond the value that it writes.
== subscript of an updated column
BEGIN
UPDATE marks SET a[v.a] = 1 FROM vault v WHERE v.id = 1 AND marks.id = 1 RETURNING marks.a
ROLLBACK
== subscript in an assigned row
BEGIN
UPDATE marks SET (b, a[v.a]) = ROW('{1}'::int[], 1) FROM vault v WHERE v.id = 1 AND marks.id = 1 RETURNING marks.a
ROLLBACK
== bounds of a slice that is assigned
BEGIN
UPDATE marks SET a[v.a:v.a] = '{1}' FROM vault v WHERE v.id = 1 AND marks.id = 1 RETURNING marks.a
ROLLBACK
== subscript of an inserted column
BEGIN
WITH x AS (SELECT a AS s FROM vault WHERE id = 1) INSERT INTO marks (id, a[(SELECT s FROM x)]) VALUES (2, 1) RETURNING a
ROLLBACK
== subscript in an upsert
BEGIN
INSERT INTO marks (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a[(SELECT v.a FROM vault v WHERE v.id = 1)] = 1 RETURNING a
ROLLBACK
== subscript in a merge since 15
BEGIN
MERGE INTO marks m USING vault v ON m.id = v.id AND v.id < 3 WHEN MATCHED THEN UPDATE SET a[v.a] = 1
SELECT a FROM marks ORDER BY id
ROLLBACK
== subscript of what a merge inserts since 15
BEGIN
MERGE INTO marks m USING vault v ON m.id = v.id WHEN NOT MATCHED THEN INSERT (id, a[v.a]) VALUES (v.id, 1)
SELECT a FROM marks ORDER BY id
ROLLBACK
== key of an assigned document since 14
CREATE TABLE keyed_loot (j jsonb)
INSERT INTO keyed_loot VALUES ('{}')
UPDATE keyed_loot SET j[v.b] = '1' FROM vault v WHERE v.id = 1 RETURNING j
DROP TABLE keyed_loot
== a deferred error that a DBA's function sets off
CREATE FUNCTION caught_now() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM all_now(); RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
BEGIN
UPDATE lots SET note = 'late' WHERE id = 1
SELECT caught_now()
ROLLBACK
DROP FUNCTION caught_now()
== RETURNING of a view over one that a rule answers
BEGIN
UPDATE v_lots_again SET pub = 4 WHERE id = 1 RETURNING *
ROLLBACK
== ANALYZE of all tables
SET app.strict = 'on'
ANALYZE
RESET app.strict
== VACUUM of all tables
SET app.strict = 'on'
VACUUM (ANALYZE)
RESET app.strict
== REINDEX of an index
SET app.strict = 'on'
REINDEX INDEX pages_code
RESET app.strict
== REINDEX of a schema
SET app.strict = 'on'
REINDEX SCHEMA public
RESET app.strict
== TRUNCATE that cascades
TRUNCATE depots CASCADE
== a type of the client's under a trigger's variable
CREATE TABLE loot4 (t text)
CREATE FUNCTION take4(t text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO loot4 VALUES (t); RETURN true; END $$
CREATE DOMAIN taken AS text CHECK (take4(VALUE))
ALTER TABLE seen ALTER h TYPE taken
UPDATE stocks SET note = 'x' WHERE id = 1
SELECT t FROM loot4
ALTER TABLE seen ALTER h TYPE text
DROP DOMAIN taken
DROP FUNCTION take4(text)
DROP TABLE loot4
== a trigger of the client's on a table that a trigger writes to
CREATE TABLE loot5 (t text)
CREATE FUNCTION take5() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; INSERT INTO loot5 VALUES (c); RETURN NEW; END $$
CREATE TRIGGER take5 BEFORE UPDATE ON seen FOR EACH ROW EXECUTE FUNCTION take5()
UPDATE stocks SET note = 'x' WHERE id = 1
SELECT t FROM loot5
DROP TRIGGER take5 ON seen
DROP FUNCTION take5()
DROP TABLE loot5
== an index of the client's on a table that a trigger writes to
CREATE TABLE loot6 (t text)
GRANT ALL ON loot6 TO PUBLIC
CREATE FUNCTION keep6(c text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot6 VALUES (c); END $$
CREATE FUNCTION take6(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; PERFORM public.keep6(c); RETURN n; END $$
CREATE INDEX take6 ON seen (take6(n))
UPDATE stocks SET note = 'x' WHERE id = 1
SELECT t FROM loot6
DROP INDEX take6
DROP FUNCTION take6(int)
DROP FUNCTION keep6(text)
DROP TABLE loot6
== a policy of the client's on a table that a trigger writes to
CREATE TABLE loot7 (t text)
CREATE FUNCTION take7() RETURNS bool LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN GET DIAGNOSTICS c = PG_CONTEXT; INSERT INTO loot7 VALUES (c); RETURN true; END $$
CREATE POLICY take7 ON seen USING (take7())
ALTER TABLE seen ENABLE ROW LEVEL SECURITY
ALTER TABLE seen FORCE ROW LEVEL SECURITY
UPDATE stocks SET note = 'x' WHERE id = 1
SELECT t FROM loot7
ALTER TABLE seen NO FORCE ROW LEVEL SECURITY
ALTER TABLE seen DISABLE ROW LEVEL SECURITY
DROP POLICY take7 ON seen
DROP FUNCTION take7()
DROP TABLE loot7
== a key that cascades beside a protected column
BEGIN
UPDATE fkp SET id = 11 WHERE id = 10
ROLLBACK
== a key that becomes NULL beside a protected column
BEGIN
DELETE FROM fkr WHERE id = 1
ROLLBACK
== a key that becomes NULL behind a cascade
BEGIN
DELETE FROM fkq WHERE id = 1
ROLLBACK
== a CHECK of the partition that a row moves to
BEGIN
UPDATE shards SET region = 'b' WHERE id = 1
ROLLBACK
== a unique index of the partition that a row moves to
BEGIN
UPDATE shards SET region = 'c' WHERE id = 1
ROLLBACK
== a token beside a guess in a generated column
BEGIN
INSERT INTO pins (id, secret, pub) VALUES (101, '{{SELECT secret FROM pins WHERE id = 1}}', 'p1')
ROLLBACK
== a token beside a guess in a policy
BEGIN
INSERT INTO owned VALUES (101, '{{SELECT secret FROM owned WHERE id = 1}}', 'p1')
ROLLBACK
== a token beside a guess in what a merge inserts since 15
BEGIN
MERGE INTO pins USING (VALUES (102)) v (i) ON pins.id = v.i WHEN NOT MATCHED THEN INSERT (id, secret, pub) VALUES (v.i, '{{SELECT secret FROM pins WHERE id = 1}}', 'p1')
ROLLBACK
== rows that a predicate lock names
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
BEGIN ISOLATION LEVEL SERIALIZABLE
SELECT id FROM v_stay_rooms WHERE id = 1
SELECT page, tuple FROM pg_locks WHERE mode = 'SIReadLock' AND relation = 'rooms'::regclass
ROLLBACK
RESET ALL
== rows that a predicate lock names, by the function
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
BEGIN ISOLATION LEVEL SERIALIZABLE
SELECT id FROM v_stay_rooms WHERE id = 1
SELECT l.page, l.tuple FROM pg_lock_status() l WHERE l.mode = 'SIReadLock' AND l.relation = 'rooms'::regclass
ROLLBACK
RESET ALL
