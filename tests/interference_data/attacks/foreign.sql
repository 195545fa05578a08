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
