## What the text means once typed NULLs stand in it and items of ORDER BY are gone: names of outputs, and the clause that an item is cut from.
== an output called rows that ORDER BY is cut from
SELECT email FROM customers WHERE id < 4 ORDER BY id
SELECT staff.id, (SELECT min(x) FROM (SELECT DISTINCT staff.city || '' AS x, staff.ssn AS rows FROM staff ORDER BY rows) z) FROM (SELECT id, email AS city, ssn FROM customers WHERE id < 4) AS staff ORDER BY 1
SELECT staff.id, (SELECT min(x) FROM (SELECT staff.city || '' AS x, staff.ssn AS groups FROM staff ORDER BY groups) z) FROM (SELECT id, salary::text AS city, ssn FROM customers WHERE id < 3) AS staff ORDER BY 1
SELECT staff.id, (SELECT min(x) FROM (SELECT '' AS x, ssn AS range FROM customers UNION ALL SELECT staff.city || '', staff.ssn FROM staff ORDER BY range OFFSET 40) z) FROM (SELECT id, name AS city, ssn FROM customers WHERE id < 3) AS staff ORDER BY 1
SELECT staff.id, (SELECT min(x) FROM (SELECT DISTINCT staff.city || '' AS x, staff.ssn AS rows FROM staff ORDER BY (rows) /* rows */ DESC) z) FROM (SELECT id, email AS city, ssn FROM customers WHERE id < 4) AS staff ORDER BY 1
== a field called offset, for or limit that ORDER BY is cut from
SELECT email FROM customers WHERE id < 4 ORDER BY id
SELECT count(*) FROM (SELECT DISTINCT q.limit FROM (SELECT ssn AS limit FROM staff) q ORDER BY q.limit) z
SELECT staff.id, (SELECT min(x) FROM (SELECT DISTINCT q.city || '' AS x, q.offset FROM (SELECT city, ssn AS offset FROM staff) q ORDER BY q.offset) z) FROM (SELECT id, email AS city, ssn AS q FROM customers WHERE id < 4) AS staff ORDER BY 1
SELECT DISTINCT q.id, q.for FROM (SELECT id, ssn AS for FROM staff WHERE id < 5) q ORDER BY q.for, q.id
== an ORDER BY in a subquery of the item before
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY (SELECT 1 FROM staff ORDER BY id, city LIMIT 1), s
SELECT DISTINCT ON ((SELECT 1 FROM staff LIMIT 1)) id FROM customers ORDER BY (SELECT 1 FROM staff ORDER BY id, city LIMIT 1), salary
VALUES (1, (SELECT salary FROM customers WHERE id = 1)), (2, 50000) ORDER BY (SELECT 1 FROM staff ORDER BY id, city LIMIT 1), column2
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY ((SELECT (SELECT 1 FROM staff ORDER BY id, city LIMIT 1) FROM staff ORDER BY city, id LIMIT 1)), s
== an ORDER BY in what else an item may begin with
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY ARRAY(SELECT 1 FROM staff ORDER BY id, city LIMIT 1), s
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY CASE WHEN EXISTS (SELECT 1 FROM staff ORDER BY id, city) THEN 1 END, s
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY (SELECT count(*) OVER (ORDER BY id, city) FROM staff LIMIT 1) > 0, s
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY (SELECT string_agg(city, ')' ORDER BY id, city) FROM staff)::text COLLATE "C", s
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY -(SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM staff /* ORDER BY ( */), s
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY ROW((SELECT 1 FROM staff ORDER BY id, city LIMIT 1), 2) = (1, 2), s
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY 1 IN (SELECT 1 FROM staff ORDER BY id, city), s
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY now()::timestamp with time zone, s
SELECT DISTINCT salary AS s, id FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY(s),(id)
== an ORDER BY in the query of JSON_ARRAY since 16
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY JSON_ARRAY(SELECT FROM staff ORDER BY id, city)::text, s
SELECT id, salary AS s FROM (SELECT id, salary FROM customers WHERE id = 3 UNION ALL SELECT 0, 50000) q ORDER BY JSON_ARRAY(SELECT 1 FROM staff ORDER BY id, city)::text, s
== a whole row whose name is not ASCII
SELECT (SELECT ö::text FROM (SELECT ö FROM (SELECT 1 AS k, ssn FROM staff LIMIT 1) AS ö) z) FROM (SELECT id, email, salary FROM customers WHERE id < 3) AS ö
SELECT (SELECT "Ö"::text FROM (SELECT ("Ö") FROM (SELECT 1 AS k, ssn FROM staff LIMIT 1) AS "Ö") z) FROM (SELECT id, email, salary FROM customers WHERE id < 3) AS "Ö"
SELECT (SELECT ö::text FROM (SELECT U&"\00f6" FROM (SELECT 1 AS k, ssn FROM staff LIMIT 1) AS ö) z) FROM (SELECT id, email, salary FROM customers WHERE id < 3) AS ö
SELECT (SELECT ö::text FROM (SELECT U&"!00f6" UESCAPE '!' FROM (SELECT 1 AS k, ssn FROM staff LIMIT 1) AS ö) z) FROM (SELECT id, email, salary FROM customers WHERE id < 3) AS ö
== a whole row whose name is not ASCII, sorted or grouped by
SELECT ö, ö.id FROM (SELECT salary, id FROM customers WHERE id IN (1, 2, 3, 40)) AS ö ORDER BY ö
SELECT ö.id, ö FROM (SELECT salary, id FROM customers WHERE id = 3 UNION ALL SELECT 50000, 0) AS ö ORDER BY ö
SELECT count(*), ö FROM (SELECT vip FROM customers) AS ö GROUP BY ö
SELECT DISTINCT ON (ö) ö.id, ö FROM (SELECT vip, id FROM customers) AS ö
== a field whose name is not ASCII
SELECT (SELECT "größe" || '' FROM (SELECT (x)."größe" FROM (SELECT birth AS "größe" FROM customers) x UNION ALL SELECT timestamp '2020-01-01') z LIMIT 1) FROM (SELECT email AS "größe" FROM customers WHERE id < 3) y
SELECT (SELECT "größe" || '' FROM (SELECT (x)."größe"::date FROM (SELECT salary::text AS "größe" FROM customers) x) z LIMIT 1) FROM (SELECT email AS "größe" FROM customers WHERE id < 3) y
== a column that a set operation neutralises
SELECT (SELECT birth || '' FROM (SELECT birth FROM customers UNION ALL SELECT timestamp '2020-01-01') z LIMIT 1) FROM (SELECT email AS birth FROM customers WHERE id < 3) y
WITH z AS (SELECT salary FROM customers UNION ALL SELECT 1.5::float8) SELECT (SELECT salary || '' FROM z LIMIT 1) FROM (SELECT salary FROM customers WHERE id < 3) y
SELECT (SELECT birth || '' FROM (SELECT (birth) FROM customers UNION ALL SELECT NULL UNION ALL SELECT timestamp '2020-01-01') z LIMIT 1) FROM (SELECT email AS birth FROM customers WHERE id < 3) y
SELECT (SELECT birth || '' FROM (SELECT (SELECT birth) FROM customers UNION ALL SELECT timestamp '2020-01-01') z LIMIT 1) FROM (SELECT email AS birth FROM customers WHERE id < 3) y
SELECT (SELECT birth || '' FROM (SELECT (c).birth FROM customers c UNION ALL SELECT timestamp '2020-01-01') z LIMIT 1) FROM (SELECT email AS birth FROM customers WHERE id < 3) y
SELECT (SELECT birth || '' FROM (SELECT CASE WHEN true THEN timestamp '2020-01-01' ELSE birth END FROM customers) z LIMIT 1) FROM (SELECT email AS birth FROM customers WHERE id < 3) y
SELECT (SELECT "jährlich" || '' FROM (SELECT (SELECT "jährlich") FROM (SELECT birth AS "jährlich" FROM customers) b UNION ALL SELECT timestamp '2020-01-01') z LIMIT 1) FROM (SELECT email AS "jährlich" FROM customers WHERE id < 3) y
SELECT (SELECT "jährlich" || '' FROM (SELECT "jährlich" FROM (SELECT birth AS "jährlich" FROM customers) b UNION ALL SELECT timestamp '2020-01-01') z LIMIT 1) FROM (SELECT email AS "jährlich" FROM customers WHERE id < 3) y
== an array of a subquery, under its name
SELECT (SELECT "array"::text || '' FROM (SELECT ARRAY(SELECT ssn FROM staff)) z LIMIT 1) FROM (SELECT email AS "array" FROM customers WHERE id < 4) y
SELECT ARRAY(SELECT ssn FROM staff), id FROM (SELECT salary AS "array", id FROM customers WHERE id IN (1, 2, 40)) y ORDER BY "array"
SELECT (SELECT "array"::text || '' FROM (SELECT (ARRAY(SELECT ssn FROM staff))::text[]) z LIMIT 1) FROM (SELECT email AS "array" FROM customers WHERE id < 4) y
== JSON_ARRAY of a subquery, under its name since 16
SELECT (SELECT json_array::text || '' FROM (SELECT JSON_ARRAY(SELECT ssn FROM staff)) z LIMIT 1) FROM (SELECT email AS json_array FROM customers WHERE id < 4) y
== a view's count for each value that tells nothing
SELECT * FROM v_by_vip ORDER BY 1, 2
SELECT n FROM v_by_vip ORDER BY 1
== what a view picks from each group that tells nothing
SELECT * FROM v_by_rich ORDER BY 1, 2, 3
SELECT first + 0 AS f FROM v_by_vip ORDER BY 1
SELECT label FROM v_by_rich ORDER BY 1
== a view's grouping sets over a value that tells nothing
SELECT n FROM v_by_sets WHERE vip IS NOT NULL ORDER BY 1 LIMIT 3
== a view's groups by a part of a token
SELECT n FROM v_by_part ORDER BY 1 LIMIT 2
SELECT n FROM v_parted_by_part ORDER BY 1
== a view's groups by what takes two texts for one
SELECT max(n) FROM v_by_cased
== a view's window by name, over what is computed of groups
SELECT max(k) FROM v_ranked_groups
== a window of what is never evaluated, in a setting
SELECT set_config('a.b', '', false)
SELECT id, CASE WHEN false THEN rank() OVER (ORDER BY set_config('a.b', current_setting('a.b') || ',' || ssn, false)) END FROM customers WHERE id < 4
SELECT CASE WHEN false THEN (first_value(id) OVER (PARTITION BY set_config('a.b', current_setting('a.b') || c::text, false))) END FROM customers c WHERE id = 1
SELECT CASE WHEN false THEN (first_value(c) OVER (PARTITION BY set_config('a.b', current_setting('a.b') || email, false))).id END FROM customers c WHERE id = 1
SELECT CASE WHEN false THEN (rank() OVER (PARTITION BY set_config('a.b', current_setting('a.b') || email, false))) IN (SELECT 1) END FROM customers c WHERE id = 1
SELECT (SELECT CASE WHEN false THEN rank() OVER (ORDER BY set_config('a.b', current_setting('a.b') || c.salary, false)) END) FROM customers c WHERE id = 2
SELECT current_setting('a.b')
== a window of what is never evaluated, in an error
SELECT id, CASE WHEN false THEN rank() OVER (ORDER BY 1 / (ascii(ssn) - 48)) END FROM customers WHERE id = 1
== a window of what is never evaluated, in the number of rows
SELECT id, CASE WHEN false THEN rank() OVER (ORDER BY generate_series(1, ascii(ssn))) END FROM customers WHERE id = 1
== a window of what is never evaluated, over statistics
SELECT CASE WHEN false THEN rank() OVER (ORDER BY set_config('a.b', (SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'customers' AND attname = 'salary'), false)) END
SELECT current_setting('a.b')
== a window of what is never evaluated, over aggregates since 16
SELECT CASE WHEN false THEN JSON_ARRAYAGG(id) OVER (ORDER BY 1 / (ascii(ssn) - 48)) END FROM customers WHERE id = 1
