## Group 1: where a value can stand in a query.
== view over a view by its own names
SELECT b, c FROM v_renamed ORDER BY a
== whole row of a view
SELECT v FROM v_all v ORDER BY v.id
== row of a view as json
SELECT row_to_json(v) FROM v_renamed v ORDER BY v.a
== aggregate of a view
SELECT max(b), min(c) FROM v_renamed
== view joined with its own table
SELECT v.email, c.ssn FROM v_all v JOIN customers c USING (id) ORDER BY v.id
== predicate on a view's computed column
SELECT city FROM v_sum WHERE total > 800000 ORDER BY city
== order by a view's computed column
SELECT city FROM v_sum ORDER BY total
== materialized view whole row
SELECT m::text FROM m_all m ORDER BY m.id
== materialized view in a join
SELECT o.id FROM orders o JOIN m_all m ON m.id = o.customer_id AND m.salary > 50000 ORDER BY o.id
== partition parent whole row
SELECT to_json(e) FROM events e ORDER BY e.id
== partition by its own name with a predicate
SELECT id FROM events_b WHERE payload LIKE 'pay%' ORDER BY id
== partitions united by hand
SELECT payload FROM events_a UNION ALL SELECT payload FROM events_b
== tableoid and a value
SELECT tableoid::regclass, payload FROM events ORDER BY id
== inheritance child by a star
SELECT c.* FROM people_child c ORDER BY c.id
== inheritance with a star behind the name
SELECT secret FROM people * ORDER BY id
== only in parentheses
SELECT secret FROM ONLY (people) ORDER BY id
== child's whole row cast to its parent
SELECT (c::people).secret FROM people_child c ORDER BY c.id
== table command with an order
TABLE customers ORDER BY id LIMIT 3
== table command in a CTE
WITH t AS (TABLE customers) TABLE t ORDER BY id
== table command as a scalar
SELECT ARRAY(SELECT secret FROM (TABLE a_name_of_exactly_sixty_two_bytes_so_that_one_more_letter_fits ORDER BY id) x)
== whole row by the table's name
SELECT customers FROM customers ORDER BY id
== whole row by schema and table
SELECT public.customers.*::text FROM public.customers ORDER BY id
== whole row qualified star in a row
SELECT ROW(public.customers.*) FROM public.customers ORDER BY id
== whole row in an array
SELECT ARRAY[c] FROM customers c ORDER BY c.id
== whole row in a comparison
SELECT c.id FROM customers c WHERE c = (SELECT d FROM customers d WHERE d.id = 3 AND d.salary > 25000) ORDER BY c.id
== whole row is distinct
SELECT DISTINCT c FROM customers c
== whole row grouped
SELECT c, count(*) FROM customers c GROUP BY c
== whole row ordered
SELECT c.id FROM customers c ORDER BY c.home, c.id
== whole row in a window
SELECT c.id, lag(c) OVER (ORDER BY c.id) FROM customers c ORDER BY c.id
== whole row through a subquery
SELECT x.c FROM (SELECT c FROM customers c) x ORDER BY (x.c).id
== field of a row through a subquery
SELECT (x.c).email FROM (SELECT c FROM customers c) x ORDER BY (x.c).id
== field of a row through a CTE
WITH x AS (SELECT c AS r FROM customers c) SELECT (r).phone FROM x ORDER BY (r).id
== field of an aggregated row
SELECT ((array_agg(c ORDER BY c.id))[2]).email FROM customers c
== field of a scalar subquery's row
SELECT ((SELECT c FROM customers c WHERE c.id = 4)).ssn
== star of a scalar subquery's row
SELECT ((SELECT c FROM customers c WHERE c.id = 4)).*
== row cast to another row type
SELECT (ROW(id, ssn, city)::staff).ssn FROM customers ORDER BY id
== nested row constructors
SELECT ROW(id, ROW(email, ROW(ssn))) FROM customers ORDER BY id
== row of a join
SELECT j FROM (customers c JOIN staff s ON s.id = c.id) AS j ORDER BY 1
== field of a join's alias
SELECT j.email FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j (a, b, email) ORDER BY 1
== star of a join's alias
SELECT j.* FROM (customers c CROSS JOIN LATERAL (SELECT c.salary * 2 AS twice) x) AS j ORDER BY j.id
== using with an alias since 14
SELECT u.ssn FROM customers c JOIN staff s USING (ssn) AS u ORDER BY c.id
== using alias as a row since 14
SELECT u::text FROM customers c JOIN staff s USING (ssn) AS u ORDER BY c.id
== natural join of two protected tables
SELECT * FROM customers NATURAL JOIN staff
== natural left join on a value
SELECT ssn, city FROM staff NATURAL LEFT JOIN (SELECT ssn, salary FROM customers) c ORDER BY 1, 2
== using with other values
SELECT c.id FROM customers c JOIN (SELECT '007919'::text AS ssn) g USING (ssn)
== using several columns
SELECT c.id FROM customers c JOIN (VALUES (1, '007919')) g (id, ssn) USING (id, ssn)
== right join with a guess
SELECT c.id, g.s FROM customers c RIGHT JOIN (VALUES ('007919'), ('1')) g (s) ON g.s = c.ssn ORDER BY 2
== full join with a guess
SELECT count(*) FROM customers c FULL JOIN (VALUES ('007919'), ('1')) g (s) ON g.s = c.ssn
== join on a whole row
SELECT count(*) FROM customers c JOIN customers d ON c.home < d.home AND d.id = 7
== cross join with a condition later
SELECT a.id, b.id FROM customers a, customers b WHERE a.salary < b.salary AND b.id = 5 ORDER BY 1, 2
== lateral with a condition
SELECT c.id, x.n FROM customers c, LATERAL (SELECT count(*) AS n FROM orders o WHERE o.amount * 100 > c.salary) x ORDER BY c.id
== lateral with a limit
SELECT c.id, x.id FROM customers c, LATERAL (SELECT o.id FROM orders o ORDER BY o.id LIMIT (c.salary::int / 10000)) x ORDER BY 1, 2
== lateral left join on true
SELECT x.s FROM customers c LEFT JOIN LATERAL (SELECT substr(c.email, 1, 5) AS s) x ON true ORDER BY c.id
== lateral values
SELECT v.k, v.x FROM customers c, LATERAL (VALUES ('e', c.email), ('s', c.ssn)) v (k, x) ORDER BY c.id, 1
== recursive CTE over whole rows
WITH RECURSIVE r AS (SELECT c AS row, c.id FROM customers c WHERE id = 1 UNION ALL SELECT d, d.id FROM r JOIN customers d ON d.id = r.id + 1 WHERE r.id < 4) SELECT (row).email FROM r ORDER BY id
== recursive CTE that stops at a value
WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < (SELECT salary / 1000 FROM customers WHERE id = 1)) SELECT max(i) FROM r
== recursive CTE that removes repeats
WITH RECURSIVE r (v) AS (SELECT vip FROM customers WHERE id = 3 UNION SELECT NOT r.v FROM r WHERE r.v) SELECT count(*) FROM r ORDER BY 1
== recursive CTE that carries a prefix
WITH RECURSIVE r (n, p) AS (SELECT 1, ''::text UNION ALL SELECT n + 1, p || substr((SELECT email FROM customers WHERE id = 1), n, 1) FROM r WHERE n < 9) SELECT p FROM r ORDER BY n
== recursive CTE with a cycle over a value since 14
WITH RECURSIVE r (id, e) AS (SELECT id, ssn FROM customers WHERE id = 1 UNION ALL SELECT r.id + 1, c.ssn FROM r JOIN customers c ON c.id = r.id + 1 WHERE r.id < 3) CYCLE e SET again TO 'y' DEFAULT 'n' USING path SELECT again, path FROM r
== search breadth first by a value since 14
WITH RECURSIVE r (id, e) AS (SELECT id, email FROM customers WHERE id = 1 UNION ALL SELECT r.id + 1, r.e FROM r WHERE r.id < 3) SEARCH BREADTH FIRST BY e SET o SELECT o FROM r
== mutually named CTEs
WITH a AS (SELECT id, email FROM customers), b AS (SELECT id, email AS a FROM a) SELECT a FROM b ORDER BY id
== CTE that hides a protected table
WITH customers AS (SELECT 1 AS id), x AS (SELECT email FROM public.customers) SELECT x.* FROM x, customers
== CTE inside a CTE
WITH a AS (WITH b AS (SELECT ssn s FROM staff) SELECT s t FROM b) SELECT t || '' FROM a
== not materialized CTE with a predicate
WITH a AS NOT MATERIALIZED (SELECT * FROM customers) SELECT id FROM a WHERE phone LIKE '+40%' ORDER BY id
== data-modifying CTE that returns what it deletes
BEGIN
WITH d AS (DELETE FROM contacts WHERE id < 3 RETURNING email, note) SELECT * FROM d ORDER BY note
ROLLBACK
== data-modifying CTE chosen by a value
BEGIN
WITH d AS (DELETE FROM orders o USING customers c WHERE c.id = o.customer_id AND c.vip RETURNING o.id) SELECT id FROM d ORDER BY id
ROLLBACK
== data-modifying CTE that inserts a value
BEGIN
WITH i AS (INSERT INTO scratch SELECT id, phone FROM customers RETURNING t) SELECT t FROM i ORDER BY 1
ROLLBACK
== data-modifying CTE whose source is ordered
BEGIN
WITH u AS (UPDATE orders SET amount = 0 WHERE id IN (SELECT id FROM customers ORDER BY salary LIMIT 3) RETURNING id) SELECT id FROM u ORDER BY id
ROLLBACK
== returning a whole row
BEGIN
UPDATE customers c SET status = 'w' WHERE id = 5 RETURNING c
ROLLBACK
== returning a computation
BEGIN
DELETE FROM contacts WHERE id = 4 RETURNING length(email), email || '!'
ROLLBACK
== returning a subquery
BEGIN
UPDATE scratch SET t = 'q' WHERE id = 1 RETURNING (SELECT email FROM customers WHERE id = scratch.id)
ROLLBACK
== returning in the insert of another
BEGIN
INSERT INTO scratch (id, t) VALUES (50, 'x') RETURNING id, (SELECT count(*) FROM customers WHERE salary > 50000)
ROLLBACK
== merge that inserts a value since 15
BEGIN
MERGE INTO scratch s USING customers c ON s.id = c.id + 100 WHEN NOT MATCHED THEN INSERT VALUES (c.id + 100, c.ssn)
TABLE scratch ORDER BY id
ROLLBACK
== merge joined on a value since 15
BEGIN
MERGE INTO scratch s USING customers c ON s.t = c.ssn WHEN MATCHED THEN UPDATE SET t = 'found'
SELECT id, t FROM scratch ORDER BY id
ROLLBACK
== merge that does nothing for some since 15
BEGIN
MERGE INTO scratch s USING customers c ON s.id = c.id WHEN MATCHED AND c.vip THEN DO NOTHING WHEN MATCHED THEN DELETE
SELECT id FROM scratch ORDER BY id
ROLLBACK
== merge into a protected column since 15
BEGIN
MERGE INTO customers c USING scratch s ON s.id = c.id WHEN MATCHED THEN UPDATE SET email = s.t
SELECT count(*) FROM customers WHERE email LIKE 's%'
ROLLBACK
== merge with an ordered source since 15
BEGIN
MERGE INTO scratch s USING (SELECT id FROM customers ORDER BY salary LIMIT 2) c ON s.id = c.id WHEN MATCHED THEN DELETE
SELECT id FROM scratch ORDER BY id
ROLLBACK
== values as a table
SELECT column1 FROM (VALUES ((SELECT ssn FROM customers WHERE id = 1)), ('x')) v ORDER BY 1
== values compared
SELECT 1 FROM (VALUES ((SELECT ssn FROM customers WHERE id = 1))) v WHERE column1 < '5'
== values with a row of each
VALUES ((SELECT id FROM customers WHERE id = 1), (SELECT c FROM customers c WHERE id = 1))
== window over a named order
SELECT id, first_value(id) OVER w FROM customers WINDOW w AS (PARTITION BY city ORDER BY salary) ORDER BY id
== window that refines another
SELECT id, row_number() OVER (w ORDER BY birth) FROM customers WINDOW w AS (PARTITION BY city) ORDER BY id
== window with a frame by a value
SELECT id, count(*) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND (SELECT (salary / 10000)::int FROM customers WHERE id = 1) FOLLOWING) FROM customers ORDER BY id
== window in groups
SELECT id, count(*) OVER (ORDER BY vip GROUPS BETWEEN CURRENT ROW AND CURRENT ROW) FROM customers ORDER BY id
== window range with an offset on a date
SELECT id, count(*) OVER (ORDER BY birth RANGE BETWEEN '1 year' PRECEDING AND CURRENT ROW) FROM customers ORDER BY id
== window excludes ties
SELECT id, count(*) OVER (ORDER BY vip ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES) FROM customers ORDER BY id
== dense rank and percent rank
SELECT id, dense_rank() OVER (ORDER BY salary), percent_rank() OVER (ORDER BY phone), cume_dist() OVER (ORDER BY email) FROM customers ORDER BY id
== nth value
SELECT nth_value(email, 2) OVER (ORDER BY id) || '' FROM customers ORDER BY id
== lead with a default
SELECT lead(ssn, 1, 'none') OVER (ORDER BY id) FROM customers ORDER BY id
== window filter
SELECT id, count(*) FILTER (WHERE salary > 50000) OVER (ORDER BY id) FROM customers ORDER BY id
== aggregate over an aggregate
SELECT city, max(max(salary)) OVER () FROM customers GROUP BY city ORDER BY city
== filter on a null test of an expression
SELECT count(*) FILTER (WHERE nullif(vip, true) IS NULL) FROM customers
== aggregate ordered by a value inside
SELECT array_agg(id ORDER BY salary) FROM customers
== string aggregate ordered by a value
SELECT string_agg(city, ',' ORDER BY salary DESC, id) FROM customers
== aggregate of distinct values
SELECT array_agg(DISTINCT salary) FROM customers
== sum of distinct values
SELECT sum(DISTINCT salary), count(DISTINCT salary) FROM customers
== count distinct of an expression
SELECT count(DISTINCT substr(birth::text, 3, 2)) FROM customers
== count distinct of a row
SELECT count(DISTINCT (city, vip)) FROM customers
== ordered set over a text
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY email) FROM customers
== ordered set of several fractions
SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY salary) FROM customers
== hypothetical dense rank
SELECT dense_rank('a.p') WITHIN GROUP (ORDER BY email) FROM customers
== hypothetical percent rank by group
SELECT city, percent_rank(50000) WITHIN GROUP (ORDER BY salary) FROM customers GROUP BY city ORDER BY city
== statistics aggregates
SELECT corr(salary, id), regr_slope(salary, id), covar_pop(salary, id), var_samp(salary) FROM customers
== bit aggregate since 14
SELECT bit_xor(salary::int) FROM customers
== range aggregate since 14
SELECT range_agg(span) FROM patients
== json aggregate with a filter
SELECT jsonb_agg(id ORDER BY id) FILTER (WHERE vip) FROM customers
== grouping sets with a value
SELECT vip, birth, count(*) FROM customers GROUP BY GROUPING SETS ((vip), (birth), ())
== cube
SELECT city, vip, count(*) FROM customers GROUP BY CUBE (city, vip)
== nested grouping sets
SELECT city, count(*) FROM customers GROUP BY GROUPING SETS (ROLLUP (city, vip), CUBE (birth))
== grouping of a value
SELECT grouping(vip), count(*) FROM customers GROUP BY ROLLUP (vip)
== group by distinct since 14
SELECT vip, count(*) FROM customers GROUP BY DISTINCT ROLLUP (vip), CUBE (vip)
== group by an ordinal of an expression
SELECT substr(email, 1, 5), count(*) FROM customers GROUP BY 1
== group by a row
SELECT (city, vip), count(*) FROM customers GROUP BY (city, vip)
== group by the key with a condition
SELECT id FROM customers GROUP BY id HAVING salary > 50000 ORDER BY id
== having with a subquery
SELECT city FROM customers GROUP BY city HAVING count(*) > (SELECT salary / 4000 FROM customers WHERE id = 1) ORDER BY city
== having bool_or
SELECT city FROM customers GROUP BY city HAVING bool_or(salary < 20200) ORDER BY city
== distinct on an expression
SELECT DISTINCT ON (left(ssn, 2)) left(ssn, 2), city FROM customers
== distinct on two
SELECT DISTINCT ON (city, vip) city, id FROM customers ORDER BY city, vip, id
== distinct over a key that not every partition has
SELECT count(*) FROM (SELECT DISTINCT id, part, pin FROM half_keyed) q
== group by a key that not every partition has since 18
SELECT count(*) FROM (SELECT id, part, pin FROM half_keyed GROUP BY id, part, pin) q
== distinct of a derived value
SELECT DISTINCT lower(phone) FROM customers
== distinct star
SELECT DISTINCT * FROM customers
== for update of one table
BEGIN
SELECT c.email FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY c.id, o.id FOR UPDATE OF c
ROLLBACK
== for share nowait
BEGIN
SELECT ssn || '' FROM staff ORDER BY id FOR SHARE NOWAIT
ROLLBACK
== for no key update with an order
BEGIN
SELECT id FROM customers ORDER BY salary LIMIT 3 FOR NO KEY UPDATE
ROLLBACK
== for key share chosen by a value
BEGIN
SELECT id FROM customers WHERE vip ORDER BY id FOR KEY SHARE SKIP LOCKED
ROLLBACK
== tablesample bernoulli of a value
SELECT count(*) FROM customers TABLESAMPLE BERNOULLI ((SELECT salary / 1000 FROM customers WHERE id = 1)) REPEATABLE (1)
== tablesample repeatable by a value
SELECT id FROM orders TABLESAMPLE BERNOULLI (50) REPEATABLE ((SELECT salary FROM customers WHERE id = 1)) ORDER BY id
== tablesample of a view's table
SELECT email || '' FROM customers TABLESAMPLE BERNOULLI (100) ORDER BY id
== correlated in the select list
SELECT id, (SELECT count(*) FROM customers d WHERE d.salary < c.salary) FROM customers c ORDER BY id
== correlated exists
SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM customers d WHERE d.id <> c.id AND d.birth < c.birth) ORDER BY id
== correlated outer in from
SELECT (SELECT x FROM (SELECT c.email AS x) q) FROM customers c ORDER BY id
== exists as an output
SELECT EXISTS (SELECT 1 FROM customers WHERE ssn = '007919')
== not exists in a case
SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM customers WHERE salary > 60000) THEN 1 ELSE 2 END
== array of a correlated subquery
SELECT o.id, ARRAY(SELECT c.phone FROM customers c WHERE c.id = o.customer_id) FROM orders o ORDER BY o.id
== scalar subquery with an order
SELECT (SELECT id FROM customers ORDER BY salary DESC LIMIT 1)
== in a list of subqueries
SELECT 1 WHERE '007919' IN ((SELECT ssn FROM customers WHERE id = 1), (SELECT ssn FROM customers WHERE id = 2))
== any of an array of a subquery
SELECT 1 WHERE 'a.one1@example.com' = ANY (ARRAY(SELECT email FROM customers))
== any of an array aggregate
SELECT 1 WHERE 'a.one1@example.com' = ANY ((SELECT array_agg(email) FROM customers)::text[])
== all of a subquery
SELECT 1 WHERE 'a.p' > ALL (SELECT email FROM customers)
== some of a subquery
SELECT 1 WHERE 20137.50 = SOME (SELECT salary FROM customers)
== row in a subquery
SELECT 1 WHERE (1, '007919') IN (SELECT id, ssn FROM customers)
== row compared with a subquery
SELECT 1 WHERE (1, '5') > (SELECT id, ssn FROM customers WHERE id = 1)
== in a subquery of a row's field
SELECT id FROM orders WHERE customer_id IN (SELECT (c).id FROM customers c WHERE (c).vip) ORDER BY id
== limit by a value
SELECT id FROM orders ORDER BY id LIMIT (SELECT (salary / 1000)::int FROM customers WHERE id = 2)
== limit by a case
SELECT id FROM orders ORDER BY id LIMIT CASE WHEN (SELECT vip FROM customers WHERE id = 3) THEN 1 ELSE 2 END
== fetch first by a value
SELECT id FROM orders ORDER BY id FETCH FIRST (SELECT (salary / 1000)::int FROM customers WHERE id = 2) ROWS ONLY
== fetch first with ties by a value
SELECT id FROM customers ORDER BY birth FETCH FIRST 2 ROWS WITH TIES
== offset by a count
SELECT id FROM orders ORDER BY id OFFSET (SELECT count(*) FROM customers WHERE salary > 50000)
== order by using less
SELECT id FROM customers ORDER BY salary USING <
== order by nulls first of a value
SELECT id FROM customers ORDER BY nullif(vip, true) NULLS FIRST, id
== order by a hidden ordinal
SELECT id, email FROM customers ORDER BY 2 DESC
== order by a field of a row
SELECT id FROM customers c ORDER BY (c).salary
== order by an alias of a row
SELECT id, home AS h FROM customers ORDER BY h
== order by an outer value
SELECT (SELECT string_agg(o.id::text, ',' ORDER BY o.amount * (c.salary - 50000)) FROM orders o WHERE o.id < 4) FROM customers c WHERE id = 1
== order by in a union of values
(SELECT id FROM customers ORDER BY salary LIMIT 3) UNION ALL (SELECT id FROM customers ORDER BY birth LIMIT 3) ORDER BY 1
== order by a length in an intersection
SELECT id FROM customers INTERSECT (SELECT id FROM customers ORDER BY salary LIMIT 5) ORDER BY 1
== union that tells equal rows
SELECT left(birth::text, 3) FROM customers UNION SELECT left(birth::text, 3) FROM customers
== union of derived values
SELECT lower(email) FROM customers UNION ALL SELECT 'x'
== except all
SELECT ssn FROM customers EXCEPT ALL SELECT lpad(i::text, 6, '0') FROM generate_series(1, 99999) i
== intersect all with a series
SELECT salary FROM customers INTERSECT ALL SELECT 20000 + i * 137.5 FROM generate_series(1, 40) i
== union of three
SELECT ssn FROM customers UNION ALL SELECT ssn FROM staff UNION ALL SELECT '007919' ORDER BY 1
== set operation in a predicate
SELECT 1 WHERE EXISTS (SELECT email FROM customers INTERSECT SELECT 'a.one1@example.com')
== set operation in a CTE
WITH u AS (SELECT 1 AS k, email FROM customers UNION ALL SELECT 2, 'a.one1@example.com') SELECT email, count(*) FROM u GROUP BY email HAVING count(*) > 1
== values and a table united in a subquery
SELECT length(e) FROM (SELECT email e FROM customers UNION ALL VALUES ('x')) q ORDER BY 1
== rows from several functions
SELECT * FROM ROWS FROM (generate_series(1, 3), json_array_elements_text((SELECT json_agg(email ORDER BY id) FROM customers))) AS r (i, e)
== function in from with ordinality
SELECT * FROM unnest((SELECT array_agg(ssn ORDER BY id) FROM customers)) WITH ORDINALITY
== regexp matches in from
SELECT m FROM customers c, regexp_matches(c.email, '[a-z]+', 'g') m ORDER BY c.id, m
== json each in from
SELECT key, value FROM customers c, json_each(to_json(c)) ORDER BY c.id, key
== json to record
SELECT r.e FROM customers c, json_to_record(json_build_object('e', c.email)) AS r (e text) ORDER BY c.id
== jsonb path exists
SELECT id FROM patients WHERE doc @? '$.k ? (@ > 5)' ORDER BY id
== jsonb subscript since 14
SELECT doc['k'] FROM patients ORDER BY id
== jsonb key test
SELECT id, doc ? 'k', doc @> '{"k": 3}' FROM patients ORDER BY id
== xmltable with a path from a value
SELECT x.v FROM patients p, XMLTABLE('/r' PASSING xmlelement(name r, p.code) COLUMNS v text PATH '.', w int PATH 'string-length(.)') x ORDER BY p.id
== generate subscripts of a value
SELECT count(*) FROM patients p, generate_series(1, length(p.code))
== range functions
SELECT lower(span), upper(span), isempty(span) FROM patients ORDER BY id
== range contains
SELECT id FROM patients WHERE span @> 5 ORDER BY id
== array contains
SELECT id FROM patients WHERE tags @> ARRAY['t3'] ORDER BY id
== any of a protected array
SELECT id FROM patients WHERE 't3' = ANY (tags) ORDER BY id
== array element
SELECT tags[1], array_length(tags, 1), array_to_string(tags, '+') FROM patients ORDER BY id
== array slice
SELECT tags[1:1] FROM patients ORDER BY id
== unnest of a protected array
SELECT unnest(tags) FROM patients WHERE id = 3
== enum functions
SELECT enum_first(mood), enum_range(mood, NULL) FROM patients ORDER BY id
== enum compared
SELECT id FROM patients WHERE mood = 'glad' ORDER BY id
== enum ordered
SELECT id FROM patients ORDER BY mood, id
== enum as text
SELECT mood::text FROM patients ORDER BY id
== enum cast to another enum
SELECT mood::text::mood FROM patients ORDER BY id
== network functions
SELECT host(ip), masklen(ip), ip - inet '10.1.2.0', ip & inet '0.0.0.255' FROM patients ORDER BY id
== network contained
SELECT id FROM patients WHERE ip << inet '10.1.2.0/28' ORDER BY id
== network as text
SELECT ip::text, text(ip), abbrev(ip) FROM patients ORDER BY id
== timestamp parts
SELECT extract(doy FROM seen), date_part('day', seen), seen::date FROM patients ORDER BY id
== timestamp in another zone
SET timezone = 'UTC+11'
SELECT seen, seen AT TIME ZONE 'UTC' FROM patients ORDER BY id
== timestamp under a date style
SET datestyle = 'German'
SELECT seen FROM patients ORDER BY id
== timestamp near the year's end in a shifted zone
SET timezone = '<x>-150:00'
SELECT seen FROM patients ORDER BY id
== float with few digits
SET extra_float_digits = -15
SELECT weight FROM patients ORDER BY id
== bytes in escape form
SET bytea_output = 'escape'
SELECT raw FROM patients ORDER BY id
== bytes taken apart
SELECT get_byte(raw, 0), substr(raw, 1, 2), length(raw) FROM patients ORDER BY id
== nullness of a composite's fields
SELECT id, ROW(nullif(vip, true), NULL) IS NULL FROM customers ORDER BY id
== a composite is not null where each field is
BEGIN
SELECT id, home IS NOT NULL, (home).street IS NULL FROM customers WHERE home IS NOT NULL ORDER BY (home).zip, id
ROLLBACK
== distinct over a subquery's key and another one's value
SELECT count(*) FROM (SELECT DISTINCT a.id, b.vip FROM (SELECT id FROM customers WHERE id = 1) a, (SELECT id, vip FROM customers WHERE id < 3) b) q
== distinct over a CTE's key and the value of its other mention
WITH c AS (SELECT id, vip FROM customers) SELECT count(*) FROM (SELECT DISTINCT a.id, b.vip FROM c a, c b WHERE a.id = 1 AND b.id < 3) q
== distinct over a view's key and the value of its other mention
SELECT count(*) FROM (SELECT DISTINCT a.id, b.vip FROM v_all a, v_all b WHERE a.id = 1 AND b.id < 3) q
== group by a view's key and the value of its other mention
SELECT a.id, count(*) FROM v_all a, v_all b WHERE a.id = 1 AND b.id < 3 GROUP BY a.id, b.vip ORDER BY 2
== distinct over a key that an outer join leaves out by itself
SELECT count(*) FROM (SELECT DISTINCT y.k, c.vip FROM customers c LEFT JOIN LATERAL (SELECT c.id AS k WHERE c.id > 5) y ON true WHERE c.id < 3) q
== distinct over a key that is computed further in
SELECT count(*) FROM (SELECT DISTINCT x.id, x.vip FROM (SELECT id / 3 AS id, vip FROM customers WHERE id < 3) x) q
== distinct over what is a key for some rows
SELECT count(*) FROM (SELECT DISTINCT o.customer_id, c.vip FROM orders o JOIN customers c ON c.id = o.customer_id OR c.id < 3 WHERE o.customer_id = 7) q
== distinct over what is a key in another query only
SELECT count(*) FROM (SELECT DISTINCT o.id, c.vip FROM orders o, customers c WHERE o.id = 1 AND c.id < 3 AND (EXISTS (SELECT FROM staff s WHERE s.id = o.id AND s.id = c.id) OR true)) q
== distinct over names that a list gives to other columns
SELECT count(*) FROM (SELECT DISTINCT x.id, x.vip FROM (SELECT 1, vip, id FROM customers WHERE id < 3) AS x (id, vip, z)) q
== distinct over the key of one arm of a union
SELECT count(*) FROM (SELECT DISTINCT id, vip FROM (SELECT id, vip FROM customers WHERE id = 1 UNION ALL SELECT 1, vip FROM customers WHERE id = 2) x) q
== distinct over the key of the first part of a recursion
WITH RECURSIVE r AS (SELECT 1 AS n, id, vip FROM customers WHERE id = 1 UNION ALL SELECT 2, r.id, c.vip FROM r JOIN customers c ON c.id = 2 WHERE r.n = 1) SELECT count(*) FROM (SELECT DISTINCT id, vip FROM r) q
== group by a key of an inheritance parent behind a subquery
SELECT id, secret, count(*) FROM (SELECT id, secret FROM people) x GROUP BY id, secret ORDER BY id
== group by a merged key of another side
SELECT count(*) FROM (SELECT id, c.vip FROM (SELECT 1 AS id, id AS z FROM customers) s FULL JOIN (SELECT id AS z, vip FROM customers WHERE id < 3) c USING (z) GROUP BY id, c.vip) q
== the order of groups beside a subquery's key
SET enable_hashagg = off
SELECT array_agg(id) FROM (SELECT x.id FROM (SELECT id, salary FROM customers OFFSET 0) x GROUP BY x.salary, x.id) q
== the first group beside a view's key
SET enable_hashagg = off
SELECT id, salary FROM v_all GROUP BY 2, 1 LIMIT 1
== the order of groups beside a key's equal
SET enable_hashagg = off
SELECT array_agg(k) FROM (SELECT o.customer_id AS k FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.salary, o.customer_id) q
== the first of a view's distinct rows
SET enable_hashagg = off
SET enable_indexscan = off
SELECT id FROM (SELECT DISTINCT salary, id FROM v_all LIMIT 1) q
== the first of distinct rows beside a key's equal
SET enable_hashagg = off
SET enable_indexscan = off
SELECT DISTINCT c.salary, o.customer_id FROM orders o JOIN customers c ON c.id = o.customer_id LIMIT 1
== a value beside a view's key in having
SELECT id FROM v_all GROUP BY id, salary HAVING salary > 50000 ORDER BY id
== the first value of a group, by an order since 16
SELECT city, pg_catalog.any_value(id) FROM (SELECT id, city FROM customers ORDER BY salary) x GROUP BY city ORDER BY city
== the first value of a group, asked about since 16
SELECT city FROM customers GROUP BY city HAVING pg_catalog.any_value(salary) > 50000 ORDER BY city
== the first value of a group, asked about further out since 16
SELECT count(*) FROM (SELECT city, pg_catalog.any_value(salary) AS s FROM customers GROUP BY city) q WHERE s > 50000
== the first value of a group, in an expression since 16
SELECT pg_catalog.any_value(salary) || 'x', pg_catalog.any_value(email) || 'x' FROM customers GROUP BY city ORDER BY city
== the first value of a group, told apart since 16
SELECT count(*) FROM (SELECT DISTINCT pg_catalog.any_value(vip) FROM customers WHERE id < 3 GROUP BY id) q
== the first value of a group, sorted by since 16
SELECT id, pg_catalog.any_value(salary) FROM customers GROUP BY id ORDER BY 2 LIMIT 3
== the first value of a sorted array
SELECT city, (pg_catalog.array_agg(salary ORDER BY salary))[1] FROM customers GROUP BY city ORDER BY (pg_catalog.array_agg(id ORDER BY salary))[1]
== the first of what is distinct on a token
SELECT DISTINCT ON (ssn) id FROM customers ORDER BY ssn, id
