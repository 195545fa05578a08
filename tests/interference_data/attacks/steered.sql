## What a write asks of a row that is there, and defaults that the client steers.
== a CHECK that is not valid asked by any update
BEGIN
UPDATE unproven SET note = 'x' WHERE id = 1
ROLLBACK
== a CHECK that is not valid asked by the present value
BEGIN
UPDATE unproven SET note = note WHERE id = 1
ROLLBACK
== a CHECK that is not valid asked through a view
BEGIN
UPDATE v_unproven SET note = 'x' WHERE id = 1
ROLLBACK
== a CHECK that is not valid asked by an upsert
BEGIN
INSERT INTO unproven (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = 'x'
ROLLBACK
== a CHECK that is not valid asked by a merge since 15
BEGIN
MERGE INTO unproven u USING (VALUES (1)) v (i) ON u.id = v.i WHEN MATCHED THEN UPDATE SET note = 'x'
ROLLBACK
== a CHECK that is not valid asked by a CTE
BEGIN
WITH u AS (UPDATE unproven SET note = 'x' WHERE id = 1 RETURNING id) SELECT id FROM u
ROLLBACK
== a CHECK that is not valid asked at a cursor
BEGIN
DECLARE held_rows CURSOR FOR SELECT note FROM unproven WHERE id = 1 FOR UPDATE
FETCH 1 FROM held_rows
UPDATE unproven SET note = 'x' WHERE CURRENT OF held_rows
ROLLBACK
== a CHECK of a partition that is not valid
BEGIN
UPDATE unproven_parts SET note = 'x' WHERE id = 1
ROLLBACK
== a CHECK of a child that is not valid
BEGIN
UPDATE unproven_over SET note = 'x' WHERE id = 1
ROLLBACK
== a CHECK that is not valid asked by a foreign key
BEGIN
DELETE FROM unproven_keys WHERE id = 1
ROLLBACK
== a CHECK that is not valid asked by a DBA's function
BEGIN
SELECT touch_unproven(1)
ROLLBACK
== a CHECK that is not valid asked by a DBA's trigger
BEGIN
INSERT INTO bells VALUES (1)
ROLLBACK
== a WITH CHECK that is not the USING of its policy
BEGIN
UPDATE told SET note = note WHERE id = 1
ROLLBACK
== a WITH CHECK asked by an upsert
BEGIN
INSERT INTO told (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = 'x'
ROLLBACK
== a USING asked in place of another policy's WITH CHECK
BEGIN
UPDATE told_apart SET note = 'x' WHERE id = 1
ROLLBACK
== a default held against the row by a trigger that suppresses updates
BEGIN
UPDATE alike SET secret = DEFAULT WHERE id = 1
ROLLBACK
== a default held against the row by an upsert
BEGIN
INSERT INTO alike (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET secret = EXCLUDED.secret
ROLLBACK
== a default held against the row by a trigger's condition
BEGIN
UPDATE alike_logged SET secret = DEFAULT WHERE id = 1
SELECT id FROM alike_log
ROLLBACK
== a default held against the row by a rule
BEGIN
UPDATE alike_ruled SET secret = DEFAULT WHERE id = 1
SELECT id FROM alike_log
ROLLBACK
== a default that a setting chooses, left out
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO chosen (id) VALUES (100)
SELECT a.id, b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default that a setting chooses, spelled
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO chosen VALUES (100, DEFAULT, 'n')
SELECT a.id, b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default that a setting chooses, of columns at the end
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO chosen VALUES (100)
SELECT a.id, b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default that a setting chooses, of a row of defaults
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO chosen DEFAULT VALUES
SELECT b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id >= 1000 AND b.id < 10 ORDER BY b.id
ROLLBACK
== a default that a setting chooses, of rows of a query
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO chosen (id, note) SELECT 100, 'n'
SELECT a.id, b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default that a setting chooses, in a CTE
BEGIN
SET LOCAL app.guess = 'p1'
WITH made AS (INSERT INTO chosen (id) VALUES (100) RETURNING id) SELECT id FROM made
SELECT a.id, b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default that a setting chooses, by a merge since 15
BEGIN
SET LOCAL app.guess = 'p1'
MERGE INTO chosen c USING (VALUES (100)) v (i) ON c.id = v.i WHEN NOT MATCHED THEN INSERT (id) VALUES (v.i)
SELECT a.id, b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default that a setting chooses, through a view
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO v_chosen (id) VALUES (100)
SELECT a.id, b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default that a setting chooses, by an update
BEGIN
SET LOCAL app.guess = 'p1'
UPDATE chosen SET tok = DEFAULT WHERE id = 3
SELECT a.id, b.id FROM chosen a JOIN chosen b ON a.tok = b.tok WHERE a.id = 3 ORDER BY a.id, b.id
ROLLBACK
== a default that a setting chooses, under a key
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO chosen_keys (id) VALUES (100)
ROLLBACK
== a default that a setting chooses, under a key that keeps silent
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO chosen_keys (id) VALUES (100) ON CONFLICT DO NOTHING RETURNING id
ROLLBACK
== a default that a setting chooses, under a key by an update
BEGIN
SET LOCAL app.guess = 'p1'
UPDATE chosen_keys SET secret = DEFAULT WHERE id = 3
ROLLBACK
== a default of a domain that a setting chooses
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO chosen_domains (id) VALUES (100)
SELECT a.id, b.id FROM chosen_domains a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default of a view that a setting chooses
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO v_chosen_views (id) VALUES (100)
SELECT a.id, b.id FROM chosen_views a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a default that rows of the client's choose
BEGIN
INSERT INTO offers VALUES ('p1')
INSERT INTO chosen_rows (id) VALUES (100)
SELECT a.id, b.id FROM chosen_rows a JOIN chosen b ON a.tok = b.tok WHERE a.id = 100 ORDER BY a.id, b.id
ROLLBACK
== a sequence that is set
BEGIN
SELECT setval('acct_numbers', 702)
INSERT INTO accts (id) VALUES (100)
SELECT a.id, b.id FROM accts a JOIN accts b ON a.acct = b.acct WHERE a.id = 100 AND b.id < 10 ORDER BY a.id, b.id
ROLLBACK
== a sequence that is set by its number
BEGIN
SELECT setval(c.oid::regclass, 702) FROM pg_class c WHERE c.relname LIKE 'acct_nu%'
INSERT INTO accts (id) VALUES (100)
SELECT a.id, b.id FROM accts a JOIN accts b ON a.acct = b.acct WHERE a.id = 100 AND b.id < 10 ORDER BY a.id, b.id
ROLLBACK
== a sequence that is set by a DBA's function
BEGIN
SELECT set_accts(702)
INSERT INTO accts (id) VALUES (100)
SELECT a.id, b.id FROM accts a JOIN accts b ON a.acct = b.acct WHERE a.id = 100 AND b.id < 10 ORDER BY a.id, b.id
ROLLBACK
== a sequence that is restarted
BEGIN
ALTER SEQUENCE acct_numbers RESTART WITH 703
INSERT INTO accts (id) VALUES (100)
SELECT a.id, b.id FROM accts a JOIN accts b ON a.acct = b.acct WHERE a.id = 100 AND b.id < 10 ORDER BY a.id, b.id
ROLLBACK
== an identity that is restarted
BEGIN
ALTER TABLE acct_rows ALTER acct RESTART WITH 703
INSERT INTO acct_rows (id) VALUES (100)
SELECT a.id, b.id FROM acct_rows a JOIN accts b ON a.acct = b.acct WHERE a.id = 100 AND b.id < 10 ORDER BY a.id, b.id
ROLLBACK
== a sequence that a TRUNCATE restarts
BEGIN
SELECT nextval('acct_rows_acct_seq') FROM generate_series(1, 20)
TRUNCATE acct_rows RESTART IDENTITY
INSERT INTO acct_rows (id) SELECT generate_series(94, 100)
SELECT a.id, b.id FROM acct_rows a JOIN accts b ON a.acct = b.acct WHERE a.id = 100 AND b.id < 10 ORDER BY a.id, b.id
ROLLBACK
== a sequence that is set under a key
BEGIN
SELECT setval('acct_keys_acct_seq', 702)
INSERT INTO acct_keys (n) VALUES (2)
ROLLBACK
== a unique default of a domain
BEGIN
UPDATE unique_domains SET secret = DEFAULT WHERE id = 2
ROLLBACK
== a unique default that a sequence gives
BEGIN
UPDATE unique_numbers SET secret = DEFAULT WHERE n = 2
ROLLBACK
== a unique default of a view
BEGIN
UPDATE v_unique_views SET secret = DEFAULT WHERE id = 2
ROLLBACK
== a unique default of a partition
BEGIN
UPDATE unique_parts SET secret = DEFAULT WHERE id = 2
ROLLBACK
== a type that changes in the transaction
CREATE TABLE retyped (n int8)
BEGIN
ALTER TABLE retyped ALTER n TYPE regclass USING NULL
SELECT n FROM retyped UNION ALL SELECT bal FROM accounts
ROLLBACK
DROP TABLE retyped
== a type that changes beside another in COALESCE
CREATE TABLE retyped2 (n int8)
INSERT INTO retyped2 VALUES (1)
BEGIN
ALTER TABLE retyped2 ALTER n TYPE oid USING NULL
SELECT coalesce(n, bal) FROM retyped2, accounts
ROLLBACK
DROP TABLE retyped2
== a type of a temporary table that is made anew
CREATE TEMP TABLE retyped3 (n int8)
BEGIN
DROP TABLE retyped3
CREATE TEMP TABLE retyped3 (n oid)
SELECT n FROM retyped3 UNION ALL SELECT bal FROM accounts
ROLLBACK
DROP TABLE retyped3
== what a trigger fills beside a guess in a generated column
BEGIN
INSERT INTO filled (id, owner) VALUES (1, 'p1')
ROLLBACK
== what a trigger fills beside a guess in a policy
BEGIN
INSERT INTO filled_rows (id, owner) VALUES (1, 'p1')
ROLLBACK
== what a trigger fills beside a default that a setting chooses
BEGIN
SET LOCAL app.guess = 'p1'
INSERT INTO filled_chosen (id) VALUES (1)
ROLLBACK
== a sequence that is set in FROM
BEGIN
SELECT setval FROM setval('acct_numbers'::regclass, 702)
INSERT INTO accts (id) VALUES (100)
SELECT a.id, b.id FROM accts a JOIN accts b ON a.acct = b.acct WHERE a.id = 100 AND b.id < 10 ORDER BY a.id, b.id
ROLLBACK
