## Group 1: foreign tables that lead back to the same server
== foreign table
SELECT * FROM far_customers ORDER BY id
== foreign table computed
SELECT left(ssn, 2), mail || '' FROM far_customers ORDER BY id
== foreign table in a predicate
SELECT id FROM far_customers WHERE ssn LIKE '0%' ORDER BY id
== foreign table in order
SELECT id FROM far_customers ORDER BY salary, id LIMIT 3
== foreign table whole row
SELECT to_jsonb(f), f.*::text FROM far_customers f ORDER BY id
== foreign table over a view
SELECT * FROM far_view
== foreign table over statistics
SELECT attname, histogram_bounds FROM far_stats WHERE tablename = 'customers' ORDER BY attname
== foreign table of documents
SELECT body, body->'user'->>'email' FROM far_docs ORDER BY id
== foreign table copied out
COPY (SELECT id, ssn FROM far_customers ORDER BY id) TO STDOUT
== foreign table written from
INSERT INTO scratch SELECT id, ssn FROM far_customers WHERE id = 3
SELECT t FROM scratch WHERE id = 3 ORDER BY t
== foreign table in a plan
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM far_customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
== token in the text that a foreign table's server runs
2> BEGIN
2> UPDATE far_customers SET city = 'Oslo' WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'UPDATE public.customers%'
== key of a protected foreign key deleted through a foreign table
BEGIN
DELETE FROM far_rooms WHERE id = 3
ROLLBACK
== constraints asked through a foreign table
BEGIN
UPDATE far_pins SET pub = CASE id WHEN 1 THEN 'p1' ELSE pub END
ROLLBACK
== a foreign table led elsewhere by its options
BEGIN
ALTER FOREIGN TABLE far_heap OPTIONS (SET table_name 'customers')
ALTER FOREIGN TABLE far_heap ALTER COLUMN x OPTIONS (ADD column_name 'ssn')
CREATE TABLE stolen AS SELECT id, x FROM far_heap
SELECT * FROM stolen ORDER BY id
ROLLBACK
== a foreign table led elsewhere by the name of its column
BEGIN
ALTER FOREIGN TABLE far_cities RENAME COLUMN city TO ssn
CREATE TABLE stolen AS SELECT * FROM far_cities
SELECT * FROM stolen ORDER BY id
ROLLBACK
== a foreign table altered as a table
BEGIN
ALTER TABLE far_cities RENAME city TO ssn
CREATE TABLE stolen AS SELECT * FROM far_cities
SELECT * FROM stolen ORDER BY id
ROLLBACK
== a column added to a foreign table
BEGIN
ALTER TABLE far_cities ADD COLUMN ssn text
CREATE TABLE stolen AS SELECT * FROM far_cities
SELECT * FROM stolen ORDER BY id
ROLLBACK
== a column added above a foreign table
BEGIN
ALTER TABLE near_cities ADD COLUMN ssn text
CREATE TABLE stolen AS SELECT * FROM near_cities
SELECT * FROM stolen ORDER BY id
ROLLBACK
