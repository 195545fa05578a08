SELECT * FROM accounts ORDER BY id LIMIT 10;

SELECT id, email, country, plan FROM accounts WHERE country = 'SE' AND is_active ORDER BY created_at DESC;

SELECT country, plan, count(*) FROM accounts GROUP BY country, plan ORDER BY country, plan;

SELECT country, count(*) FILTER (WHERE plan = 'free') AS free, count(*) FILTER (WHERE plan = 'team') AS team, count(*) FILTER (WHERE plan = 'pro') AS pro FROM accounts GROUP BY 1 ORDER BY 1;

SELECT country, count(phone) AS with_phone, count(*) - count(tax_id) AS without_tax_id FROM accounts GROUP BY country ORDER BY country;

SELECT tax_id, count(*) FROM accounts GROUP BY tax_id HAVING count(*) > 1 ORDER BY count(*) DESC, min(id);

SELECT tax_id, min(id), max(created_at) FROM accounts WHERE tax_id IS NOT NULL GROUP BY tax_id ORDER BY 2;

SELECT full_name, count(*) AS n FROM accounts GROUP BY full_name HAVING count(*) > 0;

SELECT count(DISTINCT tax_id) AS payers, count(DISTINCT full_name) AS names FROM accounts;

SELECT DISTINCT tax_id, country FROM accounts;

SELECT DISTINCT full_name FROM accounts;

SELECT DISTINCT ON (country) country, id, email FROM accounts ORDER BY country, created_at DESC;

SELECT DISTINCT ON (tax_id) tax_id, id FROM accounts WHERE tax_id IS NOT NULL;

SELECT a.id, a.email, p.amount FROM accounts a JOIN payments p ON p.tax_id = a.tax_id ORDER BY a.id, p.id;

SELECT a.id, p.id FROM accounts a JOIN payments p USING (tax_id) ORDER BY 1, 2;

SELECT a.id FROM accounts a WHERE a.tax_id IN (SELECT tax_id FROM payments WHERE method = 'card') ORDER BY a.id;

SELECT a.id FROM accounts a WHERE EXISTS (SELECT 1 FROM payments p WHERE p.tax_id = a.tax_id AND p.amount > 100) ORDER BY 1;

SELECT a.id FROM accounts a LEFT JOIN payments p ON p.tax_id = a.tax_id WHERE p.id IS NULL ORDER BY 1;

SELECT tax_id FROM accounts EXCEPT SELECT tax_id FROM payments;

SELECT count(*) FROM (SELECT tax_id FROM accounts INTERSECT SELECT tax_id FROM payments) both_sides;

SELECT id, tax_id, row_number() OVER (PARTITION BY tax_id ORDER BY created_at, id) AS nth FROM accounts ORDER BY id;

SELECT id, tax_id, count(*) OVER (PARTITION BY tax_id) AS same_payer, sum(id) OVER (PARTITION BY full_name ORDER BY id) FROM accounts ORDER BY id;

SELECT id, email, created_at, lag(created_at) OVER (PARTITION BY country ORDER BY created_at) AS previous, created_at - lag(created_at) OVER w AS gap FROM accounts WINDOW w AS (PARTITION BY country ORDER BY created_at) ORDER BY id;

SELECT id, ntile(4) OVER (ORDER BY created_at) AS quartile, percent_rank() OVER (ORDER BY created_at), cume_dist() OVER (ORDER BY created_at) FROM accounts ORDER BY id;

SELECT id, email, first_value(id) OVER (PARTITION BY country ORDER BY created_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS first_in_country FROM accounts ORDER BY id;

SELECT issued_on, amount, avg(amount) OVER (ORDER BY issued_on ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS week_average FROM invoices ORDER BY issued_on;

SELECT date_trunc('month', i.issued_on) AS month, a.country, sum(i.amount) AS revenue FROM invoices i JOIN accounts a ON a.id = i.account_id WHERE i.status = 'paid' GROUP BY 1, 2 ORDER BY 1, 2;

SELECT month, revenue, sum(revenue) OVER (ORDER BY month) AS running, revenue - lag(revenue) OVER (ORDER BY month) AS change FROM (SELECT date_trunc('month', issued_on) AS month, sum(amount) AS revenue FROM invoices GROUP BY 1) m ORDER BY month;

SELECT a.id, a.email, x.number, x.amount FROM accounts a CROSS JOIN LATERAL (SELECT number, amount FROM invoices i WHERE i.account_id = a.id ORDER BY amount DESC LIMIT 2) x ORDER BY a.id, x.amount DESC;

SELECT a.id, a.email, last.number FROM accounts a LEFT JOIN LATERAL (SELECT i.number FROM invoices i WHERE i.account_id = a.id ORDER BY i.issued_on DESC LIMIT 1) AS last ON true WHERE a.plan = 'pro' ORDER BY a.id;

SELECT * FROM (SELECT a.*, rank() OVER (PARTITION BY a.country ORDER BY a.created_at DESC) AS position FROM accounts a) ranked WHERE position <= 2 ORDER BY country, position;

WITH RECURSIVE chain AS (SELECT id, referrer_id, email, 1 AS depth FROM accounts WHERE referrer_id IS NULL UNION ALL SELECT a.id, a.referrer_id, a.email, c.depth + 1 FROM accounts a JOIN chain c ON a.referrer_id = c.id) SELECT depth, count(*), count(email) FROM chain GROUP BY depth ORDER BY depth;

WITH RECURSIVE boss AS (SELECT id, name, manager_id, ARRAY[id] AS path FROM employees WHERE manager_id IS NULL UNION ALL SELECT e.id, e.name, e.manager_id, b.path || e.id FROM employees e JOIN boss b ON e.manager_id = b.id) SELECT id, name, path, array_length(path, 1) AS level FROM boss ORDER BY path;

WITH RECURSIVE days(d) AS (SELECT date '2024-01-01' UNION ALL SELECT d + 1 FROM days WHERE d < date '2024-01-10') SELECT days.d, count(i.id) AS invoices, count(DISTINCT a.country) FROM days LEFT JOIN invoices i ON i.issued_on = days.d LEFT JOIN accounts a ON a.id = i.account_id GROUP BY days.d ORDER BY days.d;

SELECT d::date AS day, count(a.id) AS signups FROM generate_series(timestamptz '2023-01-01', timestamptz '2023-02-01', interval '1 day') d LEFT JOIN accounts a ON a.created_at >= d AND a.created_at < d + interval '1 day' GROUP BY d ORDER BY d;

WITH first_order AS (SELECT account_id, min(issued_on) AS first FROM invoices GROUP BY account_id), cohort AS (SELECT date_trunc('month', a.created_at)::date AS joined, f.account_id, f.first FROM first_order f JOIN accounts a ON a.id = f.account_id) SELECT joined, count(*) AS buyers, avg(first - joined) AS days_to_order FROM cohort GROUP BY joined ORDER BY joined;

SELECT a.plan, percentile_cont(0.5) WITHIN GROUP (ORDER BY i.amount) AS median, percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY i.amount) AS quartiles, mode() WITHIN GROUP (ORDER BY i.currency) FROM invoices i JOIN accounts a ON a.id = i.account_id GROUP BY a.plan ORDER BY a.plan;

SELECT plan, country, count(*), GROUPING(plan, country) AS level FROM accounts GROUP BY ROLLUP (plan, country) ORDER BY plan NULLS LAST, country NULLS LAST;

SELECT country, status, sum(amount) FROM invoices i JOIN accounts a ON a.id = i.account_id GROUP BY CUBE (country, status) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST;

SELECT tax_id, plan, count(*) FROM accounts GROUP BY GROUPING SETS ((tax_id), (plan), ());

SELECT id, email, CASE WHEN created_at < '2023-06-01' THEN 'early' WHEN plan = 'pro' THEN 'paying' ELSE 'other' END AS segment FROM accounts ORDER BY id;

SELECT CASE WHEN plan = 'free' THEN 'no' ELSE 'yes' END AS paying, count(*) FROM accounts GROUP BY CASE WHEN plan = 'free' THEN 'no' ELSE 'yes' END ORDER BY 1;

SELECT id, CASE WHEN phone IS NULL THEN 'no phone' ELSE 'phone' END AS reachable FROM accounts ORDER BY id;

SELECT id, phone IS NOT NULL AND is_active AS reachable FROM accounts ORDER BY id;

SELECT sum(CASE WHEN tax_id IS NULL THEN 1 ELSE 0 END) AS missing, avg((tax_id IS NULL)::int) AS share FROM accounts;

SELECT count(*) AS total, count(*) FILTER (WHERE tax_id IS NULL) AS missing, round(100.0 * count(*) FILTER (WHERE tax_id IS NULL) / count(*), 1) AS percent FROM accounts;

SELECT count(tax_id)::numeric / count(*) AS filled FROM accounts;

SELECT id, coalesce(phone, email) AS contact FROM accounts ORDER BY id;

SELECT id, coalesce(tax_id, 'none') FROM accounts ORDER BY id;

SELECT id, upper(full_name) AS name, lower(email) AS mail, trim(phone) FROM accounts ORDER BY id;

SELECT id, initcap(plan) || ' in ' || country AS label, email FROM accounts ORDER BY id;

SELECT id, to_char(created_at, 'YYYY-MM') AS month, extract(dow FROM created_at) AS weekday, age(timestamptz '2024-01-01', created_at) AS age, email FROM accounts ORDER BY id;

SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-"W"IW') AS week, count(*) FROM accounts GROUP BY 1 ORDER BY 1;

SELECT width_bucket(amount, 0, 1000, 5) AS bucket, count(*), min(amount), max(amount) FROM invoices JOIN accounts ON accounts.id = account_id GROUP BY 1 ORDER BY 1;

SELECT id, settings ->> 'theme' AS theme, settings -> 'beta' AS beta, email FROM accounts WHERE settings @> '{"beta": true}' ORDER BY id;

SELECT settings ->> 'theme' AS theme, count(*) FROM accounts GROUP BY 1 ORDER BY 1;

SELECT k, count(*) FROM accounts, jsonb_object_keys(settings) AS k GROUP BY k ORDER BY k;

SELECT a.id, a.email, l FROM accounts a, unnest(a.labels) AS l ORDER BY a.id, l;

SELECT l.label, count(*) FROM accounts a CROSS JOIN LATERAL unnest(a.labels) WITH ORDINALITY AS l(label, place) WHERE l.place = 1 GROUP BY l.label ORDER BY l.label;

SELECT id, email FROM accounts WHERE 'l1' = ANY (labels) AND labels && ARRAY['l2', 'l0'] ORDER BY id;

SELECT id, array_length(labels, 1), array_to_string(labels, ', '), email FROM accounts ORDER BY id;

SELECT country, array_agg(id ORDER BY id) AS ids, string_agg(plan, ',' ORDER BY id) AS plans FROM accounts GROUP BY country ORDER BY country;

SELECT country, array_agg(DISTINCT plan) FROM accounts GROUP BY country ORDER BY country;

SELECT t.subject, a.email, e.name FROM tickets t JOIN accounts a ON a.id = t.account_id LEFT JOIN employees e ON e.id = t.employee_id WHERE t.state = 'open' ORDER BY t.opened_at;

SELECT e.department, count(*) AS people, count(t.id) AS tickets FROM employees e LEFT JOIN tickets t ON t.employee_id = e.id GROUP BY e.department ORDER BY 1;

SELECT id, subject, ts_rank(search, q) AS rank FROM tickets, plainto_tsquery('simple', 'thing') q WHERE search @@ q ORDER BY rank DESC, id LIMIT 5;

SELECT t.id, t.details -> 'watchers' -> 0 AS first_watcher, a.email FROM tickets t JOIN accounts a ON a.id = t.account_id WHERE (t.details ->> 'priority')::int >= 2 ORDER BY t.id;

SELECT state, count(*), avg(closed_at - opened_at) AS duration FROM tickets GROUP BY state ORDER BY state;

SELECT a.id, a.email FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM invoices i WHERE i.account_id = a.id AND i.status = 'paid') ORDER BY a.id;

SELECT a.id, a.email FROM accounts a WHERE a.id NOT IN (SELECT account_id FROM tickets WHERE account_id IS NOT NULL) ORDER BY a.id;

SELECT a.id, a.email, (SELECT count(*) FROM invoices i WHERE i.account_id = a.id) AS invoices, (SELECT max(opened_at) FROM tickets t WHERE t.account_id = a.id) AS last_ticket FROM accounts a ORDER BY a.id;

SELECT a.id, r.email AS referrer FROM accounts a LEFT JOIN accounts r ON r.id = a.referrer_id ORDER BY a.id;

SELECT a.email AS email, r.email AS referred_by, a.country = r.country AS same_country FROM accounts a JOIN accounts r ON r.id = a.referrer_id ORDER BY a.id;

SELECT id, email FROM accounts WHERE (country, plan) IN (('SE', 'pro'), ('NO', 'team')) ORDER BY id;

SELECT id, email FROM accounts WHERE created_at BETWEEN '2023-03-01' AND '2023-09-01' AND country LIKE 'S%' ORDER BY id OFFSET 2 ROWS FETCH NEXT 5 ROWS ONLY;

SELECT email FROM accounts WHERE id = 1 UNION ALL SELECT email FROM accounts WHERE id = 2;

SELECT id, 'account' AS kind, created_at AS at FROM accounts UNION ALL SELECT account_id, 'invoice', issued_on FROM invoices ORDER BY at, id, kind LIMIT 20;

SELECT id, email, 'active' AS state FROM accounts WHERE is_active UNION ALL SELECT id, email, 'gone' FROM accounts WHERE NOT is_active ORDER BY id;

SELECT id, email, NULL::text AS note FROM accounts WHERE id < 3 UNION ALL SELECT id, NULL, subject FROM (SELECT 0 AS id, subject FROM tickets LIMIT 1) t;

VALUES (1, 'accounts'), (2, 'invoices');

SELECT v.name, a.id FROM (VALUES ('SE', 'Sweden'), ('NO', 'Norway')) AS v(code, name) JOIN accounts a ON a.country = v.code ORDER BY a.id;

SELECT * FROM v_account_overview WHERE invoices > 2 ORDER BY id;

SELECT plan, sum(invoiced) AS invoiced, count(*) FROM v_account_overview GROUP BY plan ORDER BY plan;

SELECT * FROM v_open_tickets ORDER BY opened_at, id;

SELECT full_name, count(*) FROM v_open_tickets GROUP BY full_name;

SELECT * FROM m_revenue ORDER BY month, currency;

SELECT a.id, net(i.amount), net(gross => i.amount, rate => 0.12) FROM accounts a JOIN invoices i ON i.account_id = a.id ORDER BY i.id LIMIT 5;

SELECT a.plan, count(v.path) AS views, sum(v.seconds) FROM page_views v JOIN accounts a ON a.id = v.account_id WHERE v.at >= '2024-01-15' AND v.at < '2024-02-10' GROUP BY a.plan ORDER BY a.plan;

SELECT a.id, max(v.at) FROM accounts a LEFT JOIN page_views_2024_01 v ON v.account_id = a.id GROUP BY a.id ORDER BY a.id;

WITH funnel AS (SELECT a.id, bool_or(v.path = '/page/1') AS saw, bool_or(i.status = 'paid') AS paid FROM accounts a LEFT JOIN page_views v ON v.account_id = a.id LEFT JOIN invoices i ON i.account_id = a.id GROUP BY a.id) SELECT count(*), count(*) FILTER (WHERE saw), count(*) FILTER (WHERE saw AND paid) FROM funnel;

WITH gaps AS (SELECT account_id, issued_on, issued_on - lag(issued_on) OVER (PARTITION BY account_id ORDER BY issued_on) AS gap FROM invoices), islands AS (SELECT *, sum(CASE WHEN gap > 30 OR gap IS NULL THEN 1 ELSE 0 END) OVER (PARTITION BY account_id ORDER BY issued_on) AS island FROM gaps) SELECT a.email, island, min(issued_on), max(issued_on), count(*) FROM islands JOIN accounts a ON a.id = islands.account_id GROUP BY a.id, island ORDER BY a.id, island;

SELECT a.id, a.email, count(*) FROM accounts a JOIN invoices i ON i.account_id = a.id GROUP BY a.id ORDER BY a.id;

SELECT a.id, a.full_name, sum(i.amount) FROM accounts a JOIN invoices i ON i.account_id = a.id GROUP BY a.id, a.full_name ORDER BY 3 DESC, 1 LIMIT 10;

SELECT a.tax_id, sum(i.amount) AS invoiced, rank() OVER (ORDER BY sum(i.amount) DESC) FROM accounts a JOIN invoices i ON i.account_id = a.id GROUP BY a.tax_id ORDER BY invoiced DESC LIMIT 5;

SELECT regr_slope(amount, extract(epoch FROM issued_on)), corr(amount, id), stddev_samp(amount), variance(amount) FROM invoices WHERE account_id IN (SELECT id FROM accounts WHERE plan = 'pro');

SELECT 'Total' AS country, count(*) FROM accounts UNION ALL (SELECT country, count(*) FROM accounts GROUP BY country ORDER BY country);

SELECT id, email FROM accounts ORDER BY CASE plan WHEN 'pro' THEN 1 WHEN 'team' THEN 2 ELSE 3 END, created_at, id;

SELECT id, email FROM accounts ORDER BY country COLLATE "C", id DESC NULLS LAST;

SELECT id, email FROM accounts ORDER BY random() LIMIT 0;

SELECT id, email, md5(id::text) AS pseudonym, hashtext(country) FROM accounts ORDER BY id;

SELECT id, email::text, tax_id::varchar, full_name::text AS name FROM accounts ORDER BY id;

SELECT id, email, pg_typeof(created_at) FROM accounts ORDER BY id LIMIT 1;

SELECT max(length(plan)), min(created_at), bool_and(is_active), sum(id) FROM accounts;

SELECT a.* FROM accounts a JOIN invoices i ON i.account_id = a.id WHERE i.number = 'INV-00007';

SELECT a.id, a.email, i.* FROM accounts a JOIN invoices i ON i.account_id = a.id WHERE a.id = 3 ORDER BY i.id;

TABLE accounts;

SELECT * FROM accounts NATURAL JOIN (SELECT id FROM invoices WHERE id < 10) x ORDER BY id;

SELECT * FROM accounts TABLESAMPLE BERNOULLI (100) REPEATABLE (1) ORDER BY id;

SELECT count(*) FROM accounts, LATERAL (SELECT count(*) AS n FROM invoices WHERE account_id = accounts.id) x WHERE x.n > 2;

--: needed a NOTICE says what EXPLAIN leaves out
EXPLAIN (COSTS OFF) SELECT country, count(*) FROM invoices JOIN accounts ON accounts.id = account_id GROUP BY country;

SELECT DISTINCT a.id, a.email, a.country FROM accounts a JOIN invoices i ON i.account_id = a.id WHERE i.amount > 500 ORDER BY a.id;

SELECT a.id, a.email, a.full_name, a.balance, count(i.id) AS invoices FROM accounts a LEFT JOIN invoices i ON i.account_id = a.id GROUP BY a.id, a.email, a.full_name, a.balance ORDER BY invoices DESC, a.id;

--: needed a key that not every partition has
SELECT DISTINCT id, shard, secret FROM shards;

--: needed windows compare each column
SELECT id, email, count(*) OVER (PARTITION BY id, email) FROM accounts ORDER BY id;

--: needed a predicate on a value
SELECT id FROM accounts WHERE email LIKE '%@mail1.org';

--: needed an aggregate over a redacted value
SELECT avg(balance) FROM accounts;

--: needed ordering by a value
SELECT id, full_name FROM accounts ORDER BY full_name;

--: needed a part of a value
SELECT id, split_part(email, '@', 2) AS domain FROM accounts ORDER BY id;

--: needed grouping by a redacted value
SELECT balance, count(*) FROM accounts GROUP BY balance;

--: needed comparing with a guess
SELECT id FROM accounts WHERE tax_id = 'TAX1001';

--: needed row estimates come from statistics
EXPLAIN SELECT id, email FROM accounts;

--: since 14
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) CYCLE n SET again USING path SELECT * FROM (SELECT * FROM r, accounts) s ORDER BY id, n LIMIT 5;

--: since 14
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SEARCH DEPTH FIRST BY n SET place SELECT r.*, a.email FROM r JOIN accounts a ON a.id = r.n ORDER BY place;

--: since 14
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SEARCH BREADTH FIRST BY n SET place SELECT s.n, s.number, s.mail FROM (SELECT r.*, a.id, a.email FROM r JOIN accounts a ON a.id = r.n) s (n, number, mail) ORDER BY n;

SELECT v.column1, v.column3, a.email FROM accounts a, LATERAL (VALUES (1, 2, a.plan), (3, 4, 'none')) v ORDER BY a.id, 1 LIMIT 5;

SELECT w.k, a.phone FROM accounts a JOIN (SELECT 1 AS id, 2 AS x) k USING (id), LATERAL (VALUES (k.*, 3), (4, 5, 6)) w (k) ORDER BY 1;
