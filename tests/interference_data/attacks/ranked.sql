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
SELECT id FROM ranked ORDER BY pay::text
SELECT id, rank() OVER (ORDER BY (SELECT pay::text)) FROM ranked ORDER BY id
SELECT id, p FROM (SELECT id, pay::varchar AS p FROM ranked) r ORDER BY p
