## Relations with nothing protected in them, a write to which reaches what is.
== an update that a trigger answers
UPDATE wares SET price = 13 WHERE id = 1
== notices of an update
BEGIN
UPDATE wares SET price = 2 WHERE id = 1 RETURNING id
ROLLBACK
== a merge since 15
MERGE INTO wares w USING (VALUES (1)) v (id) ON w.id = v.id WHEN MATCHED THEN UPDATE SET price = 13
== an insert in a CTE
WITH w AS (INSERT INTO wares VALUES (1, 'x', 13) RETURNING id) SELECT count(*) FROM w
== an update through a view
UPDATE v_wares SET price = 13 WHERE id = 1
== an update through a view with a rule
UPDATE v_wares_ruled SET id = id WHERE id = 1
== a trigger that writes to one
INSERT INTO ware_orders VALUES (1)
== a function that writes in a CTE
SELECT sells(1)
== a function that writes in its body's own form since 14
SELECT sells_atomically(1)
== a function that calls one that writes
SELECT sells_by_another(1)
== a function that writes through a view
SELECT sells_through_view(1)
== a function that writes through a rule
SELECT sells_by_rule(1)
== a function that writes to a table whose trigger writes
SELECT sells_by_order(1)
== a view that calls one that writes
SELECT n FROM v_selling
== a function that writes, called for each row that is read
SELECT id, sells(id) FROM wares ORDER BY id
== a delete that a key's action leads on
DELETE FROM firms WHERE id = 1
== notices of such a delete
BEGIN
DELETE FROM firms WHERE id = 2
ROLLBACK
== a key that an action leads on
UPDATE firms SET id = 10 WHERE id = 1
== a function that deletes so
SELECT closes_firm(1)
== a function of the client's that deletes so
CREATE FUNCTION shuts() RETURNS text LANGUAGE plpgsql AS $$ BEGIN DELETE FROM firms WHERE id = 1; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
SELECT shuts()
DROP FUNCTION shuts()
== a function of the client's that writes in a CTE
CREATE FUNCTION takes_w() RETURNS bigint LANGUAGE sql AS 'WITH w AS (UPDATE wares SET price = 13 WHERE id = 1 RETURNING 1) SELECT count(*) FROM w'
SELECT takes_w()
DROP FUNCTION takes_w()
== a function of the client's whose text is written with escapes
CREATE FUNCTION takes_w() RETURNS bigint LANGUAGE sql AS E'WITH w AS (\x55PDATE wares SET price = 13 WHERE id = 1 RETURNING 1) SELECT count(*) FROM w'
SELECT takes_w()
DROP FUNCTION takes_w()
== a function of the client's whose name of it is written with escapes
CREATE FUNCTION takes_w() RETURNS bigint LANGUAGE sql AS 'WITH w AS (UPDATE U&"\0077ares" SET price = 13 WHERE id = 1 RETURNING 1) SELECT count(*) FROM w'
SELECT takes_w()
DROP FUNCTION takes_w()
== a function of the client's in the body's own form since 14
CREATE FUNCTION takes_w() RETURNS bigint LANGUAGE sql BEGIN ATOMIC WITH w AS (UPDATE wares SET price = 13 WHERE wares.id = 1 RETURNING 1) SELECT count(*) FROM w; END
SELECT takes_w()
DROP FUNCTION takes_w()
== a view of the client's in the same transaction
BEGIN
CREATE VIEW loot_w AS SELECT id, price FROM wares
UPDATE loot_w SET price = 13 WHERE id = 1
ROLLBACK
== a view of the client's under a function that was there before
CREATE FUNCTION later_w() RETURNS text LANGUAGE plpgsql AS $$ BEGIN UPDATE loot_w SET price = 13 WHERE id = 1; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
CREATE VIEW loot_w AS SELECT id, price FROM wares
SELECT later_w()
DROP VIEW loot_w
DROP FUNCTION later_w()
== a view of the client's over a view
CREATE FUNCTION later_w() RETURNS text LANGUAGE plpgsql AS $$ BEGIN UPDATE loot_w SET price = 13 WHERE id = 1; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
CREATE VIEW loot_w AS SELECT * FROM v_wares
SELECT later_w()
DROP VIEW loot_w
DROP FUNCTION later_w()
== a view of the client's in the place of one that can't be written to
CREATE VIEW loot_w AS WITH w AS (SELECT id, price FROM wares) SELECT id, price FROM w
CREATE FUNCTION later_w() RETURNS text LANGUAGE plpgsql AS $$ BEGIN UPDATE loot_w SET price = 13 WHERE id = 1; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
CREATE OR REPLACE VIEW loot_w AS SELECT id, price FROM wares
SELECT later_w()
DROP VIEW loot_w
DROP FUNCTION later_w()
== a view in the place of a table that a prepared statement writes to
CREATE TABLE loot_w (id int, price int)
PREPARE put_w AS UPDATE loot_w SET price = 13 WHERE id = 1
DROP TABLE loot_w
CREATE VIEW loot_w AS SELECT id, price FROM wares
EXECUTE put_w
DEALLOCATE put_w
DROP VIEW loot_w
== a rule of the client's on a view that can't be written to
CREATE VIEW loot_w AS WITH w AS (SELECT id, price FROM wares) SELECT id, price FROM w
CREATE RULE put_w AS ON UPDATE TO loot_w DO INSTEAD UPDATE wares SET price = 13 WHERE wares.id = OLD.id
UPDATE loot_w SET price = 3 WHERE id = 1
DROP VIEW loot_w
== a trigger of the client's on a view that can't be written to
CREATE VIEW loot_w AS WITH w AS (SELECT id, price FROM wares) SELECT id, price FROM w
CREATE FUNCTION put_w() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE wares SET price = 13 WHERE id = OLD.id; RETURN NEW; EXCEPTION WHEN OTHERS THEN RAISE EXCEPTION '%', SQLERRM; END $$
CREATE TRIGGER put_w INSTEAD OF UPDATE ON loot_w FOR EACH ROW EXECUTE FUNCTION put_w()
UPDATE loot_w SET price = 3 WHERE id = 1
DROP VIEW loot_w
DROP FUNCTION put_w()
== a rule of the client's on a table of the client's
CREATE TABLE loot_t (id int)
CREATE RULE put_t AS ON INSERT TO loot_t DO ALSO UPDATE wares SET price = 13 WHERE wares.id = NEW.id
INSERT INTO loot_t VALUES (1)
DROP TABLE loot_t
== a trigger of the client's between those of a DBA's
CREATE TABLE loot_t (t text)
CREATE FUNCTION takes_t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO loot_t VALUES (NEW.name); RETURN NEW; END $$
CREATE TRIGGER m_takes BEFORE UPDATE ON wares FOR EACH ROW EXECUTE FUNCTION takes_t()
UPDATE wares SET price = 3 WHERE id = 2
SELECT t FROM loot_t
DROP TRIGGER m_takes ON wares
DROP FUNCTION takes_t()
DROP TABLE loot_t
== another name for it in the same transaction
BEGIN
ALTER TABLE wares RENAME TO loot_r
UPDATE loot_r SET price = 13 WHERE id = 1
ROLLBACK
== another schema for it in the same transaction
BEGIN
CREATE SCHEMA loot_s
ALTER TABLE wares SET SCHEMA loot_s
UPDATE loot_s.wares SET price = 13 WHERE id = 1
ROLLBACK
== a key of it with an action from a table of the client's
CREATE TABLE loot_up (id int PRIMARY KEY)
INSERT INTO loot_up VALUES (1)
BEGIN
ALTER TABLE firms ADD COLUMN up int DEFAULT 1 REFERENCES loot_up ON DELETE CASCADE
DELETE FROM loot_up
ROLLBACK
DROP TABLE loot_up
== a parent of the client's over it
CREATE TABLE loot_p (id int NOT NULL, note text)
BEGIN
ALTER TABLE firms INHERIT loot_p
DELETE FROM loot_p WHERE id = 1
ROLLBACK
DROP TABLE loot_p
== a partitioned table of the client's over it
CREATE TABLE loot_q (id int NOT NULL, note text) PARTITION BY RANGE (id)
BEGIN
ALTER TABLE loot_q ATTACH PARTITION firms FOR VALUES FROM (1) TO (100)
DELETE FROM loot_q WHERE id = 1
ROLLBACK
DROP TABLE loot_q
== EXPLAIN that runs an update
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) UPDATE wares SET price = 13 WHERE id = 1
== a cursor over a function that writes
BEGIN
DECLARE sold CURSOR FOR SELECT sells_through_view(1)
FETCH ALL FROM sold
ROLLBACK
== a default given to a key that an action leads on
BEGIN
ALTER TABLE firms ALTER COLUMN id SET DEFAULT 99
UPDATE firms SET id = DEFAULT WHERE id = 2
ROLLBACK
== a key that an action leads on beside a protected column
BEGIN
UPDATE firms SET id = 98 WHERE id = 2
ROLLBACK
== a trigger's function renamed, then replaced
BEGIN
CREATE TABLE loot_f (t text)
ALTER FUNCTION judge_lot() RENAME TO xx
CREATE OR REPLACE FUNCTION xx() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO loot_f VALUES (NEW.secret); RETURN NEW; END $$
UPDATE lots SET pub = 3 WHERE id = 1
SELECT * FROM loot_f
ROLLBACK
== a column's type renamed, then dropped
BEGIN
ALTER DOMAIN gone_type RENAME TO xx
DROP DOMAIN xx CASCADE
SELECT (SELECT x || '' FROM ta LIMIT 1) FROM tb ORDER BY id
ROLLBACK
== a table whose rows are a column's type renamed, then dropped
BEGIN
ALTER TABLE row_owner RENAME TO rr
DROP TABLE rr CASCADE
SELECT b || 'z' FROM tc AS q (a, b) ORDER BY a
ROLLBACK
== a table whose rows are a column's type renamed as an index
BEGIN
ALTER INDEX row_owner RENAME TO rr
DROP TABLE rr CASCADE
SELECT b || 'z' FROM tc AS q (a, b) ORDER BY a
ROLLBACK
== a trigger's enum renamed, then its labels
BEGIN
ALTER TYPE humour RENAME TO hh
ALTER TYPE hh RENAME VALUE 'even' TO 'other'
ALTER TYPE hh RENAME VALUE 'low' TO 'even'
UPDATE moody SET ward = ward
SELECT id, ward FROM moody ORDER BY id
ROLLBACK
== a column's type renamed, then dropped, in one message
BEGIN; ALTER DOMAIN gone_type RENAME TO xx; DROP DOMAIN xx CASCADE; SELECT (SELECT x || '' FROM ta LIMIT 1) FROM tb ORDER BY id; ROLLBACK
== a table whose rows are a column's type comes under one that is dropped
BEGIN
CREATE TABLE mypar (n int)
ALTER TABLE row_owner INHERIT mypar
DROP TABLE mypar CASCADE
SELECT b || 'z' FROM tc AS q (a, b) ORDER BY a
ROLLBACK
== a table whose rows are a column's type becomes one of a type that is dropped
BEGIN
CREATE TYPE myct AS (n int)
ALTER TABLE row_owner OF myct
DROP TYPE myct CASCADE
SELECT b || 'z' FROM tc AS q (a, b) ORDER BY a
ROLLBACK
== a table whose rows are a column's type attached to one that is dropped
BEGIN
CREATE TABLE mypp (n int) PARTITION BY LIST (n)
ALTER TABLE mypp ATTACH PARTITION row_owner DEFAULT
DROP TABLE mypp CASCADE
SELECT b || 'z' FROM tc AS q (a, b) ORDER BY a
ROLLBACK
