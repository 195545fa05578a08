## What has no place of its own to be cut at: columns of a row's star and of arms with stars. Lists in lists, and types that only several values together have.
== a star of a row beside a column of it
SELECT ROW((c).*, c.ssn)::text FROM customers c ORDER BY id
== a star of a row beside a column of it as JSON
SELECT row_to_json(ROW(c.email, (c).*)) FROM customers c ORDER BY id
== stars of rows in a row of rows
SELECT ROW(ROW((c).*), c.ssn)::text FROM customers c ORDER BY id
== a star of a row in COPY
COPY (SELECT ROW((c).*, c.ssn) FROM customers c ORDER BY id) TO STDOUT
== an arm with a star in a chain
SELECT * FROM (SELECT id, birth FROM customers) x UNION ALL SELECT id, birth FROM customers UNION ALL SELECT 0, timestamp '2020-01-01' ORDER BY 1
== an arm with a star behind others
SELECT id, salary FROM customers UNION ALL SELECT * FROM (SELECT id, salary FROM customers) x UNION ALL SELECT 0, 1.5::float8 ORDER BY 1
== an arm that is TABLE
SELECT id, bal, wealth, until, listed FROM accounts UNION ALL TABLE accounts UNION ALL SELECT 0, 1, 2.5::float8, NULL, NULL ORDER BY 1
== a star of a row in VALUES that is an arm
SELECT v.column1, v.column7 FROM customers c, LATERAL (VALUES ((c).*), (c.id, c.name, c.email, c.ssn, c.phone, c.salary, c.birth, c.vip, c.home, c.city, c.status, c.referrer) UNION ALL SELECT 0, '', '', '', '', 0, timestamp '2020-01-01', true, NULL, '', '', '') v ORDER BY 1, 2
== a subquery whose outputs are stars
SELECT (SELECT d FROM (SELECT * FROM (SELECT id, birth FROM customers) x UNION ALL SELECT id, birth FROM customers UNION ALL SELECT 0, timestamp '2020-01-01') u (n, d) WHERE n = c.id ORDER BY n LIMIT 1) FROM customers c ORDER BY c.id
== ordinals in lists of lists
SELECT vip, count(*) FROM customers GROUP BY ((1,1),(1,1)) ORDER BY 2
== ordinals in lists of lists of lists
SELECT vip, count(*) FROM customers GROUP BY id > 0, (((1,1),(1,1)),1) ORDER BY 2
== a guess by an ordinal in lists of lists
SELECT n FROM (SELECT s, array_agg(n ORDER BY n) AS n FROM (SELECT ssn AS s, id AS n FROM customers WHERE id < 4 UNION ALL SELECT '007919', -1) q GROUP BY ((1,1),(1,1))) z ORDER BY n
== names of outputs in lists of lists
SELECT vip AS v, count(*) FROM customers GROUP BY ((v,v),(v,v)) ORDER BY 2
== ordinals in lists of lists of a ROLLUP
SELECT vip, count(*) FROM customers GROUP BY ROLLUP (((1,1),(1,1))) ORDER BY 2
== ordinals in lists of lists of GROUPING SETS
SELECT vip, count(*) FROM customers GROUP BY GROUPING SETS (((1,1),(1,1)), CUBE (((1,1),1))) ORDER BY 2
== ordinals in lists of lists under DISTINCT since 14
SELECT vip, count(*) FROM customers GROUP BY DISTINCT ((1,1),(1,1)) ORDER BY 2
== a number of which another arm made a wider one
SELECT id FROM accounts UNION ALL SELECT wealth FROM accounts UNION ALL SELECT 1.5::float8
== a number of which another branch made a wider one
SELECT coalesce(CASE WHEN id < 0 THEN id ELSE wealth END, 1.5::float8) FROM accounts
== a number beside what is wider than it seems
SELECT wealth FROM accounts UNION ALL (SELECT id FROM accounts UNION ALL SELECT weight FROM patients)
== a number beside what is wider than it seems in COALESCE
SELECT coalesce(wealth, coalesce(id, weight)) FROM accounts JOIN patients USING (id)
== a number beside what is wider than it seems in VALUES
SELECT v.column1 FROM accounts, LATERAL (VALUES ((CASE WHEN id < 0 THEN id ELSE wealth END)), (1.5::float8)) v
== a number beside what NULLIF made wider
SELECT coalesce(wealth, NULLIF(id, 1.5::float8)) FROM accounts ORDER BY id
== a number beside a merged column that a left join made wider
SELECT coalesce(wealth, x) FROM (SELECT id AS x FROM accounts) a LEFT JOIN (SELECT id::float8 AS x FROM accounts) q USING (x), accounts ORDER BY 1
== a number beside a merged column that a right join made wider
SELECT coalesce(wealth, x) FROM (SELECT id::float8 AS x FROM accounts) a NATURAL RIGHT JOIN (SELECT id AS x FROM accounts) q, accounts ORDER BY 1
== a view's window by name
SELECT * FROM v_order_named ORDER BY id
== a view's window inside LATERAL
SELECT * FROM v_order_lateral ORDER BY id, n
== a view's window that parts by a subquery
SELECT * FROM v_order_parts ORDER BY id
== a view's window copied from another
SELECT * FROM v_order_copied ORDER BY id
== a view's window built on another
SELECT * FROM v_order_built ORDER BY id
== a view's window whose frame a value bounds
SELECT * FROM v_order_frame ORDER BY id
== a merged column in a view's subquery
SELECT * FROM v_sides ORDER BY id
== a merged column in a view's LATERAL
SELECT * FROM v_sides_lateral ORDER BY id
== what a view counts of what it computes
SELECT * FROM v_counted ORDER BY city
== whether what a view computes is NULL, asked in the view
SELECT * FROM v_is_null ORDER BY id
== xmax as a field of a row
SELECT id, (r).xmax <> 0 FROM rooms r ORDER BY id
== xmax as a field of a row's star
SELECT id FROM rooms r WHERE (r.*).xmax::text <> '0' ORDER BY id
== xmax as a function of a row
SELECT id, xmax(r) <> 0 FROM rooms r ORDER BY id
== xmax as a function of a row beside a function of that name
CREATE FUNCTION xmax(n int) RETURNS int LANGUAGE sql AS 'SELECT 1'
SELECT id, xmax(r) <> 0 FROM rooms r ORDER BY id
DROP FUNCTION xmax(int)
== what a view takes an array of values apart into
SELECT * FROM v_words_apart ORDER BY id
== what a view takes a list of values apart into
SELECT * FROM v_words_listed ORDER BY id
