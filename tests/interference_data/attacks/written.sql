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
== a token beside what its row holds in a CHECK
BEGIN
UPDATE emps SET boss = '{{SELECT boss FROM emps WHERE id = 6}}' WHERE id = 3
ROLLBACK
== a token beside what its row holds in a generated column
BEGIN
INSERT INTO pins (id, pub) VALUES (500, 'p1')
UPDATE pins SET secret = '{{SELECT secret FROM pins WHERE id = 1}}' WHERE id = 500
ROLLBACK
== a token beside what its row holds, by an upsert
BEGIN
INSERT INTO pins (id, pub) VALUES (500, 'p1')
INSERT INTO pins (id) VALUES (500) ON CONFLICT (id) DO UPDATE SET secret = '{{SELECT secret FROM pins WHERE id = 1}}'
ROLLBACK
== a token beside what its row holds, by the row that an upsert left out
BEGIN
INSERT INTO pins (id, pub) VALUES (500, 'p1')
INSERT INTO pins (id, secret) VALUES (500, '{{SELECT secret FROM pins WHERE id = 1}}') ON CONFLICT (id) DO UPDATE SET secret = EXCLUDED.secret
ROLLBACK
== a token beside what its row holds, by a merge since 15
BEGIN
INSERT INTO pins (id, pub) VALUES (500, 'p1')
MERGE INTO pins USING (VALUES (500)) v (i) ON pins.id = v.i WHEN MATCHED THEN UPDATE SET secret = '{{SELECT secret FROM pins WHERE id = 1}}'
ROLLBACK
== a token beside what its row holds, in an assigned row
BEGIN
INSERT INTO pins (id, pub) VALUES (500, 'p1')
UPDATE pins SET (secret, id) = ('{{SELECT secret FROM pins WHERE id = 1}}', 501) WHERE id = 500
ROLLBACK
== a token beside a default that a setting gives
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO steered (secret) VALUES ('{{SELECT secret FROM steered WHERE id = 100}}')
ROLLBACK
== a token beside what a sequence gives
BEGIN
SELECT setval('numbered_id_seq', 2)
INSERT INTO numbered (boss) VALUES ('{{SELECT boss FROM numbered WHERE id = 100}}')
ROLLBACK
== tokens of two domains beside each other
BEGIN
INSERT INTO duos VALUES (9, '{{SELECT a FROM duos WHERE id = 1}}', '{{SELECT b FROM duos WHERE id = 2}}')
ROLLBACK
== a token beside one of another domain
BEGIN
UPDATE duos SET a = '{{SELECT a FROM duos WHERE id = 1}}' WHERE id = 2
ROLLBACK
== a token whose foreign key leads to a table of the client's
BEGIN
INSERT INTO codes VALUES ('p1')
UPDATE coded SET code = '{{SELECT code FROM found_codes WHERE id = 1}}' WHERE id = 1
ROLLBACK
== a token that is unique beside a value that is not shown
BEGIN
UPDATE twins SET tok = '{{SELECT tok FROM twins WHERE id = 1}}' WHERE id = 2
ROLLBACK
== key of a protected foreign key deleted by a function
BEGIN
SELECT drop_room(3)
ROLLBACK
== key of a protected foreign key deleted by a function that another calls
BEGIN
SELECT drop_rooms_of(3)
ROLLBACK
== key of a protected foreign key deleted by a procedure
BEGIN
CALL close_room(3)
ROLLBACK
== key of a protected foreign key deleted by a trigger
BEGIN
DELETE FROM bookings WHERE id = 3
ROLLBACK
== key of a protected foreign key deleted by a trigger behind a view
BEGIN
DELETE FROM v_bookings WHERE id = 3
ROLLBACK
== key of a protected foreign key deleted by a trigger behind a cascade
BEGIN
DELETE FROM guests WHERE id = 3
ROLLBACK
== key of a protected foreign key deleted by a trigger behind a function
BEGIN
SELECT cancel(3)
ROLLBACK
== key of a protected foreign key deleted by a rule
BEGIN
DELETE FROM closings WHERE id = 3
ROLLBACK
== key of a protected foreign key deleted by a function whose error is caught
CREATE FUNCTION caught_room() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM drop_room(3); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN RETURN 'gone'; WHEN OTHERS THEN RETURN SQLERRM; END $$
SELECT caught_room()
DROP FUNCTION caught_room()
== marks of the rows that a view found by a protected value
BEGIN
SELECT id FROM v_marked WHERE id = 1 FOR UPDATE
COMMIT
SELECT code FROM marked WHERE xmax <> 0 ORDER BY code
UPDATE marked SET code = code
== marks of the rows that a view in a subquery found by a protected value
BEGIN
SELECT id FROM (SELECT id FROM v_marked_again) v WHERE id = 2 FOR SHARE
COMMIT
SELECT code FROM marked WHERE xmax <> 0 ORDER BY code
UPDATE marked SET code = code
== marks of the rows that a cursor found by a protected value
BEGIN
DECLARE marking CURSOR FOR SELECT id FROM v_marked WHERE id = 3 FOR UPDATE
FETCH 1 FROM marking
COMMIT
SELECT code FROM marked WHERE xmax <> 0 ORDER BY code
UPDATE marked SET code = code
== a guess in a foreign key that may be written
BEGIN
INSERT INTO open_keys VALUES (10, 'p1')
ROLLBACK
== a guess in a foreign key that may be written, by an update
BEGIN
UPDATE open_keys SET code = 'p1' WHERE id = 1
ROLLBACK
== a guess in a foreign key that may be written, by a default
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO open_keys (id) VALUES (10)
ROLLBACK
== a guess in a foreign key that may be written, set to its default
BEGIN
SET LOCAL app.guess = 'p1'
UPDATE open_keys SET code = DEFAULT WHERE id = 1
ROLLBACK
== a guess in a foreign key of the domain that may be written
BEGIN
INSERT INTO open_kin VALUES (10, 'p1')
ROLLBACK
== a guess in a foreign key of the domain that may be written, from a list
BEGIN
INSERT INTO open_kin SELECT 10, t FROM (VALUES ('p1')) v (t)
ROLLBACK
