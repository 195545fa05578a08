## Functions that are called without a call: `(x).f`, `alias.f`, a type's name; and casts that nobody writes.
== a function that reads text, as a field of a text
SELECT ('SELECT to_tsvector(''simple'', ssn) FROM customers WHERE id < 3'::text).ts_stat
== a function of a DBA's as a field of a number
SELECT (1).find_mail
== as a field of a field
SELECT ((row(1, 'x')).f1).find_mail
== as a field of a subquery
SELECT ((SELECT 1)).find_mail
== as a field of an element
SELECT ((ARRAY[1])[1]).find_mail
== as a field in a predicate
SELECT id FROM scratch WHERE (id).find_mail LIKE 'a.one%' ORDER BY id
== as a field in what is written
UPDATE scratch SET t = (1).find_mail WHERE id = 1 RETURNING t
== as a field in COPY
COPY (SELECT (1).find_mail) TO STDOUT
== as a field in a cursor
BEGIN
DECLARE called CURSOR FOR SELECT (1).find_mail
FETCH called
COMMIT
== as a field of a parameter
PREPARE called(int) AS SELECT ($1).find_mail
EXECUTE called(1)
DEALLOCATE called
== as a column of a function whose type hangs on its argument
SELECT f.find_mail FROM lower(int4range(1, 3)) f
== as a column of a function over text
SELECT f.ts_stat FROM lower('select to_tsvector(''simple'', ssn) from customers where id < 3') f
== as a column of a function that gives its column another name
CREATE FUNCTION ggx(OUT zz int) LANGUAGE sql IMMUTABLE AS 'SELECT 1'
SELECT find_mail.find_mail FROM ggx() AS find_mail
DROP FUNCTION ggx()
== a type's name as a function
SELECT lot_number(1)
== with its schema
SELECT public.lot_number(id) FROM scratch ORDER BY id
== in VALUES
VALUES (lot_number('2'))
== of its array type
SELECT _lot_number('{1,2}')
== as a field
SELECT (id).lot_number FROM scratch ORDER BY id
== as a column
SELECT f.lot_number FROM lower(int4range(1, 3)) f
== a cast that fails for some, where branches meet
SELECT coalesce(bal, NULL::regclass) IS NULL FROM accounts WHERE id = 1
== the other branch first
SELECT coalesce(NULL::oid, bal) IS NULL FROM accounts WHERE id = 1
== in CASE
SELECT (CASE WHEN id > 0 THEN bal ELSE NULL::regtype END) IS NULL FROM accounts WHERE id = 1
== in UNION ALL
SELECT bal FROM accounts WHERE id = 1 UNION ALL SELECT NULL::regclass
== in VALUES that meet
VALUES ((SELECT bal FROM accounts WHERE id = 1)), (NULL::regclass)
== of a numeric
SELECT coalesce(wealth, NULL::float8) FROM accounts WHERE id = 1
== of a date
SELECT coalesce(until, NULL::timestamp) FROM accounts WHERE id = 1
== in COPY of a query
COPY (SELECT coalesce(bal, NULL::regclass) FROM accounts WHERE id = 1) TO STDOUT
== the length of an array that is hidden whole
SELECT coalesce(listed, ARRAY['x']) FROM accounts ORDER BY id
== in UNION ALL of arrays
SELECT listed FROM accounts UNION ALL SELECT ARRAY['x'] ORDER BY 1
== an array that a view of a DBA's computes
SELECT id, ranks FROM v_ranks ORDER BY id
== an array of JSON that a view of a DBA's computes since 16
SELECT id, ranks FROM v_json_ranks ORDER BY id
