## Group: names that a function gives to something else.
== a prepared statement that a function swaps for a guess
SELECT ssn FROM customers ORDER BY id LIMIT 1
CREATE FUNCTION swf() RETURNS void LANGUAGE plpgsql AS 'BEGIN DEALLOCATE swp; PREPARE swp AS SELECT ''007919''::text AS ssn; END'
PREPARE swp AS SELECT ssn FROM customers WHERE id = 1
SELECT swf()
EXECUTE swp
== a cursor that a function opens over a guess
SELECT ssn FROM customers ORDER BY id LIMIT 1
CREATE FUNCTION swg() RETURNS void LANGUAGE plpgsql AS 'DECLARE c CURSOR FOR SELECT ''007919''::text AS ssn; BEGIN c := ''swc''; CLOSE c; OPEN c; END'
BEGIN
DECLARE swc CURSOR FOR SELECT ssn FROM customers ORDER BY id LIMIT 1
SELECT swg()
FETCH ALL FROM swc
ROLLBACK
== a cursor that a function in SQL declares over a guess
SELECT ssn FROM customers ORDER BY id LIMIT 1
CREATE FUNCTION swh() RETURNS int LANGUAGE sql AS 'CLOSE swd; DECLARE swd CURSOR FOR SELECT ''007919''::text AS ssn; SELECT 1'
BEGIN
DECLARE swd CURSOR FOR SELECT ssn FROM customers ORDER BY id LIMIT 1
SELECT swh()
FETCH ALL FROM swd
ROLLBACK
== a cursor opened over a guess where a savepoint's was
SELECT ssn FROM customers ORDER BY id LIMIT 1
CREATE FUNCTION swi() RETURNS void LANGUAGE plpgsql AS 'DECLARE c CURSOR FOR SELECT ''007919''::text AS ssn; BEGIN c := ''swe''; OPEN c; END'
BEGIN
SAVEPOINT s
DECLARE swe CURSOR FOR SELECT ssn FROM customers ORDER BY id LIMIT 1
ROLLBACK TO s
SELECT swi()
FETCH ALL FROM swe
ROLLBACK
== a held cursor opened over a guess where a rolled back one was
SELECT ssn FROM customers ORDER BY id LIMIT 1
CREATE FUNCTION swj() RETURNS void LANGUAGE plpgsql AS 'DECLARE c CURSOR FOR SELECT ''007919''::text AS ssn; BEGIN c := ''swk''; OPEN c; END'
BEGIN
SAVEPOINT s
DECLARE swk CURSOR WITH HOLD FOR SELECT ssn FROM customers ORDER BY id LIMIT 1
ROLLBACK TO s
COMMIT
BEGIN
SELECT swj()
FETCH ALL FROM swk
ROLLBACK AND CHAIN
SELECT swj()
FETCH ALL FROM swk
ROLLBACK
== a guess in a table of one's own, under a statement's name
SELECT ssn FROM customers ORDER BY id LIMIT 1
CREATE TABLE swt AS SELECT '007919'::text AS ssn
CREATE FUNCTION swl() RETURNS void LANGUAGE plpgsql AS 'BEGIN DEALLOCATE swq; PREPARE swq AS SELECT ssn FROM swt; END'
PREPARE swq AS SELECT ssn::text FROM customers WHERE id = 1
SELECT swl()
EXECUTE swq
