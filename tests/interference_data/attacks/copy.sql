## Group 2: COPY in all formats and spellings.
== copy text with another marker for NULL
COPY (SELECT id, ssn FROM customers ORDER BY id) TO STDOUT WITH (NULL '007919')
== copy text with an empty marker for NULL
COPY (SELECT id, code FROM patients ORDER BY id) TO STDOUT (NULL '')
== copy csv with a marker that is a guess
COPY (SELECT id, ssn FROM customers ORDER BY id) TO STDOUT (FORMAT csv, NULL '007919')
== copy csv shows by its quotes that a value holds a comma
COPY (SELECT id, code FROM patients ORDER BY id) TO STDOUT (FORMAT csv)
== copy csv with a delimiter that asks for a letter
COPY (SELECT id, code FROM patients ORDER BY id) TO STDOUT (FORMAT csv, DELIMITER 'k')
== copy csv with a quote that asks for a digit
COPY (SELECT id, code FROM patients ORDER BY id) TO STDOUT (FORMAT csv, QUOTE '7')
== copy csv with quote and escape of the client's choice
COPY (SELECT ssn, email FROM customers ORDER BY id) TO STDOUT (FORMAT csv, QUOTE '@', ESCAPE '.', FORCE_QUOTE (email))
== copy csv force quote star
COPY (SELECT ssn, email, salary FROM customers ORDER BY id) TO STDOUT (FORMAT csv, FORCE_QUOTE *, HEADER true)
== copy in the syntax of old
COPY customers (id, email) TO STDOUT WITH DELIMITER '|' CSV HEADER
== copy with delimiters as of old
COPY customers (id, email) TO STDOUT DELIMITERS ';'
== copy binary as of old
COPY BINARY customers (id, ssn) TO STDOUT
== copy with null as of old
COPY staff TO STDOUT WITH NULL AS 'x'
== copy with a quoted table
COPY "public"."customers" ("email") TO STDOUT
== copy a partition
COPY events_a TO STDOUT
== copy a child
COPY people_child TO STDOUT
== copy a materialized view by query
COPY (TABLE m_all ORDER BY id) TO STDOUT
== copy of values
COPY (VALUES ((SELECT email FROM customers WHERE id = 1))) TO STDOUT
== copy of a CTE
COPY (WITH c AS (SELECT salary * 2 AS s FROM customers ORDER BY id) SELECT s FROM c) TO STDOUT
== copy of a whole row
COPY (SELECT c FROM customers c ORDER BY id) TO STDOUT (FORMAT csv)
== copy of an aggregate
COPY (SELECT sum(salary), min(email) FROM customers) TO STDOUT
== copy of a returning
BEGIN
COPY (UPDATE customers SET status = 'c' WHERE id = 3 RETURNING email, salary * 2) TO STDOUT
ROLLBACK
== copy of an insert that copies
BEGIN
COPY (INSERT INTO scratch SELECT id, ssn FROM customers RETURNING t) TO STDOUT
ROLLBACK
== copy with an unknown encoding
COPY (SELECT email FROM customers ORDER BY id) TO STDOUT (ENCODING 'LATIN1')
== copy binary of arrays and ranges
COPY (SELECT id, tags, span, doc, raw, ip, seen, weight FROM patients ORDER BY id) TO STDOUT (FORMAT binary)
== copy text of arrays and ranges
COPY (SELECT id, tags, span, doc, raw, ip, seen, weight FROM patients ORDER BY id) TO STDOUT
== copy csv of arrays and ranges
COPY (SELECT id, tags, span, doc, raw, ip, seen, weight FROM patients ORDER BY id) TO STDOUT (FORMAT csv)
== copy with a predicate in a subquery
COPY (SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE vip) ORDER BY id) TO STDOUT
== copy ordered by a value
COPY (SELECT id FROM customers ORDER BY salary) TO STDOUT
== copy of statistics
COPY (SELECT tablename, attname, histogram_bounds FROM pg_stats WHERE schemaname = 'public' ORDER BY 1, 2, inherited) TO STDOUT
== copy twice in one query
COPY staff (ssn) TO STDOUT; COPY (SELECT email || '' FROM customers ORDER BY id) TO STDOUT
== copy of a prepared statement's rows
PREPARE cp AS SELECT email FROM customers
COPY (SELECT upper(email) || '' FROM customers ORDER BY id) TO STDOUT
