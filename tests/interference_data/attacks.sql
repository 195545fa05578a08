== plain star
SELECT * FROM customers ORDER BY id
== alias
SELECT ssn AS x FROM customers ORDER BY id
== qualified and quoted
SELECT "c"."email", public.customers.phone FROM customers "c", public.customers WHERE c.id = customers.id ORDER BY c.id
== upper case and unicode escape
SELECT U&"em\0061il" FROM U&"cust\006Fmers" ORDER BY id
== unicode escape with another escape character
SELECT * FROM U&"cust!006Fmers" UESCAPE '!' ORDER BY id
== whole row
SELECT c FROM customers c ORDER BY c.id
== whole row as text
SELECT c::text FROM customers c ORDER BY c.id
== star of an alias as text
SELECT c.*::text FROM customers c ORDER BY c.id
== row constructor
SELECT ROW(c.*) FROM customers c ORDER BY c.id
== row to json
SELECT row_to_json(c) FROM customers c ORDER BY c.id
== to jsonb
SELECT to_jsonb(c) ->> 'email' FROM customers c ORDER BY c.id
== json agg
SELECT json_agg(c ORDER BY c.id) FROM customers c
== functional notation
SELECT email(c), c.salary_of FROM customers c ORDER BY c.id
== function notation of a row
SELECT c.row_to_json FROM customers c ORDER BY c.id
== field of a row
SELECT (c).ssn FROM customers c ORDER BY c.id
== star of a composite
SELECT (c).* FROM customers c ORDER BY (c).id
== composite field
SELECT (home).zip FROM customers ORDER BY id
== composite star
SELECT (home).* FROM customers ORDER BY id
== subquery
SELECT lower(email) AS x FROM (SELECT * FROM customers) c ORDER BY id
== renaming columns of an alias
SELECT q FROM customers AS c(p, n, q, r) ORDER BY p
== CTE
WITH c AS (SELECT id, email e FROM customers) SELECT e FROM c ORDER BY id
== CTE that shadows a table
WITH orders AS (SELECT * FROM customers) SELECT * FROM orders ORDER BY id
== CTE with column names
WITH c(i, e) AS MATERIALIZED (SELECT id, ssn FROM customers) SELECT e FROM c ORDER BY i
== recursive CTE
WITH RECURSIVE r AS (SELECT 1 AS id, email FROM customers WHERE id = 1 UNION ALL SELECT r.id + 1, c.email FROM r JOIN customers c ON c.id = r.id + 1 WHERE r.id < 5) SELECT * FROM r ORDER BY id
== recursive CTE that walks a value
WITH RECURSIVE r(i, v, s) AS (SELECT 1, '', email FROM customers WHERE id = 1 UNION ALL SELECT i + 1, s, substr(s, 2) FROM r WHERE i < 5) SELECT i, v FROM r
== data-modifying CTE
WITH u AS (UPDATE customers SET status = 'x' WHERE id = 1 RETURNING *) SELECT email, ssn, salary FROM u
== lateral
SELECT x.e FROM customers c, LATERAL (SELECT c.email AS e) x ORDER BY c.id
== lateral function
SELECT x FROM customers c, LATERAL unnest(ARRAY[c.email]) x ORDER BY c.id
== values lateral
SELECT v.x FROM customers c CROSS JOIN LATERAL (VALUES (c.ssn)) v(x) ORDER BY c.id
== union all with a literal
SELECT email FROM customers UNION ALL SELECT 'a' ORDER BY 1
== union all in the other order
SELECT 'me@home.org' UNION ALL SELECT email FROM customers
== union with a guess
SELECT count(*) FROM (SELECT ssn FROM customers UNION SELECT '007919') x
== intersect with a guess
SELECT 'a.one1@example.com' INTERSECT SELECT email FROM customers
== except with a guess
SELECT 'a.one1@example.com' EXCEPT SELECT email FROM customers
== set operation by position
SELECT id::text FROM customers UNION ALL SELECT email FROM customers ORDER BY 1
== case in output
SELECT CASE WHEN id > 0 THEN email END FROM customers ORDER BY id
== case on a value
SELECT CASE WHEN email LIKE 'a.one%' THEN 1 ELSE 0 END FROM customers ORDER BY id
== simple case
SELECT CASE ssn WHEN '007919' THEN 1 END FROM customers ORDER BY id
== coalesce
SELECT coalesce(email, 'x') FROM customers ORDER BY id
== coalesce of an expression
SELECT coalesce(substr(email, 3, 3), 'x') FROM customers ORDER BY id
== nullif oracle
SELECT nullif(email, 'a.one1@example.com') IS NULL FROM customers ORDER BY id
== greatest
SELECT greatest(email, 'a.p') FROM customers ORDER BY id
== concatenation
SELECT email || '' FROM customers ORDER BY id
== concat
SELECT concat(email, ssn), format('%s', phone) FROM customers ORDER BY id
== substring
SELECT substr(email, 3, 3), left(ssn, 1), reverse(phone) FROM customers ORDER BY id
== length
SELECT length(email), octet_length(email) FROM customers ORDER BY id
== hash functions
SELECT md5(email), hashtext(email) FROM customers ORDER BY id
== encode
SELECT encode(convert_to(email, 'UTF8'), 'hex') FROM customers ORDER BY id
== ascii
SELECT ascii(substr(email, 3)) FROM customers ORDER BY id
== regexp functions
SELECT regexp_replace(email, '@.*', ''), regexp_match(email, '^a.(...)') FROM customers ORDER BY id
== regexp set
SELECT regexp_split_to_table(email, '') FROM customers WHERE id = 1
== string to array
SELECT string_to_array(email, '.') FROM customers ORDER BY id
== array
SELECT ARRAY[email, ssn] FROM customers ORDER BY id
== array of a subquery
SELECT ARRAY(SELECT email FROM customers ORDER BY id)
== scalar subquery
SELECT (SELECT email FROM customers WHERE id = 3)
== expression over a scalar subquery
SELECT upper((SELECT email FROM customers WHERE id = 3)) || 'x'
== array aggregate
SELECT array_agg(email ORDER BY id) FROM customers
== string aggregate
SELECT string_agg(ssn, ',' ORDER BY id) FROM customers
== xml aggregate
SELECT xmlagg(xmlelement(name e, email)) FROM customers
== json object aggregate
SELECT json_object_agg(id, email) FROM customers
== json build
SELECT json_build_object('e', email), jsonb_build_array(ssn) FROM customers ORDER BY id
== sum and avg
SELECT sum(salary), avg(salary), stddev(salary), count(salary) FROM customers
== min and max
SELECT min(salary), max(email), min(birth) FROM customers
== bool aggregate
SELECT bool_and(vip), bool_or(vip), every(vip) FROM customers WHERE id = 2
== percentile
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY salary) FROM customers
== mode
SELECT mode() WITHIN GROUP (ORDER BY email) FROM customers
== rank of a guess
SELECT rank(50000) WITHIN GROUP (ORDER BY salary) FROM customers
== aggregate filter
SELECT count(*) FILTER (WHERE salary > 50000) FROM customers
== having
SELECT city FROM customers GROUP BY city HAVING max(salary) > 50000 ORDER BY city
== having count distinct
SELECT city, count(DISTINCT date_trunc('decade', birth)) FROM customers GROUP BY city ORDER BY city
== group by redacted
SELECT salary, count(*) FROM customers GROUP BY salary
== group by ordinal
SELECT salary, count(*) FROM customers GROUP BY 1
== group by alias
SELECT vip AS v, count(*) FROM customers GROUP BY v
== group by expression
SELECT left(ssn, 1) AS d, count(*) FROM customers GROUP BY left(ssn, 1)
== grouping sets
SELECT city, vip, count(*) FROM customers GROUP BY GROUPING SETS ((city), (vip))
== rollup
SELECT city, birth, count(*) FROM customers GROUP BY ROLLUP (city, birth)
== distinct
SELECT DISTINCT birth FROM customers
== distinct on
SELECT DISTINCT ON (vip) id FROM customers ORDER BY vip, id
== distinct on with order
SELECT DISTINCT ON (city) city, id FROM customers ORDER BY city, salary
== order by
SELECT id FROM customers ORDER BY salary
== order by ordinal
SELECT salary, id FROM customers ORDER BY 1
== order by alias
SELECT salary AS s, id FROM customers ORDER BY s
== order by expression
SELECT id FROM customers ORDER BY salary * -1
== order by case
SELECT id FROM customers ORDER BY CASE WHEN ssn < '5' THEN 0 ELSE 1 END, id
== order by using
SELECT id FROM customers ORDER BY salary USING >
== order by in a union
SELECT id, salary FROM customers UNION ALL SELECT 0, 0 ORDER BY salary
== order by under distinct
SELECT DISTINCT id, salary FROM customers ORDER BY salary
== limit by order
SELECT id FROM customers ORDER BY salary DESC LIMIT 1
== limit expression
SELECT id FROM customers ORDER BY id LIMIT (SELECT salary / 1000 FROM customers WHERE id = 1)
== offset expression
SELECT id FROM orders ORDER BY id OFFSET (SELECT length(email) FROM customers WHERE id = 1)
== window order
SELECT id, rank() OVER (ORDER BY salary) FROM customers ORDER BY id
== window partition
SELECT id, count(*) OVER (PARTITION BY vip) FROM customers ORDER BY id
== named window
SELECT id, row_number() OVER w FROM customers WINDOW w AS (ORDER BY birth) ORDER BY id
== lag
SELECT id, lag(email) OVER (ORDER BY id), first_value(ssn) OVER (ORDER BY id) FROM customers ORDER BY id
== ntile
SELECT id, ntile(4) OVER (ORDER BY salary) FROM customers ORDER BY id
== window sum
SELECT id, sum(salary) OVER (ORDER BY id) FROM customers ORDER BY id
== where like
SELECT id FROM customers WHERE email LIKE 'a.one%' ORDER BY id
== where equality
SELECT id FROM customers WHERE ssn = '007919' ORDER BY id
== where in
SELECT id FROM customers WHERE ssn IN ('007919', '015838') ORDER BY id
== where any
SELECT id FROM customers WHERE ssn = ANY (ARRAY['007919']) ORDER BY id
== where between
SELECT id FROM customers WHERE salary BETWEEN 20000 AND 22000 ORDER BY id
== where similar
SELECT id FROM customers WHERE email SIMILAR TO 'a.one%' ORDER BY id
== where regex
SELECT id FROM customers WHERE email ~ '^a.one' ORDER BY id
== where boolean column
SELECT id FROM customers WHERE vip ORDER BY id
== where boolean test
SELECT id FROM customers WHERE vip IS TRUE ORDER BY id
== where not
SELECT id FROM customers WHERE NOT vip ORDER BY id
== where is distinct
SELECT id FROM customers WHERE ssn IS DISTINCT FROM '007919' ORDER BY id
== where isnull of an expression
SELECT id FROM customers WHERE nullif(ssn, '007919') ISNULL ORDER BY id
== where row comparison
SELECT id FROM customers WHERE (city, ssn) = ('Bergen', '007919') ORDER BY id
== where row order
SELECT id FROM customers WHERE (salary, id) > (50000, 0) ORDER BY id
== where exists
SELECT 1 WHERE EXISTS (SELECT FROM customers WHERE email = 'a.one1@example.com')
== where correlated
SELECT o.id FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.id = o.customer_id AND c.salary > 50000) ORDER BY 1
== where in a subquery
SELECT 1 WHERE 'a.one1@example.com' IN (SELECT email FROM customers)
== where not in a subquery
SELECT 1 WHERE '007919' NOT IN (SELECT ssn FROM customers)
== where all
SELECT 1 WHERE 60000 > ALL (SELECT salary FROM customers)
== where scalar
SELECT 1 WHERE (SELECT salary FROM customers WHERE id = 1) > 50000
== where through a subquery
SELECT id FROM (SELECT id, email e FROM customers) x WHERE e LIKE 'a.one%' ORDER BY id
== where through a view
SELECT a FROM v_renamed WHERE b LIKE 'a.one%' ORDER BY a
== where on derived
SELECT id FROM (SELECT id, lower(ssn) l FROM customers) x WHERE l = '007919'
== derived further out
SELECT substr(l, 1, 3) FROM (SELECT id, lower(email) l FROM customers) x ORDER BY id
== grouping derived
SELECT l, count(*) FROM (SELECT lower(ssn) l FROM customers) x GROUP BY l
== where whole row
SELECT id FROM customers c WHERE (c).salary > 50000 ORDER BY id
== where whole row as text
SELECT id FROM customers c WHERE c::text LIKE '%a.one1@%' ORDER BY id
== where row to json
SELECT id FROM customers c WHERE row_to_json(c)::text LIKE '%one1@%' ORDER BY id
== full text
SELECT id FROM customers WHERE to_tsvector(email) @@ to_tsquery('a.one1@example.com') ORDER BY id
== join on a value
SELECT a.id, b.id FROM customers a JOIN customers b ON a.salary < b.salary ORDER BY 1, 2 LIMIT 5
== join with values
SELECT c.id FROM customers c JOIN (VALUES ('007919')) v(s) ON c.ssn = v.s
== join using values
SELECT id FROM customers JOIN (VALUES ('007919')) v(ssn) USING (ssn)
== natural join
SELECT id FROM customers NATURAL JOIN (VALUES ('007919')) v(ssn)
== join with an unprotected column
SELECT c.id FROM customers c JOIN scratch s ON s.t = c.ssn
== full join using
SELECT ssn FROM customers FULL JOIN staff USING (ssn) ORDER BY customers.id
== left join leaks matching
SELECT v.s, c.id IS NOT NULL FROM (VALUES ('007919'), ('x')) v(s) LEFT JOIN customers c ON c.ssn = v.s ORDER BY 1
== cast to int error
SELECT email::int FROM customers
== cast with length
SELECT email::varchar(3), ssn::char(2), email::name FROM customers ORDER BY id
== cast to domain
SELECT email::mail FROM customers ORDER BY id
== cast that is kept
SELECT email::text, ssn::varchar, salary::text, birth::text FROM customers ORDER BY id
== cast function
SELECT CAST(salary AS int), text(email), float8(salary) FROM customers ORDER BY id
== unary and arithmetic
SELECT -salary, +salary, salary * 2, birth + 1 FROM customers ORDER BY id
== extract
SELECT extract(year FROM birth), date_trunc('year', birth), age(birth) FROM customers ORDER BY id
== to char
SELECT to_char(salary, '999999'), to_char(birth, 'YYYY') FROM customers ORDER BY id
== collate
SELECT email COLLATE "C" FROM customers ORDER BY id
== trim with a character set
SELECT ltrim(email, 'a.'), trim(both 'a' from ssn) FROM customers ORDER BY id
== trim of nothing
SELECT trim(email), btrim(ssn) FROM customers ORDER BY id
== upper
SELECT upper(email), lower(phone), initcap(email) FROM customers ORDER BY id
== user function
SELECT show_it(email) FROM customers ORDER BY id
== function over the table
SELECT find_mail(3)
== set-returning function over the table
SELECT * FROM all_rows() ORDER BY id
== function in from
SELECT * FROM find_mail(1) x
== function with a row argument
SELECT salary_of(c) FROM customers c ORDER BY id
== dynamic SQL function
SELECT run_text('SELECT email FROM cust' || 'omers')
== query to xml
SELECT query_to_xml('select * from cust' || 'omers', true, true, '')
== table to xml
SELECT table_to_xml('customers', true, true, '')
== schema to xml
SELECT schema_to_xml('public', true, true, '')
== database to xml
SELECT database_to_xml(true, true, '')
== cursor to xml
BEGIN
DECLARE c CURSOR FOR SELECT email FROM customers ORDER BY id
SELECT cursor_to_xml('c', 3, true, true, '')
ROLLBACK
== ts_stat
SELECT word FROM ts_stat('select to_tsvector(email) from cust' || 'omers') ORDER BY 1
== statistics
SELECT most_common_vals, histogram_bounds, n_distinct, correlation FROM pg_stats WHERE tablename = 'customers' AND attname IN ('email', 'salary') ORDER BY attname
== statistics unqualified by a table
SELECT tablename, attname, histogram_bounds FROM pg_catalog.pg_stats WHERE schemaname = 'public' ORDER BY 1, 2, inherited
== raw statistics
SELECT staattnum, stavalues1, stavalues2 FROM pg_statistic WHERE starelid = 'customers'::regclass ORDER BY 1
== view star
SELECT * FROM v_all ORDER BY id
== renamed view
SELECT * FROM v_renamed ORDER BY a
== aggregating view
SELECT * FROM v_sum ORDER BY city
== materialized view
SELECT * FROM m_all ORDER BY id
== materialized view predicate
SELECT id FROM m_all WHERE salary > 50000 ORDER BY id
== inheritance parent
SELECT * FROM people ORDER BY id
== inheritance child
SELECT * FROM people_child ORDER BY id
== only
SELECT secret FROM ONLY people ORDER BY id
== generated column
SELECT doubled FROM people ORDER BY id
== partitioned table
SELECT * FROM events ORDER BY id
== partition
SELECT * FROM events_a ORDER BY id
== table command
TABLE customers
== table command of a view
TABLE v_all
== select into
SELECT id, email INTO copied FROM customers
TABLE copied
== create table as
CREATE TABLE copied2 AS SELECT id, ssn FROM customers
SELECT * FROM copied2 ORDER BY id
== create table as with a choice
CREATE TABLE copied3 AS SELECT id FROM customers WHERE salary > 50000
SELECT * FROM copied3 ORDER BY id
== create view
CREATE VIEW mine AS SELECT email e FROM customers
SELECT * FROM mine
== create temp view
CREATE TEMP VIEW mine2 AS SELECT ssn s FROM customers
SELECT * FROM mine2
== create materialized view
CREATE MATERIALIZED VIEW mine3 AS SELECT salary s FROM customers
SELECT * FROM mine3
== create function
CREATE FUNCTION mine4() RETURNS SETOF text LANGUAGE sql AS 'SELECT email FROM customers'
SELECT * FROM mine4()
== create function with a split name
CREATE FUNCTION mine5() RETURNS SETOF text LANGUAGE sql AS E'SELECT email FROM cust\157mers'
SELECT * FROM mine5()
== create function with a body in two literals
CREATE FUNCTION mine6() RETURNS SETOF text LANGUAGE sql AS 'SELECT email FROM cust'
'omers'
SELECT * FROM mine6()
== create function with dynamic SQL
CREATE FUNCTION mine7() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT email FROM cust' || 'omers'; END $$
SELECT * FROM mine7()
== function and use in one transaction
BEGIN
CREATE FUNCTION pg_temp.mine8() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT email FROM cust' || 'omers'; END $$
SELECT * FROM pg_temp.mine8()
ROLLBACK
== own lower
CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'got %', $1; RETURN $1; END $$
SET search_path = public, pg_catalog
SELECT lower(email) FROM customers ORDER BY id
DROP FUNCTION public.lower(text)
== own num_nulls
CREATE FUNCTION public.num_nulls(text, text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'got % %', $1, $2; RETURN 1; END $$
SET search_path = public, pg_catalog
SELECT num_nulls(email, ssn) FROM customers ORDER BY id
DROP FUNCTION public.num_nulls(text, text)
== own operator
CREATE FUNCTION public.eq_spy(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'got % %', $1, $2; RETURN true; END $$
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.eq_spy)
SET search_path = public, pg_catalog
SELECT a.id FROM customers a JOIN staff b ON a.ssn = b.ssn ORDER BY a.id LIMIT 3
DROP OPERATOR public.= (text, text)
== refcursor function
CREATE FUNCTION peek() RETURNS text LANGUAGE plpgsql AS $$ DECLARE r refcursor := 'pk'; x text; BEGIN FETCH r INTO x; RETURN x; END $$
BEGIN
DECLARE pk CURSOR FOR SELECT email FROM customers ORDER BY id
SELECT peek()
ROLLBACK
== do block
DO $$ DECLARE x text; BEGIN SELECT email INTO x FROM customers LIMIT 1; RAISE NOTICE '%', x; END $$
== do block with a hidden name
DO $$ DECLARE x text; BEGIN EXECUTE 'SELECT email FROM cust' || 'omers LIMIT 1' INTO x; RAISE WARNING '%', x; END $$
== rule
CREATE RULE spy AS ON INSERT TO scratch DO INSTEAD SELECT email FROM customers
INSERT INTO scratch VALUES (99)
== trigger
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', NEW; RETURN NEW; END $$
CREATE TRIGGER spy BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION spy()
UPDATE customers SET status = 'y' WHERE id = 1
== trigger that speaks
UPDATE staff SET city = city WHERE id = 1
== index on an expression
CREATE INDEX ON customers ((email::int))
== check constraint
ALTER TABLE customers ADD CONSTRAINT guess CHECK (salary > 60000)
== unique constraint
ALTER TABLE customers ADD CONSTRAINT uniq UNIQUE (id, vip, birth), ADD CONSTRAINT uniq2 CHECK (1 / (salary::int - 20138) IS NOT NULL)
== change of type
ALTER TABLE staff ALTER COLUMN ssn TYPE int USING 1 / (ssn::int - 7919)
== rename away
ALTER TABLE customers RENAME TO clients
SELECT * FROM clients ORDER BY id
ALTER TABLE clients RENAME TO customers
== rename a column
ALTER TABLE customers RENAME COLUMN email TO e2
SELECT e2 FROM customers ORDER BY id
ALTER TABLE customers RENAME COLUMN e2 TO email
== inherits
CREATE TABLE parent_of (id int, email text)
ALTER TABLE customers INHERIT parent_of
SELECT email FROM parent_of ORDER BY id
== attach partition
CREATE TABLE logs (id int, kind text, payload text) PARTITION BY LIST (kind)
ALTER TABLE events DETACH PARTITION events_b
ALTER TABLE logs ATTACH PARTITION events_b FOR VALUES IN ('b')
SELECT payload FROM logs ORDER BY id
== set schema
ALTER TABLE staff SET SCHEMA archive
SELECT * FROM archive.staff ORDER BY id
ALTER TABLE archive.staff SET SCHEMA public
== publication
CREATE PUBLICATION p FOR TABLE customers
== insert select
INSERT INTO scratch SELECT id, email FROM customers
SELECT * FROM scratch ORDER BY id, t
== insert returning
INSERT INTO contacts (id, email, note) VALUES (77, 'a.one1@example.com', 'n') RETURNING *
== insert unique oracle
INSERT INTO customers (id, email) VALUES (501, 'a.one1@example.com')
== insert on conflict oracle
INSERT INTO customers (id, email) VALUES (502, 'a.one2@example.com') ON CONFLICT (email) DO NOTHING
== insert on conflict update
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET city = customers.email RETURNING city
== insert of a value and its token
INSERT INTO customers (id, ssn) VALUES (503, '007919') RETURNING ssn
== unprotected column of a shared key
UPDATE customers SET referrer = 'ref2' WHERE id = 1
== update copies
UPDATE customers SET city = email RETURNING city
== update from
UPDATE scratch SET t = c.ssn FROM customers c WHERE c.id = scratch.id RETURNING t
== update where
UPDATE customers SET status = 'z' WHERE salary > 50000
== update returning
UPDATE customers SET status = 'z' WHERE id = 1 RETURNING *
== update sets a protected column
UPDATE customers SET salary = 1 WHERE id = 1 RETURNING salary
== update fails with a row in the detail
UPDATE customers SET id = NULL WHERE id = 1
== check violation shows the row
UPDATE customers SET salary = salary * 1000 WHERE id = 1
== delete where
DELETE FROM orders USING customers c WHERE c.id = customer_id AND c.salary > 50000
== delete returning
DELETE FROM contacts WHERE id = 1 RETURNING *
== merge since 15
MERGE INTO scratch s USING customers c ON s.id = c.id WHEN MATCHED THEN UPDATE SET t = c.email
SELECT * FROM scratch ORDER BY id
== merge condition since 15
MERGE INTO scratch s USING customers c ON s.id = c.id WHEN MATCHED AND c.salary > 50000 THEN DELETE
SELECT * FROM scratch ORDER BY id
== copy table
COPY customers TO STDOUT
== copy columns csv
COPY customers (ssn, email) TO STDOUT WITH (FORMAT csv, HEADER)
== copy query
COPY (SELECT email, salary FROM customers ORDER BY id) TO STDOUT
== copy view query
COPY (SELECT * FROM v_all ORDER BY id) TO STDOUT (FORMAT csv, FORCE_QUOTE *)
== copy with a predicate
COPY (SELECT id FROM customers WHERE salary > 50000 ORDER BY id) TO STDOUT
== copy binary
COPY customers (id, ssn, salary) TO STDOUT (FORMAT binary)
== copy returning
COPY (DELETE FROM contacts WHERE id = 2 RETURNING email) TO STDOUT
== prepare and execute
PREPARE p1 AS SELECT email, salary FROM customers ORDER BY id
EXECUTE p1
== prepare with a parameter
PREPARE p2(text) AS SELECT id FROM customers WHERE email = $1
EXECUTE p2('a.one1@example.com')
== execute into a table
PREPARE p3 AS SELECT email FROM customers
CREATE TABLE copied4 AS EXECUTE p3
SELECT * FROM copied4
== explain execute
PREPARE p4 AS SELECT id FROM customers WHERE id = 1
EXPLAIN ANALYZE EXECUTE p4
== cursor
BEGIN
DECLARE c1 CURSOR FOR SELECT * FROM customers ORDER BY id
FETCH 3 FROM c1
MOVE 2 IN c1
FETCH ALL FROM c1
COMMIT
== cursor with hold
DECLARE c2 CURSOR WITH HOLD FOR SELECT ssn, email FROM customers ORDER BY id
FETCH ALL c2
CLOSE c2
== binary cursor
BEGIN
DECLARE c3 BINARY CURSOR FOR SELECT salary, email FROM customers ORDER BY id
FETCH 2 FROM c3
ROLLBACK
== current of
BEGIN
DECLARE c4 CURSOR FOR SELECT id FROM customers ORDER BY salary FOR UPDATE
FETCH c4
UPDATE customers SET status = 'cur' WHERE CURRENT OF c4 RETURNING id
ROLLBACK
== explain verbose
EXPLAIN VERBOSE SELECT * FROM customers WHERE id = 1
== explain with costs
EXPLAIN SELECT id FROM customers WHERE salary > 50000
== explain with statistics
EXPLAIN (FORMAT json) SELECT count(*) FROM customers GROUP BY ssn
== explain analyze
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) SELECT email FROM customers ORDER BY salary
== several statements
SELECT 1; SELECT email FROM customers ORDER BY id; SELECT ssn FROM customers ORDER BY id
== statement after a comment
/* x */ SELECT /* y */ email -- z
FROM customers ORDER BY id
== end as an alias since 14
SELECT 1 END, ssn FROM customers ORDER BY id
== backslash literal
SELECT '\'', ssn FROM customers -- '
== escape string
SELECT E'\'', ssn FROM customers ORDER BY id -- '
== dollar quotes
SELECT $a$ ' $a$, ssn FROM customers ORDER BY id
== standard conforming strings off
SET standard_conforming_strings = off
SELECT '\'', ssn FROM customers ORDER BY id --'
== standard conforming strings off, a statement that looks like a literal
SET standard_conforming_strings = off
SELECT '\'' , email || '' FROM customers --'
== an encoding that swallows a backslash
SET client_encoding = 'GBK'
SELECT E'中\' , email || '' FROM customers --'
== search path
SET search_path = archive, public
SELECT * FROM customers ORDER BY id
SELECT email FROM public.customers ORDER BY id
== temp table that shadows
CREATE TEMP TABLE customers (id int, email text)
SELECT email FROM public.customers ORDER BY id
SELECT * FROM customers
== set role
SET ROLE shop_owner
SELECT email FROM customers ORDER BY id
== debug output
SET client_min_messages = log
SET debug_print_plan = on
SELECT id FROM customers WHERE id = 1
== log of durations
SET client_min_messages = log
SET log_min_duration_statement = 0
SELECT email FROM customers ORDER BY id
== division by a value
SELECT 1 / (salary::int - 20137) FROM customers
== error only for some
SELECT id FROM customers WHERE 1 / (CASE WHEN salary > 50000 THEN 0 ELSE 1 END) = 1 ORDER BY id
== error position
SELECT id FROM customers WHERE lower(1)
== notice in a where
SELECT id FROM customers WHERE show_it(ssn) IS NOT NULL ORDER BY id
== set config carries
SELECT set_config('my.x', email, false) FROM customers WHERE id = 1
SHOW my.x
== notify carries
LISTEN ch
SELECT pg_notify('ch', email) FROM customers WHERE id = 1
== advisory lock carries
SELECT pg_try_advisory_lock(salary::bigint) FROM customers WHERE id = 1
SELECT objid FROM pg_locks WHERE locktype = 'advisory'
== sequence carries
CREATE SEQUENCE sq
SELECT setval('sq', salary::bigint) FROM customers WHERE id = 1
SELECT last_value FROM sq
== generate series
SELECT count(*) FROM customers c, generate_series(1, c.salary::int / 1000) g WHERE c.id = 1
== repeat
SELECT repeat('x', length(email)) FROM customers ORDER BY id
== sleep
SELECT CASE WHEN salary > 50000 THEN 'slow' ELSE 'fast' END FROM customers WHERE id = 1
== tablesample
SELECT email FROM customers TABLESAMPLE SYSTEM (100) ORDER BY id
== for update
SELECT ssn FROM customers ORDER BY id FOR UPDATE
== rows from
SELECT * FROM ROWS FROM (unnest(ARRAY(SELECT ssn FROM customers ORDER BY id)), generate_series(1, 3)) AS t(a, b)
== xml table
SELECT x.* FROM customers c, XMLTABLE('/a' PASSING xmlelement(name a, c.email) COLUMNS v text PATH '.') x ORDER BY c.id
== xml forest
SELECT xmlforest(email, ssn) FROM customers ORDER BY id
== subscript
SELECT (string_to_array(email, '@'))[1] FROM customers ORDER BY id
== variadic
SELECT concat(VARIADIC ARRAY[email, ssn]) FROM customers ORDER BY id
== named argument
SELECT make_date(year => extract(year FROM birth)::int, month => 1, day => 1) FROM customers ORDER BY id
== qualified operators
SELECT email OPERATOR(pg_catalog.||) 'x' FROM customers ORDER BY id
== at time zone
SELECT birth::timestamp AT TIME ZONE 'UTC' FROM customers ORDER BY id
== overlaps
SELECT id FROM customers WHERE (birth, birth) OVERLAPS (date '1950-01-01', date '1960-01-01') ORDER BY id
== position
SELECT position('one' in email), overlay(email placing 'x' from 1) FROM customers ORDER BY id
== like any
SELECT id FROM customers WHERE email LIKE ANY (ARRAY['a.one%']) ORDER BY id
== is document
SELECT id FROM customers WHERE (email || ssn) IS NOT NULL ORDER BY right(ssn, 1), id
== count of an expression
SELECT count(nullif(vip, true)) FROM customers
== nullness of an expression
SELECT nullif(vip, true) IS NULL FROM customers ORDER BY id
== system information of a value
SELECT pg_column_size(email), pg_typeof(email) FROM customers ORDER BY id
== foreign key column
SELECT email FROM contacts ORDER BY id
== foreign key predicate
SELECT id FROM contacts WHERE email = 'a.one1@example.com'
== ambiguous name
SELECT customers.email FROM customers, archive.clients a WHERE customers.id = a.id ORDER BY 1
== search and cycle since 14
WITH RECURSIVE r(id, email) AS (SELECT id, email FROM customers WHERE id = 1 UNION ALL SELECT r.id + 1, r.email FROM r WHERE r.id < 3) SEARCH DEPTH FIRST BY email SET o SELECT o FROM r ORDER BY id
== locking with a choice
SELECT id FROM customers ORDER BY salary LIMIT 2 FOR UPDATE SKIP LOCKED
== lock wait through update
UPDATE customers SET status = status WHERE id = (SELECT id FROM customers ORDER BY salary LIMIT 1) RETURNING id
== limit with ties
SELECT id FROM customers ORDER BY vip FETCH FIRST 1 ROWS WITH TIES
== returning old and expression
DELETE FROM contacts WHERE id = 3 RETURNING id, upper(email) || 'x'
== values of a subquery
VALUES ((SELECT email FROM customers WHERE id = 1)), ((SELECT ssn FROM customers WHERE id = 2))
== group by the whole row
SELECT v, n FROM (SELECT vip v, count(*) n FROM customers GROUP BY v) x ORDER BY n
== intersect of protected with another method
SELECT ssn FROM customers INTERSECT SELECT '007919'
== union of two methods
SELECT email FROM customers UNION ALL SELECT ssn FROM staff
== fetch by an unknown cursor
FETCH ALL FROM nowhere
== call to an internal reader
SELECT pg_read_file('PG_VERSION')
== pg_get_viewdef is harmless
SELECT pg_get_viewdef('v_all'::regclass)
== large object
SELECT lo_from_bytea(0, convert_to(email, 'UTF8')) > 0 FROM customers WHERE id = 1
== hypothetical set
SELECT cume_dist(50000) WITHIN GROUP (ORDER BY salary) FROM customers
== correlated scalar output
SELECT o.id, (SELECT c.email FROM customers c WHERE c.id = o.customer_id) FROM orders o ORDER BY o.id
== array slice of aggregate
SELECT (array_agg(ssn ORDER BY id))[1:2] FROM customers
== json path
SELECT jsonb_path_query(to_jsonb(c), '$.email') FROM customers c ORDER BY c.id
== each
SELECT k, v FROM customers c, LATERAL json_each_text(row_to_json(c)) j(k, v) WHERE c.id = 1
== populate record
SELECT (json_populate_record(NULL::customers, row_to_json(c))).email FROM customers c ORDER BY c.id
== unnest of a row array
SELECT (unnest(array_agg(c))).email FROM customers c
== row comparison of whole rows
SELECT a.id FROM customers a, customers b WHERE (a).salary < (b).salary AND b.id = 20 ORDER BY a.id
== insert default values returning
INSERT INTO customers (id) VALUES (900) RETURNING email, salary
== window frame exclude
SELECT id, max(salary) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM customers ORDER BY id
== range frame
SELECT id, count(*) OVER (ORDER BY salary RANGE BETWEEN 1000 PRECEDING AND CURRENT ROW) FROM customers ORDER BY id
== function notation of a function
SELECT c.salary_of FROM customers c ORDER BY c.id
== function notation of a function in a predicate
SELECT c.id FROM customers c WHERE c.salary_of > 50000 ORDER BY c.id
== function of a row from a subquery
SELECT salary_of((SELECT c FROM customers c WHERE id = 1))
== cursor handed to a function made after it
BEGIN
DECLARE pk CURSOR FOR SELECT email FROM customers ORDER BY id
CREATE FUNCTION peek_at(r refcursor) RETURNS text LANGUAGE plpgsql AS $$ DECLARE x text; BEGIN FETCH r INTO x; RETURN x; END $$
SELECT peek_at('pk')
ROLLBACK
== SQL function that executes a prepared statement
PREPARE carrier AS SELECT email FROM customers ORDER BY id
CREATE FUNCTION carry() RETURNS void LANGUAGE sql AS 'CREATE TABLE stolen AS EXECUTE carrier'
SELECT carry()
SELECT * FROM stolen
== group by a key and a value
SELECT id, salary, count(*) FROM customers GROUP BY id, salary ORDER BY id
== distinct over a key and a value
SELECT DISTINCT id, vip, birth FROM customers ORDER BY id
== the first of distinct rows
SET enable_hashagg = off
SET enable_indexscan = off
SELECT id FROM (SELECT DISTINCT salary, id FROM customers LIMIT 1) q
== the first of a join's distinct rows
SET enable_hashagg = off
SET enable_indexscan = off
SELECT DISTINCT c.salary, c.id, o.amount FROM customers c JOIN orders o ON o.customer_id = c.id LIMIT 3
== distinct rows that are numbered
SET enable_hashagg = off
SET enable_indexscan = off
SELECT id, row_number() OVER () FROM (SELECT DISTINCT salary, id FROM customers) q ORDER BY id
== distinct rows in an array
SET enable_hashagg = off
SET enable_indexscan = off
SELECT ARRAY(SELECT id FROM (SELECT DISTINCT salary, id FROM customers) q)
== the first of distinct rows by a cursor
BEGIN
SET enable_hashagg = off
SET enable_indexscan = off
DECLARE distinct_rows CURSOR FOR SELECT DISTINCT birth, id FROM customers
FETCH 2 FROM distinct_rows
ROLLBACK
== the first of distinct rows by an order
SELECT count(*) FROM (SELECT DISTINCT id, salary FROM customers ORDER BY salary LIMIT 7) q WHERE id < 10
== the first of distinct rows by an order of an ordinal
SELECT DISTINCT birth, id, city FROM customers ORDER BY 1, 3, 2 LIMIT 2
== distinct over another row's value
SELECT count(*) FROM (SELECT DISTINCT a.id, b.vip FROM customers a, customers b WHERE a.id = 1 AND b.id < 3) q
== distinct over a value without its key
SELECT count(*) FROM (SELECT DISTINCT z.one, z.vip FROM (SELECT 1 AS one, id, vip FROM customers WHERE id < 3) z) q
== group by another row's key
SELECT a.id, count(*) FROM customers a, customers b WHERE a.id = 1 GROUP BY a.id, b.vip ORDER BY 2
== group by another row's key through a CTE
WITH c AS (SELECT id, vip FROM customers) SELECT a.id, count(*) FROM c a, c b WHERE a.id = 1 GROUP BY a.id, b.vip ORDER BY 2
== group by a key of an inheritance parent
SELECT id, secret, count(*) FROM people GROUP BY id, secret ORDER BY id
== group by a key in one grouping set
SELECT vip, count(*) FROM customers GROUP BY GROUPING SETS ((id), (vip)) ORDER BY 2, 1
== token in the statement's own text
SELECT id, current_query() FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT a.query FROM pg_stat_activity a, customers WHERE a.pid = pg_backend_pid() AND ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
== token among prepared statements and cursors
SELECT p.statement FROM pg_prepared_statements p, customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
BEGIN
DECLARE held CURSOR FOR SELECT id, ssn FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}' ORDER BY id
SELECT name, statement FROM pg_cursors ORDER BY name
FETCH ALL FROM held
COMMIT
== token made of parts
SELECT id FROM customers WHERE ssn = concat('02', '3757') ORDER BY id
SELECT id FROM customers WHERE ssn = 'tok_' || substr('{{SELECT ssn FROM customers WHERE id = 3}}', 5) ORDER BY id
SELECT id FROM customers WHERE ssn = concat('{{SELECT ssn FROM customers WHERE id = 3}}', '') ORDER BY id
== token next to a column that the client fills
DELETE FROM scratch
INSERT INTO scratch VALUES (1, '023757')
INSERT INTO scratch VALUES (2, '931431')
SELECT count(*) FROM scratch, customers WHERE '{{SELECT ssn FROM customers WHERE id = 3}}' IN (ssn, t)
SELECT CASE '{{SELECT ssn FROM customers WHERE id = 3}}' WHEN t THEN 'guessed' WHEN ssn THEN 'no' END AS g, count(*) FROM scratch, customers GROUP BY 1 ORDER BY 1
SELECT count(*) FROM scratch JOIN customers ON ssn = '{{SELECT ssn FROM customers WHERE id = 3}}' AND t = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT t FROM scratch WHERE t = '{{SELECT ssn FROM customers WHERE id = 3}}'
== token in a table that takes the protected one's name
BEGIN
SELECT 1 AS id, '023757'::text AS ssn INTO TEMP customers
SELECT id, ssn FROM customers WHERE ssn = '{{SELECT ssn FROM staff WHERE id = 3}}'
ROLLBACK
== token put out
SELECT NULLIF('{{SELECT ssn FROM customers WHERE id = 3}}', ssn) FROM customers ORDER BY id
SELECT coalesce(NULLIF(ssn, '{{SELECT ssn FROM customers WHERE id = 3}}'), 'same') FROM customers ORDER BY id
SELECT '{{SELECT ssn FROM customers WHERE id = 3}}' AS t FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}' UNION SELECT ssn FROM staff WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}' ORDER BY 1
SELECT greatest('{{SELECT ssn FROM customers WHERE id = 3}}', ssn) FROM customers ORDER BY id
SELECT array_agg(ssn = '{{SELECT ssn FROM customers WHERE id = 3}}' ORDER BY id) FROM customers
== token in an error
SET log_parameter_max_length_on_error = -1
SELECT 1 / (id - 3) FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT name::int FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT nothing FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
UPDATE customers SET id = NULL WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT ssn::int FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
== token in the server's log shown to the client
SET client_min_messages = log
SET log_statement = 'all'
SET log_min_duration_statement = 0
SET debug_print_plan = on
SELECT id FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}' ORDER BY id
== token in a plan
EXPLAIN SELECT id, ssn FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
PREPARE by_token AS SELECT id FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
EXECUTE by_token
EXPLAIN EXECUTE by_token
== token copied out
COPY (SELECT id, ssn FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}' ORDER BY id) TO STDOUT
CREATE TABLE copied AS SELECT id FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT * FROM copied
== token that decides a function's trace
SELECT nextval('traced') FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
SELECT set_config('my.trace', ssn, false) FROM customers WHERE ssn = '{{SELECT ssn FROM customers WHERE id = 3}}'
== tokens in a list
SELECT c.id, v.t FROM customers c JOIN (VALUES ('{{SELECT ssn FROM customers WHERE id = 3}}')) v (t) ON c.ssn = v.t ORDER BY 1
SELECT length(v.t), v.t || '' AS u, upper(v.t) AS w, v.t::varchar(3) AS x, to_json(v) AS y FROM customers c JOIN (VALUES ('{{SELECT ssn FROM customers WHERE id = 3}}')) v (t) ON c.ssn = v.t ORDER BY c.id
SELECT min(v.t), max(v.t), string_agg(v.t, ',' ORDER BY c.id) FROM customers c JOIN (VALUES ('{{SELECT ssn FROM customers WHERE id = 3}}')) v (t) ON c.ssn = v.t
SELECT count(*) FROM customers c JOIN (VALUES ('{{SELECT ssn FROM customers WHERE id = 3}}'), ('023757')) v (t) ON c.ssn = v.t
SELECT count(*) FROM customers c JOIN (VALUES ('{{SELECT ssn FROM customers WHERE id = 3}}')) v (t) ON c.ssn = v.t AND v.t > '5'
SELECT v.t, c.id IS NOT NULL AS found FROM (VALUES ('{{SELECT ssn FROM customers WHERE id = 3}}'), ('007919')) v (t) LEFT JOIN customers c ON c.ssn = v.t ORDER BY 1
WITH v (t) AS (VALUES ('{{SELECT ssn FROM customers WHERE id = 3}}')) SELECT (SELECT t FROM v) AS t, (SELECT substr(t, 1, 1) FROM v) AS u, count(*) FROM customers WHERE ssn IN (SELECT t FROM v)
SELECT v.t::int FROM customers c JOIN (VALUES ('{{SELECT ssn FROM customers WHERE id = 3}}')) v (t) ON c.ssn = v.t ORDER BY c.id
== token joined with its likes
SELECT c.id, s.id FROM customers c, staff s WHERE c.ssn = s.ssn AND s.ssn = '{{SELECT ssn FROM staff WHERE id = 3}}' ORDER BY 1, 2
BEGIN
UPDATE staff SET city = 'Here' WHERE ssn = '{{SELECT ssn FROM staff WHERE id = 3}}' RETURNING id, ssn
DELETE FROM staff WHERE ssn IN ('{{SELECT ssn FROM staff WHERE id = 3}}', '{{SELECT ssn FROM customers WHERE id = 3}}') RETURNING ssn, ctid IS NULL
ROLLBACK
== the order of groups beside a key, where a child was dropped
SET enable_hashagg = off
SELECT array_agg(id) FROM (SELECT id FROM once GROUP BY pin, id) q
== the first group beside a key, where a child was dropped
SET enable_hashagg = off
SELECT id, pin FROM once GROUP BY 2, 1 LIMIT 1
== the order of groups beside a key, where another index is unique since 18
SET enable_hashagg = off
SELECT array_agg(id) FROM (SELECT id FROM pinned GROUP BY id, pin) q
SELECT id, row_number() OVER () FROM pinned_pair GROUP BY org, pin, id
