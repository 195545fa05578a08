## Columns with allow = ["order"]: how two values compare, and no more.
== how far values are apart, by the frame of a window
SELECT id, count(*) OVER (ORDER BY pay RANGE BETWEEN 400 PRECEDING AND CURRENT ROW) FROM ranked ORDER BY id
SELECT id, count(*) OVER (ORDER BY pay DESC RANGE BETWEEN CURRENT ROW AND 400 FOLLOWING) FROM ranked ORDER BY id
SELECT id, first_value(id) OVER (ORDER BY p RANGE 400 PRECEDING) FROM v_ranked ORDER BY id
SELECT id, count(*) OVER (ORDER BY q RANGE 400 PRECEDING) FROM (SELECT id, pay AS q FROM ranked) r ORDER BY id
== how far moments are apart, by the frame of a window
SELECT id, count(*) OVER (ORDER BY since RANGE BETWEEN '10 days' PRECEDING AND CURRENT ROW) FROM ranked ORDER BY id
SELECT id, count(*) OVER (ORDER BY left_at RANGE '10 hours' PRECEDING) FROM ranked ORDER BY id
== how far values are apart, by the frame of a named window
SELECT id, count(*) OVER w FROM ranked WINDOW w AS (ORDER BY pay RANGE 400 PRECEDING) ORDER BY id
== how far values are apart, by a frame over the order of a named window
SELECT id, count(*) OVER (w RANGE 400 PRECEDING) FROM ranked WINDOW w AS (ORDER BY pay) ORDER BY id
SELECT id, count(*) OVER b FROM ranked WINDOW a AS (PARTITION BY 1), w AS (a ORDER BY pay), b AS (w RANGE 400 PRECEDING) ORDER BY id
== how far a value is from one that is known
BEGIN
INSERT INTO ranked (id) VALUES (100)
SELECT id, count(*) OVER (ORDER BY pay RANGE BETWEEN 400 PRECEDING AND CURRENT ROW) FROM ranked ORDER BY id
ROLLBACK
== an order of the client's choice
SELECT id FROM ranked ORDER BY label COLLATE "en-x-icu"
SELECT id, row_number() OVER (ORDER BY label COLLATE "en-x-icu") FROM ranked ORDER BY id
SELECT id, q FROM (SELECT id, label COLLATE "en-x-icu" AS q FROM ranked) r ORDER BY q
SELECT array_agg(id ORDER BY label COLLATE "en-x-icu") FROM ranked
SELECT id, label COLLATE "en-x-icu" AS q FROM ranked UNION ALL SELECT 0, NULL ORDER BY q
== an order of the client's choice, by another type
SELECT id FROM ranked ORDER BY pay::varchar
SELECT id, rank() OVER (ORDER BY (SELECT pay::varchar)) FROM ranked ORDER BY id
SELECT id, p FROM (SELECT id, pay::varchar AS p FROM ranked) r ORDER BY p
== an order beside values of the client's choice
SELECT id FROM ranked ORDER BY CASE WHEN id = 1 THEN pay ELSE 300 END, id
SELECT id FROM ranked ORDER BY coalesce(CASE WHEN id = 1 THEN pay END, 300), id
SELECT id, rank() OVER (ORDER BY CASE WHEN id = 1 THEN pay ELSE 300 END) FROM ranked ORDER BY id
SELECT array_agg(id ORDER BY CASE WHEN id = 1 THEN pay ELSE 300 END) FROM ranked
SELECT id FROM ranked ORDER BY CASE WHEN id = 1 THEN pay ELSE 300 END, id LIMIT 1
SELECT id FROM ranked ORDER BY ROW(CASE WHEN id = 1 THEN pay ELSE 300 END), id
SELECT max(CASE WHEN id = 1 THEN pay ELSE 300 END) FROM ranked ORDER BY 1
== an order of the client's choice, in a row
SELECT id FROM ranked ORDER BY ROW(label COLLATE "en-x-icu"), id
SELECT id, rank() OVER (ORDER BY ROW(ROW(label COLLATE "en-x-icu"), 1)) FROM ranked ORDER BY id
SELECT array_agg(id ORDER BY ROW(label COLLATE "en-x-icu")) FROM ranked
SELECT id FROM ranked ORDER BY ROW(pay::varchar), id
== equal by their text in a zone of the client's making
SET DateStyle = 'SQL'
SET TimeZone = 'AAA0AAA-1,J182/0,J2/1'
SELECT count(DISTINCT seen::varchar) FROM alikes
SELECT count(*) FROM alikes GROUP BY seen::varchar ORDER BY 1
SELECT count(*) FROM alikes a JOIN alikes b ON a.seen::varchar = b.seen::varchar
SELECT count(DISTINCT t) FROM v_alikes
SELECT count(*) FROM (SELECT seen::varchar FROM alikes UNION SELECT seen::varchar FROM alikes) m
== equal by their text to as many digits as the client likes
SET extra_float_digits = -10
SELECT count(DISTINCT share::varchar) FROM alikes
SELECT count(*) FROM alikes GROUP BY ROW(share::varchar) ORDER BY 1
== equal by their text, where their type tells less apart
SELECT count(DISTINCT amount::varchar) FROM alikes
SELECT count(DISTINCT (m.amount)::varchar) FROM (SELECT amount FROM alikes) m
== shapes that are equal by what is measured of them
SELECT x.id, y.id FROM shapes x JOIN shapes y ON x.b = y.b AND x.id < y.id
SELECT x.id, y.id FROM shapes x JOIN shapes y ON x.c = y.c AND x.id < y.id
SELECT x.id, y.id FROM shapes x JOIN shapes y ON x.p = y.p AND x.id < y.id
SELECT x.id, y.id FROM shapes x JOIN shapes y ON x.l = y.l AND x.id < y.id
== shapes that are equal by NULLIF
SELECT nullif(x.b, y.b) IS NULL FROM shapes x JOIN shapes y ON x.id < y.id
== queries that are equal but for weights
SELECT count(*) FROM shapes GROUP BY q ORDER BY 1
== order by the greatest of a type that has none
SELECT id FROM nicks GROUP BY id ORDER BY pg_catalog.max(nick), id
