## Group 3: statements, cursors and portals that are held and continued.
== scroll cursor read backwards
BEGIN
DECLARE s1 SCROLL CURSOR FOR SELECT email || '' AS e, ssn FROM customers ORDER BY id
FETCH LAST FROM s1
FETCH ABSOLUTE 3 FROM s1
FETCH BACKWARD 2 FROM s1
FETCH RELATIVE -1 FROM s1
ROLLBACK
== cursor moved by a count of chosen rows
BEGIN
DECLARE s2 CURSOR FOR SELECT id FROM customers WHERE salary > 50000 ORDER BY id
MOVE ALL IN s2
ROLLBACK
== cursor with hold read after its transaction
BEGIN
DECLARE s3 CURSOR WITH HOLD FOR SELECT phone, substr(phone, 1, 6) FROM customers ORDER BY id
COMMIT
FETCH 4 FROM s3
CLOSE s3
== cursor declared again under its name
BEGIN
DECLARE s4 CURSOR FOR SELECT 1
CLOSE s4
DECLARE s4 CURSOR FOR SELECT email || '' FROM customers ORDER BY id
FETCH 3 FROM s4
ROLLBACK
== cursor behind a savepoint
BEGIN
SAVEPOINT a
DECLARE s5 CURSOR FOR SELECT code FROM patients ORDER BY id
ROLLBACK TO a
DECLARE s5 CURSOR FOR SELECT code || '' FROM patients ORDER BY id
FETCH ALL FROM s5
ROLLBACK
== prepared statement that survives a rollback
BEGIN
PREPARE h1 AS SELECT code || '' FROM patients ORDER BY id
ROLLBACK
EXECUTE h1
== prepared statement after DISCARD
PREPARE h2 AS SELECT 1
DISCARD ALL
PREPARE h2 AS SELECT salary * 2 FROM customers ORDER BY id
EXECUTE h2
== prepared statement with an argument that asks
PREPARE h3 (numeric) AS SELECT count(*) FROM customers WHERE salary > $1
EXECUTE h3 (50000)
== prepared statement executed with a subquery's value
PREPARE h4 (text) AS SELECT $1
EXECUTE h4 ((SELECT email FROM customers WHERE id = 1))
SELECT email || '' FROM customers WHERE id = 1 ORDER BY id
== a pipeline of a protected statement behind others
| SELECT 1
| SELECT email || '' FROM customers ORDER BY id
| SELECT ssn, length(ssn) FROM staff ORDER BY id
== a pipeline that prepares and executes
| PREPARE h5 AS SELECT code || '' FROM patients ORDER BY id
| EXECUTE h5
== a pipeline that declares and fetches
| BEGIN
| DECLARE h6 CURSOR FOR SELECT code || '' FROM patients ORDER BY id
| FETCH ALL FROM h6
| COMMIT
== several statements with a cursor between
BEGIN; DECLARE h7 CURSOR FOR SELECT email || '' FROM customers ORDER BY id; FETCH 2 FROM h7; CLOSE h7; COMMIT
SELECT email || '' FROM customers ORDER BY id
