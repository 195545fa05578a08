-- Statements that analysts and their tools run over tables with protected
-- columns. Each must run, and give what PostgreSQL gives but for the masks.
SELECT * FROM customers ORDER BY id
SELECT id, city, status FROM customers ORDER BY id
SELECT c.id, c.email, o.amount FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id
SELECT c.*, o.amount FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE c.id < 5 ORDER BY o.id
SELECT city, count(*) FROM customers GROUP BY city ORDER BY city
SELECT city, count(email) AS with_mail, count(*) - count(phone) AS without_phone FROM customers GROUP BY city ORDER BY city
SELECT id FROM customers WHERE email IS NOT NULL ORDER BY id
SELECT id, email IS NULL AS missing FROM customers ORDER BY id
SELECT ssn, count(*) FROM customers GROUP BY ssn ORDER BY count(*) DESC, min(id)
SELECT count(DISTINCT ssn) FROM customers
SELECT DISTINCT ssn FROM customers
SELECT DISTINCT c.id, c.email, c.name FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY c.id
SELECT COUNT(*) FROM (SELECT DISTINCT c.id AS col1, c.email AS col2 FROM customers c JOIN orders o ON o.customer_id = c.id) subquery
SELECT DISTINCT c.* FROM customers c JOIN orders o ON o.customer_id = c.id
SELECT a.id, b.id FROM customers a JOIN staff b ON a.ssn = b.ssn ORDER BY a.id, b.id
SELECT a.id, b.city FROM customers a JOIN staff b USING (ssn) ORDER BY a.id, b.id
SELECT id FROM customers WHERE ssn IN (SELECT ssn FROM staff WHERE city = 'Rome') ORDER BY id
SELECT id FROM customers c WHERE EXISTS (SELECT FROM staff s WHERE s.ssn = c.ssn AND s.city = 'Oslo') ORDER BY id
SELECT ssn FROM customers UNION SELECT ssn FROM staff
SELECT ssn FROM customers INTERSECT SELECT ssn FROM staff
SELECT id, row_number() OVER (PARTITION BY ssn ORDER BY id) FROM customers ORDER BY id
SELECT lower(email) AS x FROM (SELECT * FROM customers) c
SELECT upper(phone), trim(name) FROM customers ORDER BY id
SELECT coalesce(email, phone) AS contact FROM customers ORDER BY id
SELECT coalesce(phone, 'none') FROM customers ORDER BY id
SELECT email::text, ssn::varchar FROM customers ORDER BY id
SELECT CASE WHEN city = 'Oslo' THEN email ELSE 'hidden' END FROM customers ORDER BY id
WITH c AS (SELECT id, email, city FROM customers WHERE city = 'Oslo') SELECT * FROM c ORDER BY id
WITH recent AS (SELECT customer_id, max(placed) AS last FROM orders GROUP BY customer_id) SELECT c.id, c.email, r.last FROM customers c JOIN recent r ON r.customer_id = c.id ORDER BY c.id
WITH a AS (SELECT * FROM orders), b AS (SELECT customer_id, sum(amount) AS total FROM a GROUP BY 1) SELECT c.city, sum(b.total) FROM b JOIN customers c ON c.id = b.customer_id GROUP BY c.city ORDER BY 1
SELECT c.city, avg(o.amount), count(DISTINCT o.id) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.city HAVING count(*) > 3 ORDER BY 2 DESC
SELECT id, email, rank() OVER (PARTITION BY city ORDER BY id) FROM customers ORDER BY id
SELECT o.id, o.amount, lag(o.amount) OVER (PARTITION BY o.customer_id ORDER BY o.placed) FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id
SELECT date_trunc('month', o.placed) AS m, count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.city = 'Rome' GROUP BY 1 ORDER BY 1
SELECT (SELECT email FROM customers c WHERE c.id = o.customer_id) FROM orders o ORDER BY o.id
SELECT * FROM (SELECT id, email, city FROM customers) AS q WHERE city = 'Oslo' ORDER BY id LIMIT 5 OFFSET 1
SELECT "customers"."id" AS "id", "customers"."email" AS "email" FROM "public"."customers" LIMIT 1000
SELECT "source"."city" AS "city", COUNT(*) AS "count" FROM (SELECT "public"."customers"."id" AS "id", "public"."customers"."city" AS "city", "public"."customers"."email" AS "email" FROM "public"."customers") "source" GROUP BY "source"."city" ORDER BY "source"."city" ASC
SELECT city AS city, count(*) AS count FROM (SELECT * FROM customers) AS virtual_table GROUP BY city ORDER BY count DESC LIMIT 1000
SELECT SUM(1) AS "Number of Records", "customers"."city" AS "city" FROM "public"."customers" "customers" GROUP BY 2 ORDER BY 2
SELECT customers.id AS customers_id, customers.email AS customers_email FROM customers WHERE customers.id = 3
SELECT "customers"."id", "customers"."name", "customers"."email" FROM "customers" WHERE "customers"."city" = 'Oslo' ORDER BY "customers"."id" ASC LIMIT 21
SELECT * FROM v_all ORDER BY id
SELECT a, b FROM v_renamed ORDER BY a
SELECT * FROM v_clean ORDER BY id
SELECT city, total IS NOT NULL FROM v_sum ORDER BY city
SELECT id, email FROM m_all ORDER BY id
SELECT v.id, c.email FROM v_clean v JOIN customers c USING (id) ORDER BY id
SELECT id, label FROM people ORDER BY id
SELECT * FROM people_child ORDER BY id
SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind
SELECT id, payload FROM events WHERE kind = 'a' ORDER BY id
SELECT * FROM contacts ORDER BY id
SELECT c.id, k.note FROM customers c JOIN contacts k ON k.id = c.id ORDER BY c.id
TABLE v_clean
VALUES (1, 'customers'), (2, 'orders')
SELECT 'customers' AS name, count(*) FROM customers
SELECT relname FROM pg_class WHERE relname = 'customers'
SELECT attname, attnum FROM pg_attribute WHERE attrelid = 'public.customers'::regclass AND attnum > 0 ORDER BY attnum
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'customers' ORDER BY ordinal_position
SELECT pg_get_viewdef('v_all'::regclass, true)
SELECT obj_description('customers'::regclass)
SELECT id, city FROM customers WHERE id = ANY (ARRAY[1, 2, 3]) ORDER BY id
SELECT id, email FROM customers WHERE id IN (1, 2, 3) AND city LIKE 'B%' ORDER BY id
SELECT id, email FROM customers WHERE city IN (SELECT city FROM staff WHERE id < 3) ORDER BY id
SELECT id, email FROM customers TABLESAMPLE SYSTEM (100) ORDER BY id
SELECT DISTINCT ON (city) city, id, email FROM customers ORDER BY city, id
SELECT id, email FROM customers ORDER BY city, id FETCH FIRST 3 ROWS ONLY
SELECT id, email FROM customers ORDER BY 1 DESC
SELECT id AS n, email AS e FROM customers ORDER BY n
SELECT city, string_agg(id::text, ',' ORDER BY id) FROM customers GROUP BY city ORDER BY city
SELECT json_agg(json_build_object('id', id, 'city', city) ORDER BY id) FROM customers
SELECT array_agg(id ORDER BY id) FILTER (WHERE city = 'Oslo') FROM customers
SELECT city, status, count(*) FROM customers GROUP BY GROUPING SETS ((city), (status), ()) ORDER BY 1, 2
SELECT c.id, x.amount FROM customers c CROSS JOIN LATERAL (SELECT amount FROM orders o WHERE o.customer_id = c.id ORDER BY o.id LIMIT 1) x ORDER BY c.id
SELECT c.id, g FROM customers c, generate_series(1, 2) g ORDER BY c.id, g
SELECT id, fiscal_year(date '2024-03-01') FROM customers ORDER BY id
SELECT id, name FROM customers WHERE id BETWEEN 3 AND 6 ORDER BY id
SELECT email FROM customers UNION ALL SELECT email FROM contacts
SELECT id, email FROM customers UNION ALL SELECT id, remark FROM archive.clients ORDER BY id
SELECT email FROM archive.clients ORDER BY id
SELECT count(*) FROM customers c JOIN archive.clients a ON a.id = c.id
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT t.n, c.email FROM t JOIN customers c ON c.id = t.n ORDER BY 1
SELECT x.cid, x.mail FROM (customers c JOIN orders o ON o.customer_id = c.id) AS x(cid, a, mail) ORDER BY 1
UPDATE customers SET status = 'seen' WHERE id = 1
UPDATE customers SET status = 'seen', city = 'Oslo' WHERE id = 2 RETURNING id, email
UPDATE customers SET phone = NULL WHERE id = 40
INSERT INTO customers (id, city) VALUES (600, 'Oslo') RETURNING id, city, email
INSERT INTO customers (id, name, email, city) VALUES (601, NULL, DEFAULT, 'Rome')
INSERT INTO orders SELECT 1000 + id, id, 5, date '2024-05-05' FROM customers WHERE id = 1
INSERT INTO scratch SELECT id, city FROM customers WHERE id = 3
DELETE FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE city = 'Nowhere')
DELETE FROM staff WHERE id = 2 RETURNING id, ssn
MERGE INTO scratch s USING customers c ON s.id = c.id WHEN MATCHED THEN UPDATE SET t = c.city
CREATE TEMP TABLE mine AS SELECT id, city FROM customers
CREATE TABLE report AS SELECT city, count(*) AS n FROM customers GROUP BY city
COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT
COPY customers (id, city, email) TO STDOUT WITH (FORMAT csv, HEADER)
SELECT id FROM customers WHERE (id, city) = (1, 'Bergen')
SELECT id, COALESCE(city, 'unknown') || '!' AS label, email FROM customers ORDER BY id
SELECT min(id), max(city) FROM customers
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM customers
SELECT id, CASE city WHEN 'Oslo' THEN 1 ELSE 2 END, ssn FROM customers ORDER BY id
SELECT s.city, count(*) FROM staff s JOIN customers c ON c.ssn = s.ssn GROUP BY s.city ORDER BY s.city
SELECT id, ssn FROM staff ORDER BY city, id LIMIT 7
SELECT id FROM customers FOR UPDATE
ANALYZE customers
TRUNCATE contacts
COMMENT ON TABLE customers IS 'people who buy'
SELECT id FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT c.id, s.city FROM customers c JOIN staff s ON s.ssn = c.ssn WHERE s.ssn IN ('{{SELECT ssn FROM staff WHERE id = 3}}', '{{SELECT ssn FROM customers WHERE id = 4}}') ORDER BY c.id, s.id
UPDATE customers SET status = 'seen' WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 5}}'
SELECT count(*) FROM customers WHERE ssn <> ALL (ARRAY['{{SELECT ssn FROM staff WHERE id = 3}}'])
SELECT c.email, v.column3 FROM customers c, (SELECT 1 p, 2 q) a, LATERAL (VALUES (a.*, 1), (1, 2, 3)) v ORDER BY c.id, 2
SELECT c.email FROM customers c, (SELECT 1 p, 2 q) a WHERE (a.*, c.id) = (1, 2, c.id) ORDER BY c.id
SELECT * FROM unnest(ARRAY['a', 'b']) u, customers ORDER BY id, u
SELECT s.x, s.id, s.email FROM (SELECT * FROM unnest(string_to_array('a,b', ',')) u, customers) s (x) ORDER BY 2, 1
SELECT s.x, s.n, s.email FROM (SELECT * FROM unnest(ARRAY[1, 2], '{a,b}'::text[]) WITH ORDINALITY AS u, customers) s (x, y, n, i) ORDER BY i, n
SELECT s.g, s.email FROM (SELECT * FROM generate_series(1, 2) n, customers) s (g) ORDER BY s.id, s.g
SELECT s.e FROM (SELECT * FROM customers c, unnest(ARRAY(SELECT id FROM orders)) o) s (i, n, e) ORDER BY s.i
SELECT c.id FROM customers c TABLESAMPLE bernoulli (100) REPEATABLE (1) ORDER BY c.id
SELECT id, coalesce(phone, email) IS NOT NULL FROM customers WHERE coalesce(email, phone, '') IS NOT NULL ORDER BY id
SELECT id, lower(coalesce(email, phone)), upper(CASE WHEN id > 3 THEN email END) FROM customers ORDER BY id
SELECT count(x.v) FROM (SELECT email AS v FROM customers UNION ALL SELECT NULL UNION ALL SELECT phone FROM customers) x WHERE x.v IS NOT NULL
SELECT lower(x.v) IS NULL FROM (VALUES (1, NULL), (2, 'x')) y (i, w), LATERAL (SELECT coalesce(email, y.w) AS v FROM customers WHERE id = y.i) x ORDER BY 1
