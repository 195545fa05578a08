SELECT p FROM people p ORDER BY p.id
SELECT (p), ( /* row */ p ) FROM people p ORDER BY (p).id
SELECT people FROM people ORDER BY id
SELECT p.* IS NULL, (p).id FROM people p ORDER BY p.id
SELECT row_to_json(p) FROM people p ORDER BY p.id
SELECT row_to_json(p.*) FROM people p ORDER BY p.id
SELECT row_to_json(public.people.*) FROM public.people ORDER BY id
SELECT to_json(p), to_jsonb(p) FROM people p ORDER BY p.id
SELECT to_jsonb(p) - 'name' ->> 'loud' FROM people p ORDER BY p.id
SELECT json_agg(p ORDER BY p.id), jsonb_agg(p ORDER BY p.id) FROM people p
SELECT array_agg(p ORDER BY p.id) FROM people p
SELECT p::text, p.*::text FROM people p ORDER BY p.id
SELECT ROW(p, 1), json_build_object('p', p, 'n', p.name) FROM people p ORDER BY p.id
SELECT to_jsonb(x) FROM people AS x(one, two, three) ORDER BY one
SELECT x FROM people AS x(one, two, three) ORDER BY one
SELECT row_to_json(o) FROM "Odd ""Name" o
SELECT row_to_json("Odd ""Name") FROM "Odd ""Name"
SELECT to_json("R") FROM "Odd ""Name" AS "R"
SELECT row_to_json(p) FROM ONLY people p ORDER BY p.id
SELECT row_to_json(c) FROM children c
SELECT row_to_json(p), p FROM parts p
SELECT row_to_json(p), p FROM part_1 p
SELECT o.id, p FROM orders o LEFT JOIN people p ON p.id = o.person ORDER BY o.id, p.id
SELECT o.id, row_to_json(p), p IS NULL FROM orders o LEFT JOIN people p ON p.id = o.person ORDER BY o.id, p.id
SELECT o.id, to_jsonb(p) FROM people p RIGHT JOIN orders o ON p.id = o.person ORDER BY o.id, p.id
SELECT to_jsonb(o), to_jsonb(p) FROM people p FULL JOIN orders o ON p.id = o.person ORDER BY o.id, p.id
SELECT o.id, x.j FROM orders o LEFT JOIN LATERAL (SELECT row_to_json(p) AS j FROM people p WHERE p.id = o.person) x ON true ORDER BY o.id
SELECT o.id, (SELECT json_agg(p ORDER BY p.id) FROM people p WHERE p.id = o.person) FROM orders o ORDER BY o.id
SELECT p.id, to_jsonb(p), count(o.id) FROM ONLY people p LEFT JOIN orders o ON o.person = p.id GROUP BY p.id ORDER BY p.id
SELECT to_jsonb(p), count(*) FROM ONLY people p GROUP BY to_jsonb(p) ORDER BY to_jsonb(p)
SELECT DISTINCT to_jsonb(p) FROM people p ORDER BY to_jsonb(p)
SELECT p.id FROM people p ORDER BY to_jsonb(p) DESC, p.id
SELECT v FROM seen v ORDER BY v.id
SELECT row_to_json(v) FROM seen v ORDER BY v.id
SELECT row_to_json(t) FROM (SELECT * FROM people ORDER BY id) t
SELECT t FROM (SELECT id, name, email, born FROM people ORDER BY id) t
SELECT json_agg(t) FROM (SELECT id, email AS mail, fee, name FROM people ORDER BY id) t
SELECT to_jsonb(t) FROM (SELECT id, email FROM people) AS t(a, b) ORDER BY t.a
SELECT coalesce(json_agg("r" ORDER BY "r".r), '[]') FROM (SELECT id AS r, email FROM people) "r"
WITH c AS (SELECT id, email, name FROM people) SELECT row_to_json(c) FROM c ORDER BY c.id
WITH c AS (SELECT p.*, row_to_json(p) AS j FROM people p) SELECT json_agg(c.j ORDER BY c.id) FROM c
WITH RECURSIVE r AS (SELECT id, email, 1 AS n FROM people WHERE id = 1 UNION ALL SELECT p.id, p.email, n + 1 FROM people p JOIN r ON p.id = r.id + 1 WHERE n < 3) SELECT row_to_json(r) FROM r ORDER BY n
WITH w AS (SELECT coalesce(json_agg(x), '[]') AS body FROM (SELECT id, email FROM people ORDER BY id) x) SELECT body FROM w
SELECT count(p), count(DISTINCT p.id), max(p.id) FROM people p
SELECT first_value(to_jsonb(p)) OVER (ORDER BY p.id), lag(p) OVER (ORDER BY p.id) FROM people p ORDER BY p.id
SELECT CASE WHEN p.id > 2 THEN to_json(p) END FROM people p ORDER BY p.id
SELECT xmlforest(p.id AS id, p AS everything) FROM people p ORDER BY p.id
SELECT k, v FROM people p, LATERAL (SELECT p.id AS k, to_jsonb(p) AS v) x ORDER BY k
UPDATE orders o SET total = o.total + 1 FROM people p WHERE p.id = o.person AND o.id = 2 RETURNING o.id, row_to_json(p)
DELETE FROM orders o USING people p WHERE p.id = o.person AND o.id = 3 RETURNING o.id, to_jsonb(p)
SELECT k FROM keyless k
SELECT s FROM secrets s
SELECT (SELECT array_agg(s)) FROM secrets s
SELECT (SELECT string_agg(s::text, ',')) FROM secrets s
SELECT (SELECT count(row_to_json(t))) FROM (SELECT two FROM secrets) t
COPY (SELECT row_to_json(p) FROM people p ORDER BY p.id) TO STDOUT
SELECT (x).email || 'y', (x).id + 1, ((x)).email || '' FROM (SELECT id, email FROM people) x ORDER BY x.id
SELECT (x).email::varchar(3) FROM (SELECT id, email FROM people) x ORDER BY email, x.id
