## Writes that ask: every constraint is an oracle, every destination a copy.
== unique key through a view of it
BEGIN
UPDATE v_ref SET r = 'ref2' WHERE n = 1
UPDATE customers SET phone = (SELECT phone FROM customers WHERE id = 2) WHERE id = 1
ROLLBACK
== unique key of a partition
BEGIN
UPDATE tickets SET id = 2 WHERE id = 3
ROLLBACK
== unique key of a partition by its own name
BEGIN
UPDATE tickets_a SET id = 4 WHERE id = 5
ROLLBACK
== check that NULL fails for some
BEGIN
UPDATE patients SET room = NULL WHERE id = 4
ROLLBACK
== check that a default may fail
BEGIN
UPDATE patients SET room = DEFAULT, weight = 3 WHERE id = 5 RETURNING (SELECT weight FROM patients WHERE id = 6)
ROLLBACK
== check through an upsert
BEGIN
INSERT INTO patients (id) VALUES (6) ON CONFLICT (id) DO UPDATE SET room = NULL
ROLLBACK
== check through a merge since 15
BEGIN
MERGE INTO patients p USING (VALUES (8)) v (i) ON p.id = v.i WHEN MATCHED THEN UPDATE SET room = NULL
ROLLBACK
== exclusion constraint whose predicate reads a value
BEGIN
UPDATE halls SET span = '[10,12)' WHERE id = 3
ROLLBACK
== unique index whose predicate lets a row come back
BEGIN
UPDATE halls SET gone = NULL WHERE id = 2
ROLLBACK
== check that reads the whole row
BEGIN
UPDATE bins SET place = 7 WHERE id = 1
ROLLBACK
== unique key by an insert of both columns
BEGIN
INSERT INTO customers (id, referrer, phone) VALUES (700, 'ref1', '+40012347')
ROLLBACK
== unique key by an upsert that counts
BEGIN
INSERT INTO customers (id, email) VALUES (701, 'a.one3@example.com') ON CONFLICT DO NOTHING
ROLLBACK
== upsert by the constraint's name
BEGIN
INSERT INTO customers (id, email, city) VALUES (702, 'a.one3@example.com', 'x') ON CONFLICT ON CONSTRAINT customers_email_key DO UPDATE SET city = 'hit' RETURNING id
ROLLBACK
== upsert whose condition reads a value
BEGIN
INSERT INTO customers (id) VALUES (7) ON CONFLICT (id) DO UPDATE SET city = 'hit' WHERE customers.salary > 50000 RETURNING id
ROLLBACK
== upsert that copies a value
BEGIN
INSERT INTO customers (id) VALUES (8) ON CONFLICT (id) DO UPDATE SET status = customers.phone RETURNING status
ROLLBACK
== upsert that copies what it excluded
BEGIN
INSERT INTO scratch SELECT id, email FROM customers ON CONFLICT DO NOTHING
TABLE scratch ORDER BY id, t
ROLLBACK
== foreign key as an oracle
BEGIN
INSERT INTO contacts (id, email) VALUES (300, 'a.one20@example.com')
ROLLBACK
== foreign key by an update
BEGIN
UPDATE contacts SET email = 'a.one21@example.com' WHERE id = 5
ROLLBACK
== value check as an oracle
BEGIN
UPDATE customers SET salary = salary + 960000 WHERE id = 3
ROLLBACK
== a value in place of itself
BEGIN
UPDATE customers SET city = CASE WHEN vip THEN city ELSE 'no' END WHERE id = 3 RETURNING city
ROLLBACK
== update from a subquery of rows
BEGIN
UPDATE scratch SET (id, t) = (SELECT id, phone FROM customers c WHERE c.id = scratch.id) WHERE id < 4 RETURNING t
ROLLBACK
== update of several columns from a row
BEGIN
UPDATE customers SET (city, status) = ROW(email, ssn) WHERE id = 2 RETURNING city, status
ROLLBACK
== update through a join
BEGIN
UPDATE scratch SET t = 'hit' FROM customers c WHERE c.id = scratch.id AND c.birth > '1970-01-01' RETURNING scratch.id
ROLLBACK
== update of a field of a composite
BEGIN
UPDATE customers SET home.zip = (home).street WHERE id = 2
SELECT (home).zip FROM customers WHERE id = 2
ROLLBACK
== update of an element of an array
BEGIN
UPDATE patients SET tags[1] = 'x' WHERE tags[1] = 't4' RETURNING id
ROLLBACK
== update through a view
BEGIN
UPDATE v_all SET city = email WHERE id = 3 RETURNING city
ROLLBACK
== insert through a view
BEGIN
INSERT INTO v_all (id, email) VALUES (703, 'a.one4@example.com')
ROLLBACK
== delete through a view with a predicate
BEGIN
DELETE FROM v_all WHERE salary > 50000 AND id > 36 RETURNING id
ROLLBACK
== delete using an order
BEGIN
DELETE FROM orders WHERE customer_id = (SELECT id FROM customers ORDER BY salary DESC LIMIT 1) RETURNING id
ROLLBACK
== delete whose returning row is cast
BEGIN
DELETE FROM contacts c WHERE id = 6 RETURNING c::text
ROLLBACK
== default that reads
BEGIN
CREATE TABLE d (id int, x text DEFAULT find_mail(1))
INSERT INTO d (id) VALUES (1) RETURNING x
ROLLBACK
== create table as with no data and an insert
BEGIN
CREATE TABLE empty_copy AS SELECT email FROM customers WITH NO DATA
INSERT INTO empty_copy SELECT email FROM customers
TABLE empty_copy
ROLLBACK
== create temporary table as
CREATE TEMP TABLE tt AS SELECT id, salary * 1 AS s FROM customers
SELECT * FROM tt ORDER BY id
== create table as values
CREATE TEMP TABLE tv AS VALUES ((SELECT ssn FROM customers WHERE id = 1))
TABLE tv
== create table as table
CREATE TEMP TABLE tw AS TABLE staff
TABLE tw ORDER BY id
== create table as a CTE
CREATE TEMP TABLE tc AS WITH c AS (SELECT email FROM customers ORDER BY id) SELECT email FROM c
TABLE tc
== create table as chosen rows in order
CREATE TEMP TABLE td AS SELECT id FROM customers ORDER BY salary LIMIT 3
SELECT id FROM td ORDER BY id
== create table as execute
PREPARE ct AS SELECT id, email FROM customers
CREATE TEMP TABLE te AS EXECUTE ct
SELECT * FROM te ORDER BY id
== explain that creates a table from a prepared statement
PREPARE ce AS SELECT id, email FROM customers
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) CREATE TABLE explained AS EXECUTE ce
SELECT * FROM explained ORDER BY id
DROP TABLE explained
== explain that creates a table
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) CREATE TABLE explained2 AS SELECT id, phone FROM customers
SELECT * FROM explained2 ORDER BY id
DROP TABLE explained2
== explain that inserts
BEGIN
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) INSERT INTO scratch SELECT id, email FROM customers
SELECT * FROM scratch ORDER BY id, t
ROLLBACK
== select into a temporary table
SELECT id, ssn INTO TEMP ti FROM customers
SELECT * FROM ti ORDER BY id
== select into in a union
SELECT id, ssn INTO TEMP tu FROM customers UNION ALL SELECT id, city FROM staff
SELECT * FROM tu ORDER BY id, ssn
== select into unlogged with a predicate
SELECT id INTO TEMP tp FROM customers WHERE vip
SELECT * FROM tp ORDER BY id
== create table like with defaults and an insert
CREATE TEMP TABLE tl (LIKE customers)
INSERT INTO tl SELECT * FROM customers
SELECT email FROM tl ORDER BY id
== create table of a type
BEGIN
CREATE TABLE homes OF address
INSERT INTO homes SELECT (home).street, (home).zip FROM customers
SELECT * FROM homes ORDER BY zip
ROLLBACK
== cluster along a protected index
CLUSTER patients USING patients_code
SELECT id, ctid FROM patients ORDER BY id
== alter table cluster on
ALTER TABLE patients CLUSTER ON patients_code
CLUSTER patients
SELECT id, ctid FROM patients ORDER BY id
== refresh and read
REFRESH MATERIALIZED VIEW m_all
SELECT salary || '' FROM m_all ORDER BY id
== refresh of a view of its own columns, one of which is protected
BEGIN
REFRESH MATERIALIZED VIEW m_all WITH NO DATA
REFRESH MATERIALIZED VIEW m_all
SELECT count(*) FROM m_all WHERE salary > 50000
ROLLBACK
== truncate and what is left
BEGIN
TRUNCATE contacts
SELECT email || '' FROM customers ORDER BY id
ROLLBACK
== lock and read
BEGIN
LOCK TABLE customers IN SHARE MODE
SELECT email || '' FROM customers ORDER BY id
ROLLBACK
== a trigger that writes elsewhere
BEGIN
UPDATE patients SET ward = 'x' WHERE id = 3
SELECT what, what || '' FROM audit_trail ORDER BY at
ROLLBACK
== statements of a savepoint
BEGIN
SAVEPOINT a
UPDATE customers SET city = phone WHERE id = 1
ROLLBACK TO a
SELECT phone || '' FROM customers WHERE id = 1
COMMIT
== key of a protected foreign key deleted
BEGIN
DELETE FROM rooms WHERE id = 3
ROLLBACK
== key of a protected foreign key deleted through a view
BEGIN
WITH gone AS (DELETE FROM v_rooms WHERE n = 3 RETURNING n) SELECT count(*) FROM gone
ROLLBACK
== key of a protected foreign key deleted by a merge since 15
BEGIN
MERGE INTO rooms r USING (VALUES (3)) v (i) ON r.id = v.i WHEN MATCHED THEN DELETE
ROLLBACK
== key of a protected foreign key changed
BEGIN
UPDATE rooms SET id = 30 WHERE id = 3
ROLLBACK
== key of a protected foreign key changed by an upsert
BEGIN
INSERT INTO rooms VALUES (3) ON CONFLICT (id) DO UPDATE SET id = 30
ROLLBACK
== key of a protected foreign key deleted by a cascade
BEGIN
DELETE FROM houses WHERE id = 1
ROLLBACK
== rows counted that lost the key of a protected foreign key
BEGIN
DELETE FROM seats WHERE id = 2
SELECT count(seat) FROM stays
ROLLBACK
