## Queries of PostgreSQL 14 to 18: `since N` stands where older servers have no such thing
== what a merge returns since 17
BEGIN
MERGE INTO scratch s USING customers c ON s.id = c.id WHEN MATCHED THEN UPDATE SET t = s.t RETURNING merge_action(), c.ssn, s.id
ROLLBACK
== what a merge returns of a computation since 17
BEGIN
MERGE INTO scratch s USING (SELECT id, substr(ssn,1,2) AS p FROM customers) c ON s.id = c.id WHEN MATCHED THEN UPDATE SET t = s.t RETURNING c.p, s.id
ROLLBACK
== old and new of a merge since 18
BEGIN
MERGE INTO customers s USING scratch c ON s.id = c.id WHEN MATCHED THEN UPDATE SET city = s.city RETURNING old.ssn, new.phone, merge_action()
ROLLBACK
== old and new rows of a merge since 18
BEGIN
MERGE INTO customers s USING scratch c ON s.id = c.id WHEN MATCHED THEN UPDATE SET city = s.city RETURNING old, new
ROLLBACK
== merge not matched by its source by a value since 17
BEGIN
MERGE INTO customers c USING scratch s ON s.id = c.id WHEN NOT MATCHED BY SOURCE AND c.salary > 40000 THEN UPDATE SET city = 'x' RETURNING c.id
ROLLBACK
== merge deletes by a value and returns since 17
BEGIN
MERGE INTO scratch s USING customers c ON s.id = c.id WHEN MATCHED AND c.salary > 40000 THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET t = 'gone' RETURNING s.id
ROLLBACK
== merge into a view that copies a value since 17
BEGIN
MERGE INTO v_all c USING scratch s ON s.id = c.id WHEN MATCHED THEN UPDATE SET city = c.ssn RETURNING c.id
SELECT city FROM customers ORDER BY id
ROLLBACK
== old and new of an update since 18
BEGIN
UPDATE customers SET city = 'Oslo' WHERE id < 5 RETURNING old.ssn, new.email, old.*, new.id
ROLLBACK
== old row as text since 18
BEGIN
UPDATE customers SET city = 'Oslo' WHERE id < 5 RETURNING old::text, to_jsonb(new)
ROLLBACK
== old and new under other names since 18
BEGIN
UPDATE customers SET city = 'Oslo' WHERE id < 5 RETURNING WITH (OLD AS o, NEW AS n) o.ssn, n.phone, o.salary > 30000
ROLLBACK
== old and new rows under other names since 18
BEGIN
UPDATE customers SET city = 'Oslo' WHERE id < 5 RETURNING WITH (OLD AS o, NEW AS n) o, row_to_json(n)
ROLLBACK
== old under the name of another table since 18
BEGIN
UPDATE customers SET city = 'Oslo' FROM scratch WHERE customers.id < 5 AND scratch.id = customers.id RETURNING WITH (OLD AS scr) scr.ssn, substr(scr.ssn,1,1)
ROLLBACK
== old of an upsert since 18
BEGIN
INSERT INTO customers (id, city) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET city = customers.city RETURNING old.ssn, new.ssn, old.salary
ROLLBACK
== old in a data-modifying CTE since 18
BEGIN
WITH w AS (UPDATE customers SET city = city WHERE id < 4 RETURNING old.ssn AS a, new.ssn AS b, id) SELECT a || b, id FROM w ORDER BY id
ROLLBACK
== field of an old row in a CTE since 18
BEGIN
WITH w AS (UPDATE customers SET city = city WHERE id < 4 RETURNING old AS a) SELECT (a).ssn, (a).salary FROM w
ROLLBACK
== old of a table with a generated column since 18
BEGIN
UPDATE people SET label = label RETURNING old.secret, new.doubled
ROLLBACK
== old in a condition of what returns since 18
BEGIN
UPDATE customers SET city = city RETURNING CASE WHEN old.salary > 40000 THEN 1 ELSE 0 END, id
ROLLBACK
== json table over a whole row since 17
SELECT jt.* FROM customers c, JSON_TABLE(to_jsonb(c), '$' COLUMNS (s text PATH '$.ssn', e text PATH '$.email')) jt
== json table over a value since 17
SELECT jt.s FROM customers c, JSON_TABLE(('"' || c.ssn || '"')::jsonb, '$' COLUMNS (s text PATH '$')) jt
== json table over a document since 17
SELECT jt.* FROM docs d, JSON_TABLE(d.body, '$.user' COLUMNS (e text PATH '$.email', p int PATH '$.pin')) jt
== json table nested in a document since 17
SELECT jt.* FROM docs d, JSON_TABLE(d.body, '$' COLUMNS (NESTED PATH '$.items[*]' COLUMNS (p numeric PATH '$.price'))) jt
== json table asks whether a value is there since 17
SELECT jt.* FROM docs d, JSON_TABLE(d.body, '$' COLUMNS (e boolean EXISTS PATH '$.user ? (@.email starts with "a")')) jt
== json constructors since 17
SELECT JSON_OBJECT('a' : ssn), JSON_ARRAY(ssn, salary), JSON_SCALAR(ssn) FROM customers ORDER BY id
== json serialized since 17
SELECT JSON_SERIALIZE(JSON('{"a":1}') RETURNING text), JSON_SERIALIZE(to_json(ssn)) FROM customers ORDER BY id
== json constructors that aggregate since 16
SELECT JSON_OBJECTAGG(id : ssn), JSON_ARRAYAGG(ssn ORDER BY id) FROM customers
== json array in the order of a value since 16
SELECT JSON_ARRAYAGG(id ORDER BY salary) FROM customers
== json array of a query since 16
SELECT JSON_ARRAY(SELECT ssn FROM customers ORDER BY id)
== json array of a query in order since 16
SELECT JSON_ARRAY(SELECT id FROM customers ORDER BY ssn)
== json value of a document since 17
SELECT JSON_VALUE(body, '$.user.email') FROM docs ORDER BY id
== json value of a document as a number since 17
SELECT JSON_VALUE(body, '$.user.pin' RETURNING int) FROM docs ORDER BY id
== json query of a document since 17
SELECT JSON_QUERY(body, '$.user' WITH WRAPPER) FROM docs ORDER BY id
== json exists in a document since 17
SELECT JSON_EXISTS(body, '$.user.email ? (@ starts with "a")') FROM docs ORDER BY id
== is json since 16
SELECT ssn IS JSON, phone IS JSON SCALAR FROM customers ORDER BY id
== any value since 16
SELECT any_value(ssn), any_value(salary) FROM customers GROUP BY id ORDER BY id
== any value by order since 16
SELECT any_value(ssn ORDER BY ssn) FROM customers
== generic plan with a predicate since 16
EXPLAIN (GENERIC_PLAN) SELECT * FROM customers WHERE id = $1 AND salary > 30
== random between values since 17
SELECT random(salary::int, salary::int) FROM customers ORDER BY id
== array sorted since 18
SELECT array_sort(ARRAY[ssn, phone]) FROM customers ORDER BY id
== case folded, bytes reversed since 18
SELECT casefold(ssn), reverse(ssn::bytea) FROM customers ORDER BY id
== checksums of a value since 18
SELECT crc32(ssn::bytea), sha256(ssn::bytea) FROM customers ORDER BY id
== at local since 17
SELECT (birth::timestamp) AT LOCAL FROM customers ORDER BY id
== having any value since 16
SELECT city FROM customers GROUP BY city HAVING any_value(salary) > 40000 ORDER BY 1
## More of group 1
== row in a list of guesses
SELECT id FROM customers WHERE (id, ssn) IN ((1, '007919'), (2, 'x')) ORDER BY id
== row less than a guess
SELECT id FROM customers WHERE (salary, id) < (50000, 1) ORDER BY id
== a guess among several columns
SELECT id FROM customers WHERE '007919' = ANY (ARRAY[ssn, phone]) ORDER BY id
== window frame that begins at a value
SELECT id, count(*) OVER (ORDER BY id ROWS BETWEEN (SELECT (salary/10000)::int FROM customers WHERE id=1) PRECEDING AND CURRENT ROW) FROM customers ORDER BY id
== lag by a value
SELECT id, lag(id, (salary/10000)::int) OVER (ORDER BY id) FROM customers ORDER BY id
== nth value by a value
SELECT id, nth_value(id, 1 + (salary/50000)::int) OVER (ORDER BY id) FROM customers ORDER BY id
== ntile by a value
SELECT id, ntile(1 + (SELECT (salary/10000)::int FROM customers c2 WHERE c2.id = c.id)) OVER (ORDER BY id) FROM customers c ORDER BY id
== ordered set at a fraction that is a value
SELECT percentile_disc((SELECT salary/1000000 FROM customers WHERE id = 3)) WITHIN GROUP (ORDER BY id) FROM customers
== casts by function notation
SELECT bpchar(email), text(email), name(email) FROM customers ORDER BY id
== casts to the types of one character
SELECT email::bpchar, email::character varying, email::"char" FROM customers ORDER BY id
== cast of an array of values
SELECT ARRAY[email]::varchar(6)[] FROM customers ORDER BY id
== a value between others
SELECT string_agg(city, ssn ORDER BY id) FROM customers
== a value as a pattern
SELECT '007919' LIKE ssn ESCAPE '#' FROM customers ORDER BY id
== overlay and trim
SELECT overlay('abcdef' placing ssn from 1), position('1' in ssn), trim(both '0' from ssn) FROM customers ORDER BY id
== array in the order of a value
SELECT array_agg(id ORDER BY ssn) FROM customers
== recursive CTE marks a cycle by a value since 14
WITH RECURSIVE r AS (SELECT id, ssn FROM customers WHERE id = 1 UNION ALL SELECT c.id, c.ssn FROM customers c JOIN r ON c.id = r.id + 1 WHERE c.id < 5) CYCLE ssn SET cyc TO 'yes' DEFAULT 'no' USING path SELECT id, cyc, path FROM r
== using alias compared with a column that the client fills since 14
SELECT id FROM scratch, (SELECT 1) q WHERE EXISTS (SELECT FROM customers JOIN staff USING (ssn) AS j WHERE j.ssn = scratch.t)
== values of a scalar subquery
SELECT * FROM (VALUES ((SELECT ssn FROM customers WHERE id = 3), 1)) v(a, b)
== value that comes and goes by a lateral limit
SELECT * FROM customers c, LATERAL (SELECT c.ssn AS z LIMIT (SELECT 1)) q ORDER BY c.id
