## Group 8: what the text means.
== strings without standard conformance hide a computation
SET standard_conforming_strings = off
SELECT '\'', ssn || '' FROM customers ORDER BY id --'
== strings without standard conformance hide a predicate
SET standard_conforming_strings = off
SELECT count(*), '\'' FROM customers WHERE salary > 50000 --'
== strings without standard conformance hide a second statement
SET standard_conforming_strings = off
SELECT '\''; SELECT ssn || phone FROM customers ORDER BY id --'
== strings without standard conformance hide a body
SET standard_conforming_strings = off
CREATE FUNCTION bodied() RETURNS SETOF text LANGUAGE sql AS 'SELECT email || $x$$x$ FROM cust\157mers ORDER BY id'
SELECT * FROM bodied()
== strings without standard conformance behind a SET
SET standard_conforming_strings = off
SET application_name = '\''; SELECT ssn || '' FROM customers ORDER BY id --'
== strings without standard conformance by a function
SELECT set_config('standard_conforming_strings', 'off', false)
SELECT '\'', email || phone FROM customers ORDER BY id --'
== strings without standard conformance by pg_settings
UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'
SELECT '\'', email || phone FROM customers ORDER BY id --'
== strings without standard conformance in a pipeline
| SET standard_conforming_strings = off
| SELECT '\'', email || phone FROM customers ORDER BY id --'
== an encoding that lacks a letter of the value
SET client_encoding = 'LATIN1'
SELECT id, code FROM patients WHERE id = 1
== an encoding that lacks a letter of a value computed
SET client_encoding = 'WIN1253'
SELECT id, upper(code) FROM patients ORDER BY id
== an encoding that lacks a letter behind a cursor
BEGIN
DECLARE enc CURSOR FOR SELECT id, code FROM patients ORDER BY id
SET client_encoding = 'LATIN1'
FETCH ALL FROM enc
ROLLBACK
== an encoding that lacks a letter behind EXECUTE
PREPARE enc2 AS SELECT id, code FROM patients ORDER BY id
SET client_encoding = 'LATIN2'
EXECUTE enc2
== an encoding that lacks a letter in COPY
SET client_encoding = 'LATIN1'
COPY (SELECT id, code FROM patients ORDER BY id) TO STDOUT
== an encoding set by the statement itself
SELECT set_config('client_encoding', 'LATIN1', false) AS e, id, code FROM patients ORDER BY id
== an encoding set in a pipeline
| SET client_encoding = 'LATIN1'
| SELECT id, code FROM patients ORDER BY id
== an encoding set in the same message
SET NAMES 'LATIN1'; SELECT id, code FROM patients ORDER BY id
== an encoding set in the same message by what was prepared
PREPARE enc3 AS SELECT set_config('client_encoding', 'LATIN1', false)
EXECUTE enc3; SELECT id, code FROM patients ORDER BY id
== an encoding set in the same message by what EXPLAIN runs
PREPARE enc10 AS SELECT set_config('client_encoding', 'LATIN1', false)
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE enc10; SELECT id, code FROM patients ORDER BY id
== an encoding set in a pipeline by what EXPLAIN runs
PREPARE enc11 AS SELECT set_config('client_encoding', 'LATIN1', false)
| EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE enc11
| SELECT id, code FROM patients ORDER BY id
== an encoding set by a cursor that COMMIT holds
BEGIN
DECLARE enc12 CURSOR WITH HOLD FOR SELECT set_config('client_encoding', 'LATIN1', false)
COMMIT; SELECT id, code FROM patients ORDER BY id
CLOSE enc12
== an encoding set in a pipeline by a cursor that COMMIT holds
BEGIN
DECLARE enc13 CURSOR WITH HOLD FOR SELECT set_config('client_encoding', 'LATIN1', false)
| COMMIT
| SELECT id, code FROM patients ORDER BY id
CLOSE enc13
== an encoding set in the same message by a cursor that goes on
BEGIN
DECLARE enc14 CURSOR FOR SELECT set_config('client_encoding', 'LATIN1', false)
MOVE enc14; SELECT id, code FROM patients ORDER BY id
ROLLBACK
== an encoding set in the same message by what is prepared in it
PREPARE enc15 AS SELECT set_config('client_encoding', 'LATIN1', false); EXECUTE enc15; SELECT id, code FROM patients ORDER BY id
== an encoding reset with all else
SET client_encoding = 'UTF8'
RESET ALL; SELECT id, code FROM patients ORDER BY id
== an encoding set behind a view
CREATE TEMP VIEW enc4 AS SELECT set_config('client_encoding', 'LATIN1', false) AS e
SELECT e, id, code FROM enc4, patients ORDER BY id
== an encoding set by names
SET NAMES 'ISO_8859_5'
SELECT id, code FROM patients ORDER BY id
== comments that nest
SELECT /* a /* b */ id, */ email || '' FROM customers ORDER BY id
== a comment at the end of the text
SELECT email || '' FROM customers ORDER BY id --
== a comment inside a name's path
SELECT c . /* x */ email || '' FROM public /* y */ . /* z */ customers c ORDER BY c . id
== blanks of every kind
SELECT	email ||''FROM	customers ORDER BY id
== a dollar quote with a tag that looks like a name
SELECT $customers$ ' $customers$, ssn || '' FROM customers ORDER BY id
== an escape string that ends a line later
SELECT E'a\'b', ssn || '' FROM customers ORDER BY id
== a string continued on the next line
SELECT 'a'
  'b', ssn || '' FROM customers ORDER BY id
== a national string
SELECT N'x' || ssn FROM customers ORDER BY id
== a bit string beside a value
SELECT B'01', X'1F', ssn || '' FROM customers ORDER BY id
== a unicode string with another escape
SELECT U&'!0041' UESCAPE '!' || ssn FROM customers ORDER BY id
== a number that touches a keyword
SELECT 1+salary FROM customers WHERE id=1 OR id=2 ORDER BY id
== operators without blanks
SELECT email||''||ssn FROM customers ORDER BY id
== an operator of several signs
SELECT id FROM customers WHERE email!~~'a.one%' ORDER BY id
== an at sign operator
SELECT @salary, |/salary::float8 FROM customers ORDER BY id
== a cast between blanks
SELECT email :: name FROM customers ORDER BY id
== isnull of an expression without a blank
SELECT id FROM customers WHERE (nullif(vip,true))NOTNULL ORDER BY id
== a name in quotes with capitals elsewhere
SELECT "customers"."id", "customers"."email" || '' FROM "customers" ORDER BY "customers"."id"
== keywords in capitals and small letters
sElEcT eMaIl || '' fRoM CuStOmErS oRdEr bY iD
