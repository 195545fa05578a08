## Columns that stand at other places, or under other names, than they seem to
== alias of USING under an alias of its join since 14
SELECT 'raw:' || y.c FROM (vault JOIN heap USING (c) AS y) y (z, id, a, c) ORDER BY 1
== alias of USING hides no outer table since 14
SELECT (SELECT 'raw:' || y.b FROM (heap JOIN heap m USING (b) AS y) j LIMIT 1) FROM vault AS y ORDER BY y.id
== alias of USING in a predicate on an outer table since 14
SELECT id FROM vault AS y WHERE (SELECT y.b FROM (heap JOIN heap m USING (b) AS y) j LIMIT 1) LIKE 'p1%' ORDER BY id
== one defined column called as its function
SELECT (SELECT 'raw:' || b FROM json_to_record('{"json_to_record": 1}') AS b (json_to_record int)) FROM vault ORDER BY id
== one defined column called as its function in ROWS FROM
SELECT (SELECT 'raw:' || b FROM ROWS FROM (json_to_record('{"json_to_record": 1}') AS (json_to_record int)) AS b) FROM vault ORDER BY id
== one defined column called as its function decides
SELECT id FROM vault WHERE EXISTS (SELECT FROM json_to_recordset('[{"json_to_recordset": 1}]') AS b (json_to_recordset int) WHERE b LIKE 'p1%') ORDER BY id
== sample whose argument seems to be its neighbour's
SELECT z.id, (SELECT count(*) FROM (SELECT 'x'::text AS b) z, heap TABLESAMPLE bernoulli (CASE WHEN z.b LIKE 'p1%' THEN 100 ELSE 0 END) REPEATABLE (1)) FROM vault z ORDER BY z.id
== sample repeated by what seems its neighbour's
SELECT z.id, (SELECT string_agg(h.x, ',' ORDER BY h.id) FROM (SELECT 1 AS a) z, heap h TABLESAMPLE bernoulli (50) REPEATABLE (z.a)) FROM vault z ORDER BY z.id
== name of VALUES in its ORDER BY
SELECT (SELECT x.column1 FROM (VALUES (1, (SELECT b FROM vault WHERE id = 6)), (2, 'p3') ORDER BY "*VALUES*".column2 LIMIT 1) x) FROM (SELECT 1 AS column1, 2 AS column2) AS "*VALUES*"
== name of VALUES as a row in its ORDER BY
SELECT (SELECT x.column1 FROM (VALUES (1, (SELECT b FROM vault WHERE id = 6)), (1, 'p3') ORDER BY ("*VALUES*")::text LIMIT 1) x), (SELECT x.column1 FROM (VALUES (1, (SELECT b FROM vault WHERE id = 6)), (2, 'p3') ORDER BY "*VALUES*".column2 > 'p3', 1 LIMIT 1) x) FROM (SELECT 1 AS column1) AS "*VALUES*"
== star inside VALUES shifts what is behind it
SELECT v.column3 || '' FROM vault, (SELECT 1 p, 2 q) a, LATERAL (VALUES (a.*, vault.b, vault.c)) v ORDER BY vault.id
== star of a row inside VALUES
SELECT v.column3 || '' FROM vault, (SELECT h FROM heap h WHERE id = 1) a, LATERAL (VALUES ((ROW(1, NULL)::pair).*, vault.b, vault.c)) v ORDER BY vault.id
== stars inside a compared row
SELECT vault.id FROM vault, (SELECT 1 p, 'v1abc'::text q) a, (SELECT 1 z) b, (SELECT 'v1abc'::text q, 1 p) d WHERE (a.*, vault.tok, b.*) = (b.*, vault.tok, d.*) ORDER BY 1
== stars inside rows that are not distinct
SELECT vault.id FROM vault, (SELECT 1 p, 'v1abc'::text q) a, (SELECT 1 z) b, (SELECT 'v1abc'::text q, 1 p) d WHERE (a.*, vault.tok, b.*) IS NOT DISTINCT FROM (b.*, vault.tok, d.*) ORDER BY 1
== stars inside rows of IN
SELECT vault.id FROM vault, (SELECT 1 p, 'v1abc'::text q) a, (SELECT 1 z) b, (SELECT 'v1abc'::text q, 1 p) d WHERE (a.*, vault.tok, b.*) IN ((b.*, vault.tok, d.*), (b.*, vault.tok, d.*)) ORDER BY 1
== stars inside the rows of a CASE
SELECT vault.id, CASE ROW(a.*, vault.tok, b.*) WHEN ROW(b.*, vault.tok, d.*) THEN 1 END FROM vault, (SELECT 1 p, 'v1abc'::text q) a, (SELECT 1 z) b, (SELECT 'v1abc'::text q, 1 p) d ORDER BY 1
== star of a row inside a compared row
SELECT vault.id FROM vault, (SELECT 1 z) b, (SELECT 'v1abc'::text q, 1 p) d WHERE ((ROW(1, NULL)::pair).x, ROW(1, 'v1abc'::text, vault.tok, b.*)) = (1, ROW(b.*, vault.tok, 'v1abc', 1)) OR (1, 'v1abc'::text, vault.tok, b.*) = (b.*, vault.tok, d.*) ORDER BY 1
== star inside a row that is assigned
BEGIN
UPDATE vault SET (c, b, d) = ROW(u.*, NULL) FROM (SELECT 1 AS p, b || '' AS q FROM vault WHERE id = 1) u WHERE vault.id = 12
SELECT d, b, c FROM vault WHERE id = 12
ROLLBACK
== unnest of a tsvector shifts what is behind it
SELECT c6 || '' FROM (SELECT * FROM unnest('a:1'::tsvector) u, vault) s (c1, c2, c3, c4, c5, c6) ORDER BY 1
== unnest of composites shifts what is behind it
SELECT c5 || '' FROM (SELECT * FROM unnest(ARRAY[ROW(1, NULL)::pair]) u, vault) s (c1, c2, c3, c4, c5) ORDER BY 1
== unnest of two arrays shifts what is behind it
SELECT c6 || '' FROM (SELECT * FROM unnest(ARRAY[1], ARRAY[ROW(1, NULL)::pair]) u, vault) s (c1, c2, c3, c4, c5, c6) ORDER BY 1
== unnest of composites inside a join's alias
SELECT c5 || '' FROM (unnest(ARRAY[ROW(1, NULL)::pair]) u CROSS JOIN vault) s (c1, c2, c3, c4, c5) ORDER BY 1
== unnest of composites inside a CTE
WITH s (c1, c2, c3, c4, c5) AS (SELECT * FROM unnest(ARRAY[ROW(1, NULL)::pair]) u, vault) SELECT c5 || '' FROM s ORDER BY 1
== unnest of composites of a subquery's making
SELECT c5 || '' FROM (SELECT * FROM unnest(ARRAY(SELECT ROW(1, NULL)::pair)) u, vault) s (c1, c2, c3, c4, c5) ORDER BY 1
== unnest of a column of composites
SELECT c6 || '' FROM (SELECT u.*, vault.* FROM (SELECT ARRAY[ROW(1, NULL)::pair] AS l) a, unnest(a.l) u, vault) s (c1, c2, c3, c4, c6) ORDER BY 1
== cast of a row in FROM shifts what is behind it
SELECT c5 || '' FROM (SELECT * FROM CAST(ROW(1, NULL) AS pair) u, vault) s (c1, c2, c3, c4, c5) ORDER BY 1
== unnest of composites under a set operation
SELECT c5 || '' FROM (SELECT * FROM unnest(ARRAY[ROW(1, NULL)::pair]) u, vault UNION ALL SELECT * FROM unnest(ARRAY[ROW(1, NULL)::pair]) u, vault) s (c1, c2, c3, c4, c5) ORDER BY 1
== columns of keywords shift what is behind them
SELECT * FROM (SELECT * FROM pg_get_keywords() u, vault WHERE u.word = 'select') s (c1, c2, c3, c4, c5, c6, c7, c8, c9) ORDER BY c4, c6
SELECT c5 || '', c7 || '' FROM (SELECT * FROM pg_get_keywords() u, vault WHERE u.word = 'select') s (c1, c2, c3, c4, c5, c6, c7, c8) ORDER BY 1, 2
== columns of CYCLE are no part of a star further in since 14
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1) CYCLE n SET cy USING pa SELECT c4 || '' FROM (SELECT * FROM r, vault) s (c1, c2, c3, c4) ORDER BY 1
== column of SEARCH is no part of a star further in since 14
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1) SEARCH DEPTH FIRST BY n SET o SELECT c3 || '' FROM (SELECT * FROM r, vault) s (c1, c2, c3) ORDER BY 1
== name of CYCLE's column means an outer one behind a star since 14
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1) CYCLE n SET cy USING pa SELECT (SELECT 'raw:' || pa FROM (SELECT * FROM r) z LIMIT 1) FROM (SELECT id, b AS pa FROM vault) t ORDER BY t.id
== columns of CYCLE in the arm of a set operation since 14
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1) CYCLE n SET cy USING pa SELECT c4 || '' FROM (SELECT r.*, vault.* FROM r JOIN vault ON true UNION ALL SELECT * FROM r NATURAL JOIN vault) s (c1, c2, c3, c4) ORDER BY 1
== columns of CYCLE inside a row since 14
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1) CYCLE n SET cy USING pa SELECT v.column3 || '' FROM r r0, vault, LATERAL (SELECT * FROM (SELECT 1) y, LATERAL (SELECT w.* FROM r, LATERAL (VALUES (r.*, vault.c, vault.b, 1)) w) q) v (column0, column1, column2, column3) ORDER BY vault.id
== nested columns of a json table come last since 17
SELECT (SELECT 'raw:' || b FROM JSON_TABLE('[1]', '$[*]' COLUMNS (NESTED PATH '$' COLUMNS (n int PATH '$'), b int PATH '$')) AS jt (x)) FROM vault ORDER BY id
== cast to blank-padded text
SELECT pt, pt::bpchar FROM padded ORDER BY id
== cast to blank-padded text and back
SELECT pt::bpchar::text, pt::character::text FROM padded ORDER BY id
== another case of blank-padded text
SELECT upper(pt), upper(pt)::bpchar, lower(pt::bpchar) FROM padded ORDER BY id
== upper case by rules that change the length
SELECT upper(street COLLATE "de-x-icu") FROM padded ORDER BY id
== upper case of a column whose rules change the length
SELECT upper(word) FROM padded ORDER BY id
== upper case of a view's column whose rules change the length
SELECT upper(street) FROM v_padded ORDER BY id
== equality of padded and other text
SELECT id, ch = vc FROM badges ORDER BY id
== equality of padded and other text by its negation
SELECT id FROM badges WHERE ch <> vc ORDER BY id
== equality of padded and other text in a join
SELECT count(*) FROM badges x JOIN badges y ON x.ch = y.vc
== equality of padded and other text by USING
SELECT count(*) FROM (SELECT ch AS k FROM badges) x JOIN (SELECT vc AS k FROM badges) y USING (k)
== equality of padded and other text in IN
SELECT id FROM badges WHERE ch IN (SELECT vc FROM badges) ORDER BY id
== union of padded and other text
SELECT count(*) FROM (SELECT ch FROM badges WHERE id = 1 UNION SELECT vc FROM badges WHERE id = 1) z
== union of all padded and other text
SELECT ch FROM badges WHERE id = 1 UNION ALL SELECT vc FROM badges WHERE id IN (1, 2)
== union of names and longer text
SELECT nm FROM badges WHERE false UNION ALL SELECT tx::varchar FROM badges WHERE id = 3 UNION ALL SELECT nm FROM badges WHERE id = 3
== values of padded and other text
SELECT v.column1 FROM badges, LATERAL (VALUES (ch), (vc)) v WHERE id = 1
== values of padded and other text grouped
SELECT count(DISTINCT v.column1) FROM badges, LATERAL (VALUES (ch), (vc)) v WHERE id = 1
== bound of a range whose type is lost
SELECT count(lower(coalesce(r, r))) FROM v_bounds
== bound of a range whose type is lost in a union
SELECT count(lower(x.r)) FROM (SELECT r FROM v_bounds UNION ALL SELECT NULL) x
== bound of a range whose type is lost in a CASE
SELECT count(upper(CASE WHEN id > 0 THEN r END)), count(lower(nullif(r, '[7,8)'))) FROM v_bounds
== fields of a row whose type is lost
SELECT count(*) FROM v_pairs WHERE coalesce(k, NULL) IS NULL
== fields of a row whose type is lost in VALUES
SELECT count(*) FROM v_pairs, LATERAL (VALUES (k), (NULL)) v WHERE v.column1 IS NULL
== fields of a row whose type is lost in a union
SELECT count(*) FROM (SELECT k FROM v_pairs UNION ALL SELECT NULL) x WHERE x.k IS NULL
== a DBA's view that opens a document as a row
SELECT id, who FROM v_opened ORDER BY id
== a DBA's view that takes words apart
SELECT id, lexeme FROM v_words ORDER BY id
