## Functions of the client's own that do in their bodies what nobody sees, and DROP that reaches further than it names.
== DO in a function, its text in an escaped string
CREATE TABLE loot (t text)
CREATE FUNCTION zdo() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN DO /* nothing */ E'BEGIN \x45XECUTE \x27INSERT INTO loot SELECT ssn || name FROM custom\x27 || \x27ers\x27; END'; RETURN 'ok'; END $f$
SELECT zdo()
SELECT t FROM loot ORDER BY t
DROP TABLE loot
== DO in a function in SQL
CREATE TABLE loot (t text)
CREATE FUNCTION zdos() RETURNS int LANGUAGE sql AS $f$ DO /* update */ E'begin insert into loot select ssn from cust\157mers; end'; SELECT 1 $f$
SELECT zdos()
SELECT t FROM loot ORDER BY t
DROP TABLE loot
== a body that names a namesake beside the protected table
CREATE FUNCTION znames() RETURNS SETOF text LANGUAGE sql AS $f$ SELECT code FROM archive.wages UNION ALL SELECT code FROM public.wages $f$
SELECT n FROM znames() n ORDER BY n
== a body that names a namesake in a comment
CREATE FUNCTION zcomments() RETURNS SETOF text LANGUAGE sql AS $f$ SELECT code FROM public./* archive.*/wages $f$
SELECT n FROM zcomments() n ORDER BY n
== a function made in a function
CREATE FUNCTION zmk() RETURNS void LANGUAGE sql AS $f$ CREATE /* temp table */ FUNCTION zmade() RETURNS SETOF text LANGUAGE sql AS E'select ssn from cust\157mers where id < 3' $f$
SELECT zmk()
SELECT * FROM zmade() ORDER BY 1
== a prepared statement changed by a function
SELECT id, ssn FROM customers WHERE id < 4 ORDER BY id
PREPARE swapped AS SELECT id, ssn FROM customers WHERE id < 3
CREATE FUNCTION zswap() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DEALLOCATE swapped; PREPARE swapped AS SELECT 1 AS id, '007919'::text AS ssn; END $$
SELECT zswap()
EXECUTE swapped
DEALLOCATE ALL
== a prepared statement changed by a function in SQL
SELECT id, ssn FROM customers WHERE id < 4 ORDER BY id
PREPARE swapped AS SELECT id, ssn FROM customers WHERE id < 3
CREATE FUNCTION zswaps() RETURNS int LANGUAGE sql AS $$ DEALLOCATE swapped; PREPARE swapped AS SELECT 1 AS id, '007919'::text AS ssn; SELECT 1 $$
SELECT zswaps()
EXECUTE swapped
DEALLOCATE ALL
== a cursor changed by a function
SELECT id, ssn FROM customers WHERE id < 4 ORDER BY id
CREATE FUNCTION zopen() RETURNS void LANGUAGE plpgsql AS $$ DECLARE c CURSOR FOR SELECT 1 AS id, '007919'::text AS ssn; BEGIN c := 'swapped'; CLOSE c; OPEN c; END $$
BEGIN
DECLARE swapped CURSOR FOR SELECT id, ssn FROM customers WHERE id < 3 ORDER BY id
SELECT zopen()
FETCH ALL FROM swapped
COMMIT
== a cursor changed by a function in SQL
SELECT id, ssn FROM customers WHERE id < 4 ORDER BY id
CREATE FUNCTION zdecl() RETURNS int LANGUAGE sql AS $$ CLOSE swapped; DECLARE swapped CURSOR FOR SELECT 1 AS id, '007919'::text AS ssn; SELECT 1 $$
BEGIN
DECLARE swapped CURSOR FOR SELECT id, ssn FROM customers WHERE id < 3 ORDER BY id
SELECT zdecl()
FETCH ALL FROM swapped
COMMIT
== REINDEX in a function, its error caught
CREATE FUNCTION zre() RETURNS text LANGUAGE plpgsql AS $$ BEGIN REINDEX INDEX pages_code; RETURN 'ok'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
SET app.strict = 'on'
SELECT zre()
== REINDEX in a function, its error shown
CREATE FUNCTION zres() RETURNS int LANGUAGE sql AS $$ REINDEX INDEX pages_code; SELECT 1 $$
SET app.strict = 'on'
SELECT zres()
== REINDEX in a procedure
CREATE PROCEDURE zrep() LANGUAGE plpgsql AS $$ BEGIN IF true THEN REINDEX INDEX pages_code; END IF; END $$
SET app.strict = 'on'
CALL zrep()
== ANALYZE in a function
CREATE FUNCTION zan() RETURNS text LANGUAGE plpgsql AS $$ BEGIN ANALYZE; RETURN 'ok'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
SET app.strict = 'on'
SELECT zan()
== TRUNCATE CASCADE in a function
CREATE FUNCTION ztr() RETURNS text LANGUAGE plpgsql AS $$ BEGIN TRUNCATE depots CASCADE; RETURN 'ok'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$
SELECT ztr()
== a table in place of a trigger's, behind a comment
CREATE FUNCTION zinto() RETURNS void LANGUAGE sql AS $$ SELECT 0 AS id, ''::text AS h INTO /* qz1 qz2 qz3 qz4 qz5 qz6 qz7 qz8 qz9 */ TEMP hists $$
SELECT zinto()
UPDATE goods SET note = 'x' WHERE id = 1
SELECT * FROM pg_temp.hists
== behind what looks like INSERT INTO
CREATE FUNCTION zins() RETURNS void LANGUAGE sql AS $$ SELECT 0 AS id, ''::text AS h, 1 AS insert INTO pg_temp.hists $$
SELECT zins()
UPDATE goods SET note = 'x' WHERE id = 1
SELECT id, h FROM pg_temp.hists
== the same in PL/pgSQL
CREATE FUNCTION zpins() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SELECT 0 AS id, ''::text AS h, (1) insert INTO TEMP hists; END $$
SELECT zpins()
UPDATE goods SET note = 'x' WHERE id = 1
SELECT id, h FROM pg_temp.hists
== a sign in quotes in front of it
CREATE TABLE signs AS SELECT ''::text AS "("
CREATE FUNCTION zsign() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SELECT 0 AS id, ''::text AS h, s."(" insert INTO TEMP hists FROM signs s; END $$
SELECT zsign()
UPDATE goods SET note = 'x' WHERE id = 1
SELECT id, h FROM pg_temp.hists
DROP TABLE signs
== a cursor called like a sign
SELECT id, ssn FROM customers WHERE id < 4 ORDER BY id
CREATE FUNCTION zalias() RETURNS void LANGUAGE plpgsql AS $$ DECLARE c CURSOR FOR SELECT '007919'::text AS ssn; "=" ALIAS FOR c; BEGIN "=" := 'swapped'; CLOSE "="; OPEN "="; END $$
BEGIN
DECLARE swapped CURSOR FOR SELECT ssn FROM customers UNION SELECT ssn FROM staff
SELECT zalias()
FETCH ALL FROM swapped
COMMIT
== a table made by EXECUTE in a function
PREPARE loot AS SELECT id, ssn FROM customers WHERE id < 3
CREATE FUNCTION zexec() RETURNS int LANGUAGE sql AS 'CREATE TEMP TABLE zloot AS EXECUTE loot; SELECT 1'
SELECT zexec()
SELECT ssn FROM zloot ORDER BY id
DEALLOCATE ALL
== SET NAMES with a comment between, in a function
CREATE FUNCTION zenc() RETURNS int LANGUAGE plpgsql AS $$ BEGIN SET /* qz */ NAMES 'LATIN1'; RETURN 1; END $$
SELECT zenc() AS e, id, code FROM accents ORDER BY id
== the length of values, as COPY passes
COPY (SELECT id, email, (SELECT bytes_processed FROM pg_stat_progress_copy WHERE pid = pg_backend_pid() AND c.id > 0) AS passed FROM customers c ORDER BY id) TO STDOUT
== by the function beneath
COPY (SELECT id, email, (SELECT param1 FROM pg_stat_get_progress_info('COPY') WHERE pid = pg_backend_pid() AND c.id > 0) AS passed FROM customers c ORDER BY id) TO STDOUT
== a column that goes with its type
BEGIN
DROP DOMAIN gone_type CASCADE
SELECT (SELECT x || '' FROM ta LIMIT 1) FROM tb ORDER BY id
ROLLBACK
== by its place
BEGIN
DROP DOMAIN gone_type CASCADE
SELECT d || 'z' FROM ta AS q (a, b, c, d) ORDER BY a
ROLLBACK
== the column that is gone, in a predicate
BEGIN
DROP DOMAIN gone_type CASCADE
SELECT id FROM tb WHERE EXISTS (SELECT FROM ta WHERE x LIKE 'tbx1%') ORDER BY id
ROLLBACK
== with the schema of its type
BEGIN
DROP SCHEMA kept_types CASCADE
SELECT (SELECT y || '' FROM ta LIMIT 1) FROM tb ORDER BY id
ROLLBACK
== with the table whose rows it holds
BEGIN
DROP TABLE row_owner CASCADE
SELECT b || 'z' FROM tc AS q (a, b) ORDER BY a
ROLLBACK
== with the function that computes it
BEGIN
DROP FUNCTION computes_one(int) CASCADE
SELECT (SELECT g || '' FROM td LIMIT 1) FROM (SELECT id, x AS g FROM tb) tb ORDER BY id
ROLLBACK
== with its collation
BEGIN
DROP COLLATION own_order CASCADE
SELECT (SELECT z || '' FROM ta LIMIT 1) FROM (SELECT id, x AS z FROM tb) tb ORDER BY id
ROLLBACK
== with the operator's function that computes it
BEGIN
DROP FUNCTION joins_two(text, text) CASCADE
SELECT (SELECT o || '' FROM td LIMIT 1) FROM (SELECT id, x AS o FROM tb) tb ORDER BY id
ROLLBACK
== with the field that it reads
BEGIN
ALTER TABLE made_row DROP COLUMN part CASCADE
SELECT (SELECT f || '' FROM td LIMIT 1) FROM (SELECT id, x AS f FROM tb) tb ORDER BY id
ROLLBACK
== the rule that leads away what a trigger writes, gone with its table
BEGIN
DROP TABLE led_to CASCADE
UPDATE goods SET note = 'y'
SELECT id, h FROM led_away ORDER BY id
ROLLBACK
== the trigger that hides it, gone with a column
BEGIN
ALTER TABLE hidden_if DROP COLUMN k CASCADE
UPDATE goods SET note = 'y'
SELECT id, h FROM hidden_if ORDER BY id
ROLLBACK
== the trigger that hides what another writes, dropped
BEGIN
DROP TRIGGER hide_hist ON hists
UPDATE goods SET note = 'y'
SELECT id, h FROM hists ORDER BY id
ROLLBACK
== disabled
BEGIN
ALTER TABLE hists DISABLE TRIGGER hide_hist
UPDATE goods SET note = 'y'
SELECT id, h FROM hists ORDER BY id
ROLLBACK
== all of them disabled
BEGIN
ALTER TABLE hists DISABLE TRIGGER ALL
UPDATE goods SET note = 'y'
SELECT id, h FROM hists ORDER BY id
ROLLBACK
== gone with its function
BEGIN
DROP FUNCTION hide_hist() CASCADE
UPDATE goods SET note = 'y'
SELECT id, h FROM hists ORDER BY id
ROLLBACK
== a helper of a DBA's that can be led to any cursor
BEGIN
DECLARE held CURSOR FOR SELECT id, ssn FROM customers ORDER BY id
SELECT next_of('held')
COMMIT
== a helper of a DBA's that only rebuilds an index
SET app.strict = 'on'
SELECT rebuild_pages()
