## Group 5 and what else the catalogs keep.
== a view of a DBA's over statistics
SELECT * FROM v_stats WHERE tablename IN ('customers', 'patients') ORDER BY tablename, attname, inherited
== a view of a DBA's over statistics in a predicate
SELECT attname FROM v_stats WHERE tablename = 'customers' AND bounds LIKE '%a.one%' ORDER BY attname
== statistics in a whole row
SELECT s::text FROM pg_stats s WHERE tablename = 'customers' ORDER BY attname
== statistics by json
SELECT row_to_json(s) FROM pg_stats s WHERE tablename = 'patients' ORDER BY attname
== statistics in a predicate
SELECT attname FROM pg_stats WHERE tablename = 'customers' AND correlation > 0 ORDER BY attname
== statistics in a subquery
SELECT (SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'customers' AND attname = 'salary')
== statistics joined
SELECT c.relname, s.correlation FROM pg_class c JOIN pg_stats s ON s.tablename = c.relname WHERE c.relname = 'customers' ORDER BY s.attname
== statistics in a CTE
WITH s AS (SELECT * FROM pg_stats) SELECT histogram_bounds::text, correlation FROM s WHERE tablename = 'customers' ORDER BY attname, inherited
== statistics under an alias with names
SELECT a3, a14 FROM (SELECT attname, correlation FROM pg_stats WHERE tablename = 'customers') s (a3, a14) ORDER BY a3
== statistics by a quoted name
SELECT "avg_width" FROM "pg_catalog"."pg_stats" WHERE tablename = 'customers' ORDER BY attname
== statistics by an escaped name
SELECT avg_width, histogram_bounds FROM U&"pg\005Fstats" WHERE tablename = 'patients' ORDER BY attname
== statistics by TABLE
TABLE pg_stats
== statistics copied
CREATE TEMP TABLE my_stats AS SELECT attname, histogram_bounds::text AS h FROM pg_stats WHERE tablename = 'customers'
SELECT * FROM my_stats ORDER BY attname
== statistics in a view of the client's
CREATE TEMP VIEW stats_view AS SELECT attname, histogram_bounds::text AS h FROM pg_stats WHERE tablename = 'customers'
SELECT * FROM stats_view ORDER BY attname
== statistics in a function of the client's
CREATE FUNCTION stats_of() RETURNS SETOF text LANGUAGE sql AS 'SELECT histogram_bounds::text FROM pg_stats ORDER BY tablename, attname'
SELECT * FROM stats_of()
== estimates of a predicate
EXPLAIN SELECT id FROM customers WHERE salary < 30000
== estimates of a join with a list
EXPLAIN SELECT id FROM customers WHERE salary > 60000 AND birth > '1990-01-01'
== estimates in json
EXPLAIN (FORMAT json, VERBOSE) SELECT email FROM customers WHERE birth < '1960-01-01'
== estimates of a prepared statement
PREPARE est AS SELECT id FROM customers WHERE salary < 30000
EXPLAIN EXECUTE est
== estimates behind a view
EXPLAIN SELECT * FROM v_all WHERE birth < '1970-01-01'
== estimates of a group
EXPLAIN SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE salary > 80000)
== explain analyze of a count
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM customers WHERE salary > 50000
== explain analyze in the syntax of old
EXPLAIN ANALYZE VERBOSE SELECT id FROM customers WHERE vip
== explain with buffers
EXPLAIN (BUFFERS, COSTS) SELECT id FROM customers WHERE email > 'a.p'
== explain of a declared cursor
EXPLAIN DECLARE ec CURSOR FOR SELECT id FROM customers WHERE salary < 30000
== explain of a delete
EXPLAIN DELETE FROM orders USING customers c WHERE c.id = customer_id AND c.salary < 30000
== text of another session's statement
SELECT id, email FROM customers WHERE city = 'Oslo' AND length(email) > 3 ORDER BY id
2> SELECT query, (SELECT length(email) FROM customers WHERE id = 1) FROM (SELECT DISTINCT query FROM pg_stat_activity WHERE query LIKE '%Oslo%' AND query NOT LIKE '%backend_pid%' AND datname = current_database() AND pid <> pg_backend_pid()) q ORDER BY 1
== text of a cursor
BEGIN
DECLARE ct CURSOR FOR SELECT email || '' FROM customers ORDER BY id
SELECT name, is_scrollable FROM pg_cursors ORDER BY 1
FETCH 2 FROM ct
ROLLBACK
== text of a prepared statement
PREPARE pt AS SELECT email || '' AS e FROM customers ORDER BY id
SELECT name, parameter_types FROM pg_prepared_statements ORDER BY 1
EXECUTE pt
== the definition of a view and its rows
SELECT pg_get_viewdef('v_renamed'), (SELECT c || b FROM v_renamed WHERE a = 1)
== sizes of values
SELECT sum(pg_column_size(email)), sum(pg_column_size(c.*)) FROM customers c
== compression of values since 14
SELECT pg_column_compression(code), pg_column_size(code), pg_typeof(code), pg_collation_for(code) FROM patients ORDER BY id
== nullness of many
SELECT num_nulls(nullif(vip, true), id), num_nonnulls(VARIADIC ARRAY[nullif(ssn, '007919')]) FROM customers ORDER BY id
== nullness of what is computed, and of an array's elements
SELECT num_nulls(CASE WHEN salary > 50000 THEN 1 END), num_nonnulls(VARIADIC ARRAY[CASE WHEN vip THEN ssn END, email]) FROM customers ORDER BY id
== a name as regclass
SELECT (CASE WHEN vip THEN 'customers' ELSE 'staff' END)::regclass FROM customers ORDER BY id
== a value as regtype
SELECT to_regtype(mood::text), to_regclass(code), code::regclass FROM patients ORDER BY id
== a role made of a value
SELECT has_table_privilege('ana', CASE WHEN vip THEN 'customers' ELSE 'nosuch' END, 'SELECT') FROM customers WHERE id = 3
== toast of a protected table
SELECT count(*), (SELECT max(salary) FROM customers) FROM pg_class WHERE relname LIKE 'pg_toast%'
== information schema joined with a value
SELECT column_name, (SELECT max(salary) FROM customers) FROM information_schema.columns WHERE table_name = 'customers' ORDER BY 1
== the default of a protected column added later
SELECT attname, attmissingval FROM pg_attribute WHERE attrelid = 'tenants'::regclass AND attnum > 0 ORDER BY attnum
== the default of a protected column added later, computed on
SELECT attmissingval::text, array_length(string_to_array(attmissingval::text, '0'), 1) FROM pg_catalog.pg_attribute WHERE attrelid = 'tenants'::regclass AND attnum > 0 ORDER BY attnum
== the default of a protected column added later, by a star
SELECT * FROM pg_attribute WHERE attrelid = 'tenants'::regclass AND attname = 'plan' ORDER BY attnum
== the default of a protected column added later, in a whole row
SELECT a::text, row_to_json(a) FROM pg_attribute a WHERE attrelid = 'tenants'::regclass AND attname = 'plan' ORDER BY attnum
== the default of a protected column added later, asked for
SELECT count(*) FROM pg_attribute WHERE attmissingval::text LIKE '%plan0%'
== the default of a protected column added later, copied
COPY (SELECT attname, attmissingval FROM pg_attribute WHERE attrelid = 'tenants'::regclass AND attname = 'plan') TO STDOUT
== the default of a protected column added later, behind a view of a DBA's
SELECT v FROM v_missing WHERE t = 'tenants'::regclass AND attname = 'plan' ORDER BY v
== the default of a protected column added later, in a cursor
BEGIN
DECLARE dm CURSOR FOR SELECT attmissingval FROM pg_attribute WHERE attrelid = 'tenants'::regclass AND attname = 'plan'
FETCH ALL FROM dm
ROLLBACK
