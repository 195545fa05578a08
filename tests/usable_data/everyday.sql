-- A day of analysts, applications, migrations and tools.

-- By hand: windows, order statistics, grouping, series, pivots.
SELECT id, email, plan, row_number() OVER (PARTITION BY plan ORDER BY created_at DESC, id) AS newest, dense_rank() OVER (ORDER BY plan) AS plan_rank FROM accounts ORDER BY id;

SELECT country, percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM updated_at - created_at)) AS p90, percentile_disc(0.5) WITHIN GROUP (ORDER BY created_at) AS middle FROM accounts GROUP BY country ORDER BY country;

SELECT department, count(*), count(salary) AS known, min(hired_on), max(hired_on) FROM employees GROUP BY ROLLUP (department) ORDER BY department NULLS LAST;

SELECT coalesce(country, 'all') AS country, coalesce(plan, 'all') AS plan, count(*), count(phone) FROM accounts GROUP BY GROUPING SETS ((country, plan), (country), ()) ORDER BY GROUPING(country, plan), 1, 2;

SELECT d.day, coalesce(x.n, 0) AS n FROM generate_series(date '2024-01-01', date '2024-01-14', interval '1 day') AS d(day) LEFT JOIN (SELECT issued_on, count(*) AS n FROM invoices i JOIN accounts a ON a.id = i.account_id WHERE a.is_active GROUP BY issued_on) x ON x.issued_on = d.day::date ORDER BY d.day;

SELECT a.plan, sum(CASE WHEN extract(month FROM i.issued_on) = 1 THEN i.amount ELSE 0 END) AS jan, sum(CASE WHEN extract(month FROM i.issued_on) = 2 THEN i.amount ELSE 0 END) AS feb, sum(i.amount) FILTER (WHERE i.issued_on >= date '2024-03-01') AS later FROM invoices i JOIN accounts a ON a.id = i.account_id GROUP BY a.plan ORDER BY a.plan;

WITH RECURSIVE tree AS (SELECT e.id, e.name, e.salary, e.manager_id, 0 AS level, ARRAY[e.id] AS path FROM employees e WHERE e.manager_id IS NULL UNION ALL SELECT e.id, e.name, e.salary, e.manager_id, t.level + 1, t.path || e.id FROM employees e JOIN tree t ON t.id = e.manager_id) SELECT repeat('  ', level) || name AS name, salary, level, path FROM tree ORDER BY path;

SELECT e.id, e.name, e.salary, m.name AS manager, m.salary AS manager_salary FROM employees e LEFT JOIN employees m ON m.id = e.manager_id ORDER BY e.id;

SELECT p.category, t.name, t.sold FROM (SELECT DISTINCT category FROM products) p CROSS JOIN LATERAL (SELECT q.name, sum(l.quantity) AS sold FROM products q JOIN invoice_lines l ON l.product_id = q.id WHERE q.category = p.category GROUP BY q.id ORDER BY sold DESC, q.id LIMIT 2) t ORDER BY 1, 3 DESC, 2;

SELECT a.id, a.email, l.number, l.amount, l.amount - avg(l.amount) OVER (PARTITION BY a.country) AS above FROM accounts a JOIN LATERAL (SELECT i.number, i.amount FROM invoices i WHERE i.account_id = a.id ORDER BY i.issued_on DESC, i.id LIMIT 1) l ON true ORDER BY a.id;

SELECT subject, ts_headline('simple', subject, to_tsquery('simple', 'thing')) AS hit, a.email FROM tickets t JOIN accounts a ON a.id = t.account_id WHERE to_tsvector('simple', subject) @@ to_tsquery('simple', 'thing & 7') ORDER BY t.opened_at;

SELECT tax_id, count(*) AS accounts, array_agg(id ORDER BY id) AS ids FROM accounts WHERE tax_id IS NOT NULL GROUP BY tax_id HAVING count(*) > 1 ORDER BY min(id);

WITH dup AS (SELECT tax_id, count(*) AS n FROM accounts GROUP BY tax_id) SELECT n, count(*) FROM dup WHERE tax_id IS NOT NULL GROUP BY n ORDER BY n;

WITH payers AS (SELECT tax_id, sum(amount) AS paid FROM payments GROUP BY tax_id) SELECT a.id, a.email, a.tax_id, p.paid FROM accounts a LEFT JOIN payers p ON p.tax_id = a.tax_id ORDER BY a.id;

SELECT a.country, count(DISTINCT p.tax_id) AS payers, round(avg(p.amount), 2) AS average FROM payments p JOIN accounts a USING (tax_id) GROUP BY a.country ORDER BY a.country;

SELECT date_trunc('week', received_at AT TIME ZONE 'UTC')::date AS week, method, count(*), sum(amount), count(card_number) AS cards FROM payments GROUP BY 1, 2 ORDER BY 1, 2;

SELECT method, sum(amount), round(100 * sum(amount) / sum(sum(amount)) OVER (), 2) AS share FROM payments GROUP BY method ORDER BY method;

SELECT a.id, a.email, b.id AS other FROM accounts a JOIN accounts b ON a.tax_id = b.tax_id AND a.id < b.id ORDER BY 1, 3;

SELECT a.id, a.tax_id, p.tax_id AS paid_by FROM accounts a JOIN invoices i ON i.account_id = a.id JOIN payments p ON p.invoice_id = i.id WHERE p.tax_id IS DISTINCT FROM a.tax_id ORDER BY 1;

SELECT a.id FROM accounts a WHERE a.tax_id = ANY (SELECT p.tax_id FROM payments p WHERE p.method = 'bank') ORDER BY a.id;

SELECT count(*) AS all_rows, count(DISTINCT id) AS ids, count(email) AS emails, count(*) FILTER (WHERE phone IS NULL) AS no_phone, min(created_at), max(created_at) FROM accounts;

SELECT t.state, count(*) FILTER (WHERE a.plan = 'pro') AS pro, count(*) FILTER (WHERE a.plan <> 'pro') AS other, avg(EXTRACT(epoch FROM t.closed_at - t.opened_at) / 3600)::numeric(10, 2) AS hours FROM tickets t JOIN accounts a ON a.id = t.account_id GROUP BY t.state ORDER BY t.state;

SELECT width_bucket(extract(epoch FROM created_at), 1672531200, 1700000000, 4) AS bucket, count(*), count(birth_date) FROM accounts GROUP BY 1 ORDER BY 1;

SELECT first.email AS first_account, last.email AS last_account FROM (SELECT email FROM accounts ORDER BY created_at LIMIT 1) first, (SELECT email FROM accounts ORDER BY created_at DESC LIMIT 1) last;

SELECT id, email, CASE plan WHEN 'pro' THEN 3 WHEN 'team' THEN 2 ELSE 1 END AS weight, coalesce(updated_at, created_at) AS seen FROM accounts ORDER BY weight DESC, id;

SELECT id, CASE WHEN email IS NULL AND phone IS NULL THEN 'unreachable' WHEN phone IS NULL THEN 'mail only' ELSE 'both' END AS reach FROM accounts ORDER BY id;

SELECT id, num_nonnulls(phone, tax_id, birth_date) FROM accounts ORDER BY id;

SELECT id, email, age(date '2024-06-01', created_at::date) AS customer_for, date_part('year', created_at) AS since FROM accounts WHERE created_at >= date_trunc('year', timestamptz '2023-06-01') ORDER BY id;

SELECT country, json_object_agg(plan, n ORDER BY plan) FROM (SELECT country, plan, count(*) AS n FROM accounts GROUP BY 1, 2) x GROUP BY country ORDER BY country;

SELECT country, jsonb_agg(jsonb_build_object('id', id, 'plan', plan) ORDER BY id) AS accounts FROM accounts WHERE is_active GROUP BY country ORDER BY country;

SELECT id, birth_date, created_at::date - date '2023-01-01' AS days FROM accounts ORDER BY id;

SELECT (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM invoices WHERE status = 'paid') AS paid, (SELECT sum(amount) FROM payments) AS received;

SELECT lag(id) OVER w AS previous, id, lead(id) OVER w AS next, email FROM accounts WINDOW w AS (PARTITION BY tax_id ORDER BY created_at) ORDER BY id;

SELECT id, email, nth_value(plan, 2) OVER (PARTITION BY country ORDER BY created_at RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM accounts ORDER BY id;

SELECT x.id, x.email FROM (SELECT id, email, created_at, lag(created_at) OVER (ORDER BY created_at) AS before FROM accounts) x WHERE x.created_at - x.before > interval '4 days' ORDER BY x.id;

SELECT id, email, phone FROM accounts WHERE email IS NOT NULL AND phone IS NULL OR birth_date IS NULL ORDER BY id;

SELECT country, avg(cnt) FROM (SELECT a.country, a.id, count(i.id) AS cnt FROM accounts a LEFT JOIN invoices i ON i.account_id = a.id GROUP BY a.country, a.id) x GROUP BY country ORDER BY country;

--: needed a part of an array of values
SELECT plan, (array_agg(email ORDER BY created_at DESC))[1] IS NOT NULL AS some FROM accounts GROUP BY plan ORDER BY plan;

SELECT id, email, string_to_array(plan, 'e'), regexp_replace(plan, 'e', 'E', 'g'), split_part(plan, 'r', 1), lpad(id::text, 6, '0') FROM accounts ORDER BY id;

SELECT id, email FROM accounts WHERE plan ~ '^p' AND country SIMILAR TO '(SE|NO)' AND labels @> ARRAY['l1'] AND settings ? 'theme' ORDER BY id;

SELECT id, email FROM accounts WHERE (id, country) > (10, 'NO') ORDER BY id, country LIMIT 10;

SELECT a.id, a.email, i.id FROM accounts a FULL JOIN invoices i ON i.account_id = a.id WHERE a.id IS NULL OR i.id IS NULL ORDER BY 1, 3;

SELECT id, tax_id, dense_rank() OVER (PARTITION BY tax_id ORDER BY id) FROM accounts ORDER BY id;

SELECT c.city, count(*) AS n, count(c.email) AS mails, count(DISTINCT c.ssn) AS people FROM customers c GROUP BY c.city ORDER BY n DESC, c.city;

SELECT c.id, c.name, c.email, c.ssn, c.home, c.vip, c.city, sum(o.amount) AS total FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id;

SELECT s.id, c.id FROM staff s JOIN customers c ON c.ssn = s.ssn ORDER BY 1, 2;

SELECT * FROM v_account_overview ORDER BY invoiced DESC, id LIMIT 5;

SELECT month, currency, revenue, revenue / nullif(lag(revenue) OVER (PARTITION BY currency ORDER BY month), 0) AS growth FROM m_revenue ORDER BY currency, month;

SELECT id, email, amount FROM (SELECT a.id, a.email, sum(i.amount) AS amount, ntile(10) OVER (ORDER BY sum(i.amount) DESC, a.id) AS tenth FROM accounts a JOIN invoices i ON i.account_id = a.id GROUP BY a.id) x WHERE tenth = 1 ORDER BY amount DESC;

WITH x AS MATERIALIZED (SELECT id, email, country FROM accounts), y AS NOT MATERIALIZED (SELECT account_id, count(*) AS n FROM invoices GROUP BY 1) SELECT x.*, y.n FROM x LEFT JOIN y ON y.account_id = x.id ORDER BY x.id;

-- BI: Metabase, Superset, Tableau, Power BI, Looker, Grafana.
SELECT "public"."accounts"."id" AS "id", "public"."accounts"."email" AS "email", "public"."accounts"."full_name" AS "full_name", "public"."accounts"."phone" AS "phone", "public"."accounts"."tax_id" AS "tax_id", "public"."accounts"."balance" AS "balance", "public"."accounts"."birth_date" AS "birth_date", "public"."accounts"."country" AS "country" FROM "public"."accounts" ORDER BY "public"."accounts"."id" ASC LIMIT 2000;

SELECT "source"."country" AS "country", "source"."created_at" AS "created_at", "source"."count" AS "count" FROM (SELECT "public"."accounts"."country" AS "country", CAST(DATE_TRUNC('month', "public"."accounts"."created_at") AS date) AS "created_at", COUNT(*) AS "count" FROM "public"."accounts" GROUP BY "public"."accounts"."country", CAST(DATE_TRUNC('month', "public"."accounts"."created_at") AS date) ORDER BY "public"."accounts"."country" ASC, CAST(DATE_TRUNC('month', "public"."accounts"."created_at") AS date) ASC) AS "source" WHERE "source"."count" > 1 ORDER BY 1, 2 LIMIT 1048575;

SELECT "public"."invoices"."id" AS "id", "public"."invoices"."amount" AS "amount", "Accounts"."email" AS "Accounts__email", "Accounts"."country" AS "Accounts__country" FROM "public"."invoices" LEFT JOIN "public"."accounts" AS "Accounts" ON "public"."invoices"."account_id" = "Accounts"."id" WHERE ("Accounts"."country" = 'SE') AND ("public"."invoices"."issued_on" >= DATE_TRUNC('quarter', CAST('2024-02-01' AS date))) ORDER BY 1 LIMIT 2000;

SELECT COUNT(distinct "public"."accounts"."country") AS "distinct", SUM(CASE WHEN "public"."accounts"."is_active" = TRUE THEN 1 ELSE 0.0 END) AS "CountWhere", SUM(CASE WHEN "public"."accounts"."phone" IS NOT NULL THEN 1 ELSE 0.0 END) / COUNT(*) AS "Share" FROM "public"."accounts";

SELECT FLOOR(("public"."invoices"."amount" / 100.0)) * 100.0 AS "amount", COUNT(*) AS "count" FROM "public"."invoices" LEFT JOIN "public"."accounts" "A" ON "public"."invoices"."account_id" = "A"."id" WHERE "A"."is_active" = TRUE GROUP BY FLOOR(("public"."invoices"."amount" / 100.0)) * 100.0 ORDER BY 1;

SELECT country AS country, COUNT(*) AS count FROM (SELECT * FROM accounts) AS virtual_table GROUP BY country ORDER BY count DESC, country LIMIT 10000;

SELECT DATE_TRUNC('day', issued_on) AS __timestamp, status AS status, sum(amount) AS "SUM(amount)" FROM public.invoices JOIN (SELECT status AS status__, sum(amount) AS mme_inner__ FROM public.invoices WHERE issued_on >= TO_DATE('2024-01-01', 'YYYY-MM-DD') GROUP BY status ORDER BY mme_inner__ DESC LIMIT 5) AS series_limit ON status = status__ GROUP BY DATE_TRUNC('day', issued_on), status ORDER BY 1, 2 LIMIT 10000;

SELECT id AS id, email AS email, phone AS phone FROM public.accounts WHERE created_at >= TO_TIMESTAMP('2023-02-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND created_at < TO_TIMESTAMP('2023-03-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') ORDER BY id LIMIT 1000 OFFSET 0;

SELECT "accounts"."country" AS "country", SUM("t0"."__measure__0") AS "sum:amount:ok" FROM "public"."accounts" "accounts" INNER JOIN (SELECT "invoices"."account_id" AS "account_id", SUM("invoices"."amount") AS "__measure__0" FROM "public"."invoices" "invoices" GROUP BY 1) "t0" ON ("accounts"."id" = "t0"."account_id") GROUP BY 1 ORDER BY 1;

SELECT CAST("accounts"."country" AS TEXT) AS "country", ((CAST((CAST("accounts"."created_at" AS TIMESTAMP)) AS DATE) + ((-EXTRACT(DOW FROM "accounts"."created_at") * INTERVAL '1 DAY')))) AS "twk:created_at:ok", COUNT("accounts"."id") AS "cnt:id:ok" FROM "public"."accounts" "accounts" WHERE ((CAST("accounts"."country" AS TEXT) IN ('NO', 'SE')) AND ("accounts"."plan" >= 'free')) GROUP BY 1, 2 ORDER BY 1, 2;

SELECT CAST("accounts"."email" AS TEXT) AS "email", CAST("accounts"."phone" AS TEXT) AS "phone", "accounts"."id" AS "id", "accounts"."balance" AS "balance" FROM "public"."accounts" "accounts" ORDER BY "id" LIMIT 100;

BEGIN;
DECLARE "SQL_CUR0x5581" CURSOR WITH HOLD FOR SELECT "accounts"."id" AS "id", "accounts"."email" AS "email" FROM "public"."accounts" "accounts" ORDER BY 1;
FETCH 10 IN "SQL_CUR0x5581";
CLOSE "SQL_CUR0x5581";

SELECT SUM(1) AS "cnt:rows:ok", MIN("accounts"."created_at") AS "min", MAX("accounts"."created_at") AS "max" FROM "public"."accounts" "accounts" HAVING (COUNT(1) > 0);

select "$Table"."id" as "id", "$Table"."email" as "email", "$Table"."full_name" as "full_name", "$Table"."country" as "country" from "public"."accounts" "$Table" order by "$Table"."id" limit 1000;

select "rows"."country" as "country", count(*) as "a0", sum("rows"."id") as "a1" from (select "_"."id", "_"."country" from "public"."accounts" "_" where "_"."plan" = 'pro' and "_"."plan" is not null) "rows" group by "country" order by 1 limit 1000001;

select "$Outer"."id" as "id", "$Outer"."email" as "email", "$Inner"."amount" as "amount" from "public"."accounts" as "$Outer" left outer join "public"."invoices" as "$Inner" on ("$Outer"."id" = "$Inner"."account_id") order by 1, 3 limit 4096;

SELECT accounts.country AS "accounts.country", COUNT(DISTINCT accounts.id) AS "accounts.count", COALESCE(SUM(invoices.amount), 0) AS "invoices.total" FROM public.invoices AS invoices LEFT JOIN public.accounts AS accounts ON invoices.account_id = accounts.id WHERE (( invoices.issued_on ) >= ((SELECT (DATE_TRUNC('month', DATE '2024-03-10') + (-1 || ' month')::INTERVAL))) ) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 500;

WITH "accounts_facts" AS (SELECT account_id, MIN(issued_on) AS first_on, COUNT(*) AS lifetime FROM public.invoices GROUP BY 1) SELECT (DATE(accounts_facts.first_on )) AS "facts.first_date", accounts.email AS "accounts.email", accounts_facts.lifetime AS "facts.lifetime" FROM public.accounts AS accounts LEFT JOIN "accounts_facts" ON accounts.id = accounts_facts.account_id ORDER BY accounts.id FETCH NEXT 500 ROWS ONLY;

SELECT "$__x"."time" AS "time", "$__x".metric, "$__x".value FROM (SELECT floor(extract(epoch from opened_at)/3600)*3600 AS "time", state::text AS metric, count(*) AS value FROM tickets GROUP BY 1, 2) "$__x" ORDER BY 1, 2;

SELECT floor(extract(epoch from opened_at)/3600)*3600 AS "time", state::text AS metric, count(*) AS value FROM tickets JOIN accounts ON accounts.id = account_id WHERE opened_at BETWEEN '2024-01-01T00:00:00Z' AND '2024-01-20T00:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2;

SELECT DISTINCT country AS __text, country AS __value FROM accounts ORDER BY 1;

-- ORMs.
SELECT "accounts"."id", "accounts"."email", "accounts"."full_name", "accounts"."phone", "accounts"."tax_id" FROM "accounts" WHERE "accounts"."id" IN (SELECT DISTINCT V0."account_id" FROM "invoices" V0 WHERE V0."status" = 'sent') AND "accounts"."email" IS NOT NULL ORDER BY "accounts"."id" DESC LIMIT 20 OFFSET 20;

SELECT "accounts"."id", "accounts"."email", EXISTS(SELECT 1 AS "a" FROM "tickets" U0 WHERE (U0."account_id" = ("accounts"."id") AND U0."state" = 'open') LIMIT 1) AS "has_open", COALESCE(SUM("invoices"."amount"), 0) AS "total" FROM "accounts" LEFT OUTER JOIN "invoices" ON ("accounts"."id" = "invoices"."account_id") GROUP BY "accounts"."id", 3 HAVING COALESCE(SUM("invoices"."amount"), 0) > 10 ORDER BY "accounts"."id" ASC;

SELECT "accounts"."id", "accounts"."email", "accounts"."country" FROM "accounts" WHERE "accounts"."id" = 3 LIMIT 21 FOR UPDATE;

SELECT "accounts"."id", "accounts"."tax_id" FROM "accounts" INNER JOIN "payments" ON ("accounts"."tax_id" = "payments"."tax_id") WHERE UPPER("payments"."method"::text) = UPPER('CARD') ORDER BY 1;

SELECT COUNT(*) FROM (SELECT "accounts"."id" AS "col1", COUNT("invoices"."id") AS "n" FROM "accounts" LEFT OUTER JOIN "invoices" ON ("accounts"."id" = "invoices"."account_id") GROUP BY 1 HAVING COUNT("invoices"."id") > 2) subquery;

UPDATE "accounts" SET "plan" = 'team', "settings" = '{"theme": "light"}'::jsonb, "phone" = NULL WHERE "accounts"."id" = 4;

INSERT INTO "customers" ("id", "name", "email", "ssn", "phone", "salary", "city") VALUES (9001, NULL, NULL, NULL, NULL, DEFAULT, 'Oslo'), (9002, NULL, NULL, NULL, NULL, DEFAULT, 'Rome') ON CONFLICT DO NOTHING RETURNING "customers"."id";

INSERT INTO "payments" ("invoice_id", "method", "card_number", "tax_id", "amount", "received_at") VALUES (3, 'bank', NULL, NULL, 12.5, '2024-06-01 10:00:00+00:00'::timestamptz), (6, 'bank', NULL, NULL, 13.5, '2024-06-01 10:00:00+00:00'::timestamptz) RETURNING "payments"."method";

INSERT INTO "payments" ("invoice_id", "method", "tax_id", "amount", "received_at") SELECT * FROM UNNEST(('{3,6}')::bigint[], ('{bank,bank}')::text[], (ARRAY[NULL, NULL])::text[], ('{1.5,2.5}')::numeric(12, 2)[], (ARRAY['2024-06-01 10:00+00', '2024-06-01 10:00+00'])::timestamptz[]) RETURNING "payments"."method";

INSERT INTO "payments" ("invoice_id", "method", "amount", "received_at") SELECT * FROM UNNEST(('{3,6}')::bigint[], ('{bank,bank}')::text[], ('{1.5,2.5}')::numeric(12, 2)[], (ARRAY['2024-06-01 10:00+00', '2024-06-01 10:00+00'])::timestamptz[]) RETURNING "payments"."method";

INSERT INTO payments (invoice_id, method, card_number, tax_id, amount, received_at) SELECT p0::BIGINT, p1::VARCHAR, p2::VARCHAR, p3::VARCHAR, p4::NUMERIC, p5::TIMESTAMP WITH TIME ZONE FROM (VALUES (3, 'bank', NULL, NULL, 1.5, '2024-06-01', 0), (6, 'bank', NULL, NULL, 2.5, '2024-06-01', 1)) AS imp_sen(p0, p1, p2, p3, p4, p5, sen_counter) ORDER BY sen_counter RETURNING payments.method, payments.method AS method__1;

INSERT INTO employees (id, name, department, salary, hired_on) SELECT p0::INTEGER, p1::VARCHAR, p2::VARCHAR, p3::NUMERIC(10, 2), p4::DATE FROM (VALUES (201, 'A', 'sales', NULL::NUMERIC, '2024-06-01', 0), (202, 'B', 'sales', NULL, '2024-06-01', 1)) AS imp_sen(p0, p1, p2, p3, p4, sen_counter) ORDER BY sen_counter RETURNING employees.id, employees.id AS id__1;

INSERT INTO employees (id, name, department, hired_on) SELECT id, 'Copy of ' || name, department, hired_on FROM (SELECT id + 1000 AS id, name, department, hired_on FROM employees) e RETURNING id;

WITH src (id, plan) AS (VALUES (1, 'pro'), (2, 'team')) UPDATE accounts SET plan = src.plan FROM src WHERE accounts.id = src.id RETURNING accounts.id, accounts.email, accounts.plan;

UPDATE accounts SET plan = data.plan FROM (SELECT unnest(ARRAY[1, 2]) AS id, unnest(ARRAY['pro', 'team']) AS plan) AS data WHERE accounts.id = data.id;

UPDATE "accounts" AS "a" SET "plan" = "v"."plan" FROM (VALUES (1, 'pro'), (2, 'team')) AS "v" ("id", "plan") WHERE "v"."id" = "a"."id" RETURNING "a".*;

SELECT accounts.id, accounts.email, accounts.full_name, accounts.country, anon_1.n FROM accounts LEFT OUTER JOIN (SELECT tickets.account_id AS account_id, count(*) AS n FROM tickets WHERE tickets.state = 'open' GROUP BY tickets.account_id) AS anon_1 ON accounts.id = anon_1.account_id WHERE anon_1.n IS NULL ORDER BY accounts.id;

SELECT invoices.account_id AS invoices_account_id, invoices.id AS invoices_id, invoices.number AS invoices_number FROM invoices WHERE invoices.account_id IN (1, 2, 3) ORDER BY invoices.id;

SELECT accounts_1.id AS accounts_1_id, accounts_1.email AS accounts_1_email, tickets.id AS tickets_id, tickets.subject AS tickets_subject FROM tickets LEFT OUTER JOIN accounts AS accounts_1 ON accounts_1.id = tickets.account_id WHERE tickets.subject ILIKE '%thing 1%' ORDER BY tickets.opened_at;

select a1_0.id, a1_0.balance, a1_0.birth_date, a1_0.country, a1_0.email, a1_0.full_name, a1_0.phone, a1_0.plan, a1_0.tax_id from accounts a1_0 where a1_0.id in (1, 2, 3) order by a1_0.id;

select count(a1_0.id) from accounts a1_0 where a1_0.country = 'SE' and (a1_0.plan like 'p%' escape '');

update accounts set plan='pro', settings='{}', updated_at='2024-06-01 00:00:00+00' where id=5;

insert into tickets (account_id, details, employee_id, opened_at, state, subject, id) values (3, '{}', null, '2024-06-01 00:00:00', 'open', 'New', '22222222-2222-2222-2222-222222222222');

select nextval('invoices_id_seq') is not null;

SELECT "accounts".* FROM "accounts" WHERE "accounts"."plan" = 'pro' AND ("accounts"."created_at" > '2023-02-01' OR "accounts"."phone" IS NULL) ORDER BY "accounts"."id" ASC LIMIT 1 OFFSET 2;

SELECT "accounts"."id", "accounts"."email" FROM "accounts" WHERE "accounts"."id" > 10 ORDER BY "accounts"."id" ASC LIMIT 1000;

SELECT SUM("invoices"."amount") FROM "invoices" INNER JOIN "accounts" ON "accounts"."id" = "invoices"."account_id" WHERE "accounts"."is_active" = TRUE;

SELECT DISTINCT "accounts"."country" FROM "accounts" INNER JOIN "invoices" ON "invoices"."account_id" = "accounts"."id" ORDER BY "accounts"."country" ASC;

INSERT INTO "customers" ("id", "email", "city", "status") VALUES (1, NULL, 'Oslo', 'kept'), (9003, NULL, 'Rome', 'new') ON CONFLICT ("id") DO UPDATE SET "city" = CASE WHEN ("customers"."city" IS NOT DISTINCT FROM excluded."city") THEN "customers"."city" ELSE excluded."city" END, "status" = excluded."status" RETURNING "id", "email";

INSERT INTO "products" ("id", "sku", "name", "category", "price") VALUES (1, 'SKU-0001', 'x', 'book', 1), (300, 'SKU-0300', 'y', 'book', 2) ON CONFLICT ("id") DO UPDATE SET "name" = EXCLUDED."name", "price" = EXCLUDED."price" RETURNING "products"."id", (xmax = 0) AS inserted;

INSERT INTO "invoices" ("account_id", "number", "amount", "issued_on") SELECT "accounts"."id", 'BULK-' || "accounts"."id", 10, '2024-06-01' FROM "accounts" WHERE "accounts"."plan" = 'pro' ON CONFLICT ("number") DO NOTHING RETURNING "account_id";

SELECT "public"."accounts"."id", "public"."accounts"."email", "public"."accounts"."country", COALESCE("aggr_selection_0_invoices"."_aggr_count_invoices", 0) AS "_aggr_count_invoices" FROM "public"."accounts" LEFT JOIN (SELECT "public"."invoices"."account_id", COUNT(*) AS "_aggr_count_invoices" FROM "public"."invoices" WHERE 1=1 GROUP BY "public"."invoices"."account_id") AS "aggr_selection_0_invoices" ON ("public"."accounts"."id" = "aggr_selection_0_invoices"."account_id") WHERE 1=1 ORDER BY "public"."accounts"."id" ASC LIMIT 5 OFFSET 0;

SELECT "t1"."id", "t1"."email", "t1"."country", "accounts_invoices"."__prisma_data__" AS "invoices" FROM "public"."accounts" AS "t1" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t3"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('id', "t2"."id", 'number', "t2"."number") AS "__prisma_data__" FROM (SELECT "t2".* FROM "public"."invoices" AS "t2" WHERE "t1"."id" = "t2"."account_id" /* root select */) AS "t2" /* inner select */) AS "t3" /* middle select */) AS "t4" /* outer select */) AS "accounts_invoices" ON TRUE ORDER BY "t1"."id" LIMIT 3;

SELECT COUNT(*) AS "_count._all", COUNT("email") AS "_count.email", MIN("created_at") AS "_min.created_at" FROM (SELECT "public"."accounts"."id", "public"."accounts"."email", "public"."accounts"."created_at" FROM "public"."accounts" WHERE 1=1 ORDER BY "public"."accounts"."id" ASC OFFSET 0) AS "sub";

UPDATE "public"."accounts" SET "plan" = 'pro', "updated_at" = '2024-06-01' WHERE ("public"."accounts"."id" = 3 AND 1=1) RETURNING "public"."accounts"."id", "public"."accounts"."email", "public"."accounts"."full_name", "public"."accounts"."phone", "public"."accounts"."tax_id", "public"."accounts"."plan";

select "public"."accounts"."id", "public"."accounts"."email", multiset."v0" from "public"."accounts" left outer join lateral (select coalesce(json_agg(json_build_array("v0", "v1")), json_build_array()) as "v0" from (select "alias_1"."id" as "v0", "alias_1"."number" as "v1" from "public"."invoices" as "alias_1" where "alias_1"."account_id" = "public"."accounts"."id" order by 1) as "t") as multiset on true order by 1 limit 4;

-- name: GetAccount :one
SELECT id, email, full_name, country FROM accounts WHERE id = 1 LIMIT 1;

-- name: ListAccountsByIDs :many
SELECT id, email, tax_id FROM accounts WHERE id = ANY('{1,2,3}'::bigint[]) ORDER BY id;

SELECT sqlc.id, sqlc.email, sqlc.country FROM accounts AS sqlc WHERE (CASE WHEN 'SE' <> '' THEN sqlc.country = 'SE' ELSE true END) AND ('pro'::text IS NULL OR sqlc.plan = 'pro') ORDER BY sqlc.id;

-- dbt, pandas, Airflow.
create temporary table "fct_accounts__dbt_tmp" as (select id, country, plan, is_active, created_at, updated_at from public.accounts where created_at > '2023-03-01');
create table public.fct_accounts as (select * from "fct_accounts__dbt_tmp");
delete from public.fct_accounts using "fct_accounts__dbt_tmp" where ("fct_accounts__dbt_tmp".id = public.fct_accounts.id);
insert into public.fct_accounts ("id", "country", "plan", "is_active", "created_at", "updated_at") (select "id", "country", "plan", "is_active", "created_at", "updated_at" from "fct_accounts__dbt_tmp");
select max(created_at) from public.fct_accounts;
create index if not exists "fct_accounts_country" on public.fct_accounts using btree (country);
analyze public.fct_accounts;
alter table public.fct_accounts rename to fct_accounts__dbt_backup;
drop table if exists public.fct_accounts__dbt_backup cascade;

create table public.snap_invoices as (select *, md5(coalesce(cast(id as varchar), '') || '|' || coalesce(cast(issued_on as varchar), '')) as dbt_scd_id, paid_at as dbt_updated_at, paid_at as dbt_valid_from, nullif(paid_at, paid_at) as dbt_valid_to from (select * from public.invoices) sbq);
update public.snap_invoices set dbt_valid_to = now() from public.invoices as i where i.id = snap_invoices.id and i.status <> snap_invoices.status and snap_invoices.dbt_valid_to is null;
insert into public.snap_invoices select i.*, md5(i.id::text), now(), now(), null from public.invoices i where i.account_id = 3;

--: varies
create table public.seed_countries ("code" text, "name" text);
insert into public.seed_countries ("code", "name") values ('SE', 'Sweden'), ('NO', 'Norway');
create index on public.seed_countries (code);
comment on table public.seed_countries is $dbt_comment_literal_block$codes$dbt_comment_literal_block$;
select s.name, count(*), count(a.email) from public.accounts a left join public.seed_countries s on s.code = a.country group by 1 order by 1;

select count(*) as failures, count(*) != 0 as should_warn, count(*) != 0 as should_error from (with validation_errors as (select country, plan from public.accounts group by country, plan having count(*) > 100) select * from validation_errors) dbt_internal_test;

select count(*) as failures from (select * from public.accounts where phone is null and not (is_active is not null)) dbt_internal_test;

with left_table as (select tax_id as id from public.payments where tax_id is not null), right_table as (select tax_id as id from public.accounts where tax_id is not null), exceptions as (select left_table.id, right_table.id as right_id from left_table left join right_table on left_table.id = right_table.id where right_table.id is null) select count(*) from exceptions;

with a as (select tax_id from public.accounts), b as (select tax_id from public.payments), a_minus_b as (select * from a except select * from b) select count(*) from a_minus_b;

--: since 15
merge into daily_totals as t using (select issued_on, count(*) as n, sum(amount) as s from invoices group by issued_on) as src on src.issued_on = t.day when matched then update set orders = src.n, revenue = src.s when not matched then insert (day, orders, revenue) values (src.issued_on, src.n, src.s);

SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = 'frame' AND pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog';
CREATE TABLE frame (index BIGINT, country TEXT, n BIGINT);
CREATE INDEX ix_frame_index ON frame (index);
INSERT INTO frame (index, country, n) VALUES (0, 'SE', 3), (1, 'NO', 4);
SELECT frame.index, frame.country, frame.n FROM frame;
SELECT f.country, f.n, count(a.id) FROM frame f JOIN public.accounts a ON a.country = f.country GROUP BY 1, 2 ORDER BY 1;
DROP TABLE frame;

SELECT COUNT(*), MIN(id), MAX(id) FROM accounts WHERE updated_at >= '2024-01-01T00:00:00+00:00' AND updated_at < '2024-01-02T00:00:00+00:00';

CREATE TEMP TABLE active ON COMMIT DROP AS SELECT id, country, plan FROM accounts WHERE is_active;
CREATE INDEX ON active (id);
ANALYZE active;
SELECT a.country, count(*), sum(i.amount) FROM active a JOIN invoices i ON i.account_id = a.id GROUP BY 1 ORDER BY 1;
UPDATE invoices SET status = 'void' FROM active WHERE active.id = invoices.account_id AND active.plan = 'free' AND invoices.status = 'draft';
DELETE FROM active WHERE plan = 'free';
SELECT acc.id, acc.email, acc.tax_id FROM accounts acc JOIN active USING (id) ORDER BY acc.id;

CREATE TEMPORARY TABLE numbers (id bigint PRIMARY KEY, label text DEFAULT 'x');
INSERT INTO numbers (id) SELECT id FROM accounts WHERE country = 'SE';
ALTER TABLE numbers ADD COLUMN total numeric;
UPDATE numbers SET total = (SELECT sum(amount) FROM invoices WHERE account_id = numbers.id);
SELECT n.id, n.total, a.email, a.phone FROM numbers n JOIN public.accounts a ON a.id = n.id ORDER BY n.id;
TRUNCATE numbers;
DROP TABLE numbers;

SELECT id, country INTO TEMP chosen FROM accounts WHERE plan = 'pro';
SELECT count(*) FROM chosen;

-- Transactions, cursors, prepared statements, settings.
SAVEPOINT sa_savepoint_1;
UPDATE accounts SET plan = 'pro' WHERE id = 3;
RELEASE SAVEPOINT sa_savepoint_1;
SAVEPOINT "s1";
SELECT id, email FROM accounts WHERE id = 3;
ROLLBACK TO SAVEPOINT "s1";
SELECT plan, phone FROM accounts WHERE id = 3;

DECLARE "c_named" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT id, email, tax_id FROM accounts ORDER BY id;
FETCH FORWARD 5 FROM "c_named";
FETCH FORWARD ALL FROM "c_named";
CLOSE "c_named";

DECLARE scroller SCROLL CURSOR FOR SELECT id, email FROM accounts ORDER BY id;
FETCH LAST FROM scroller;
FETCH ABSOLUTE 3 FROM scroller;
MOVE BACKWARD 1 FROM scroller;
FETCH NEXT FROM scroller;
CLOSE ALL;

PREPARE by_country (text) AS SELECT id, email, phone FROM accounts WHERE country = $1 ORDER BY id;
EXECUTE by_country('SE');
EXECUTE by_country('NO');
DEALLOCATE by_country;

PREPARE upd (bigint, text) AS UPDATE accounts SET plan = $2 WHERE id = $1 RETURNING id, email, plan;
EXECUTE upd(3, 'pro');
DEALLOCATE ALL;

SELECT pg_advisory_xact_lock(4711);
SELECT pg_try_advisory_lock(2021, 12);
SELECT pg_advisory_unlock(2021, 12);
INSERT INTO daily_totals (day, orders) VALUES ('2024-07-01', 1);

SELECT pg_try_advisory_xact_lock(hashtext('accounts')), count(*) FROM accounts;

LISTEN account_changes;
NOTIFY account_changes, 'nightly';
SELECT pg_notify('account_changes', '{"table": "accounts"}');
UNLISTEN account_changes;

SET LOCAL statement_timeout = '30s';
SET LOCAL lock_timeout TO '5s';
SET LOCAL work_mem = '64MB';
SET LOCAL search_path TO public, crm;
SHOW search_path;
SHOW statement_timeout;
SELECT current_setting('TimeZone'), current_setting('server_version_num')::int > 100000, set_config('app.user', 'ana', true);
SELECT id, email, tax_id FROM public.accounts ORDER BY id LIMIT 3;

SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
SET TIME ZONE 'UTC';
SET DateStyle = 'ISO';
SET standard_conforming_strings = on;
SET client_min_messages = warning;
SELECT id, email, birth_date, created_at FROM accounts ORDER BY id LIMIT 2;
RESET client_min_messages;
RESET ALL;

SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET CONSTRAINTS ALL DEFERRED;
LOCK TABLE daily_totals IN SHARE ROW EXCLUSIVE MODE;
SELECT count(*) FROM accounts;

--: alone
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT country, count(*) FROM accounts GROUP BY country ORDER BY country;
COMMIT;

LOCK TABLE accounts IN ACCESS SHARE MODE;
SELECT id, email FROM accounts WHERE id < 4 ORDER BY id FOR SHARE;
SELECT id, email FROM accounts WHERE id < 4 ORDER BY id FOR NO KEY UPDATE OF accounts NOWAIT;

COPY (SELECT id, country, plan FROM accounts ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER);
COPY products (id, sku, name) TO STDOUT;
COPY (SELECT a.id, a.country, count(i.id) FROM accounts a LEFT JOIN invoices i ON i.account_id = a.id GROUP BY a.id ORDER BY a.id) TO STDOUT WITH CSV DELIMITER ';';

-- Migrations: Flyway, Alembic, Rails, Django, Liquibase.
CREATE TABLE IF NOT EXISTS "public"."flyway_schema_history" ("installed_rank" INT NOT NULL, "version" VARCHAR(50), "description" VARCHAR(200) NOT NULL, "type" VARCHAR(20) NOT NULL, "script" VARCHAR(1000) NOT NULL, "checksum" INTEGER, "installed_by" VARCHAR(100) NOT NULL, "installed_on" TIMESTAMP NOT NULL DEFAULT now(), "execution_time" INTEGER NOT NULL, "success" BOOLEAN NOT NULL);
ALTER TABLE "public"."flyway_schema_history" ADD CONSTRAINT "flyway_schema_history_pk" PRIMARY KEY ("installed_rank");
CREATE INDEX "flyway_schema_history_s_idx" ON "public"."flyway_schema_history" ("success");
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relname = 'flyway_schema_history' AND c.relkind = 'r');
INSERT INTO "public"."flyway_schema_history" ("installed_rank", "version", "description", "type", "script", "checksum", "installed_by", "execution_time", "success") VALUES (1, '1', 'init', 'SQL', 'V1__init.sql', 42, 'ana', 5, true);
SELECT "installed_rank","version","description","type","script","checksum","installed_by","execution_time","success" FROM "public"."flyway_schema_history" WHERE "installed_rank" > -1 ORDER BY "installed_rank";
LOCK TABLE "public"."flyway_schema_history" IN SHARE UPDATE EXCLUSIVE MODE;

CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version (version_num) VALUES ('a1b2c3') RETURNING alembic_version.version_num;
SELECT alembic_version.version_num FROM alembic_version;
UPDATE alembic_version SET version_num='d4e5f6' WHERE alembic_version.version_num = 'a1b2c3';

CREATE TABLE "schema_migrations" ("version" character varying NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" ("key" character varying NOT NULL PRIMARY KEY, "value" character varying, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL);
SELECT pg_try_advisory_lock(3863912480487893190);
SELECT "schema_migrations"."version" FROM "schema_migrations" ORDER BY "schema_migrations"."version" ASC;
INSERT INTO "schema_migrations" ("version") VALUES ('20240601000000') RETURNING "version";
SELECT pg_advisory_unlock(3863912480487893190);
SHOW max_identifier_length;

CREATE TABLE "django_migrations" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" timestamp with time zone NOT NULL);
SELECT "django_migrations"."id", "django_migrations"."app" FROM "django_migrations";
CREATE TABLE "shop_review" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "stars" smallint NOT NULL CHECK ("stars" >= 0), "body" text NOT NULL, "product_id" integer NOT NULL);
ALTER TABLE "shop_review" ADD CONSTRAINT "shop_review_product_id_fk" FOREIGN KEY ("product_id") REFERENCES "products" ("id") DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX "shop_review_product_id" ON "shop_review" ("product_id");
ALTER TABLE "shop_review" ADD COLUMN "title" varchar(100) DEFAULT '' NOT NULL;
ALTER TABLE "shop_review" ALTER COLUMN "title" DROP DEFAULT;
ALTER TABLE "shop_review" RENAME COLUMN "body" TO "content";
ALTER TABLE "shop_review" ALTER COLUMN "title" TYPE text USING "title"::text;
CREATE UNIQUE INDEX "shop_review_one" ON "shop_review" ("product_id", "title") WHERE "stars" > 3;
DROP TABLE "shop_review" CASCADE;

CREATE TABLE public.databasechangeloglock (ID INTEGER NOT NULL, LOCKED BOOLEAN NOT NULL, LOCKGRANTED TIMESTAMP WITHOUT TIME ZONE, LOCKEDBY VARCHAR(255), CONSTRAINT databasechangeloglock_pkey PRIMARY KEY (ID));
DELETE FROM public.databasechangeloglock;
INSERT INTO public.databasechangeloglock (ID, LOCKED) VALUES (1, FALSE);
UPDATE public.databasechangeloglock SET LOCKED = TRUE, LOCKEDBY = 'host', LOCKGRANTED = NOW() WHERE ID = 1 AND LOCKED = FALSE;
SELECT LOCKED FROM public.databasechangeloglock WHERE ID=1;

CREATE SCHEMA staging;
CREATE TABLE staging.events_raw (id bigserial, body jsonb, at timestamptz DEFAULT now());
CREATE TYPE staging.mood AS ENUM ('good', 'bad');
ALTER TYPE staging.mood ADD VALUE 'neutral';
CREATE SEQUENCE staging.s START 10;
CREATE VIEW staging.recent AS SELECT id, at FROM staging.events_raw WHERE at > '2024-01-01';
CREATE OR REPLACE FUNCTION staging.double(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * x';
SELECT staging.double(4), nextval('staging.s');
DROP SCHEMA staging CASCADE;

-- Catalogs: psql, DBeaver, DataGrip, pgAdmin, JDBC, pg_dump.
SELECT c.relname, c.relkind, pg_catalog.pg_get_userbyid(c.relowner) AS owner, pg_catalog.obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'v', 'm', 'p') ORDER BY 1;

SELECT a.attnum, a.attname, a.atttypid::regtype, a.atttypmod, a.attnotnull, a.atthasdef, a.attacl, a.attoptions, a.attfdwoptions FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'public.accounts'::regclass AND a.attnum > 0 ORDER BY a.attnum;

select T.oid as table_id, relnamespace as schema_id, relname as table_name, relkind as kind, translate(relacl::text, ',', E'\n') as acl, pg_catalog.pg_get_expr(T.relpartbound, T.oid) as partition_expression from pg_catalog.pg_class T where relnamespace = 'public'::regnamespace and relkind in ('r', 'm', 'v', 'p', 'f') order by table_id;

with T as (select T.oid as table_id, T.relname as table_name from pg_catalog.pg_class T where T.relnamespace = 'public'::regnamespace and T.relkind in ('r', 'm', 'v')) select T.table_id, C.attnum as column_position, C.attname as column_name, C.xmin::text <> '' as column_state, C.atttypmod as type_mod, C.attndims as dimensions_number, pg_catalog.format_type(C.atttypid, C.atttypmod) as type_spec, C.attnotnull as mandatory, pg_catalog.pg_get_expr(D.adbin, T.table_id) as column_default_expression from T join pg_catalog.pg_attribute C on T.table_id = C.attrelid left join pg_catalog.pg_attrdef D on (C.attrelid, C.attnum) = (D.adrelid, D.adnum) where C.attnum > 0 order by table_id, attnum;

SELECT current_database() AS "TABLE_CAT", n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND n.nspname LIKE 'public' AND c.relkind IN ('r', 'v') ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME;

SELECT * FROM (SELECT n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull, a.atttypmod, a.attlen, t.typtypmod, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity, nullif(a.attgenerated, '') as attgenerated, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc, dsc.description, t.typbasetype, t.typtype FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum) LEFT JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid) WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped AND c.relname LIKE 'accounts') c WHERE true ORDER BY nspname, c.relname, attnum;

SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid) JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE ct.relname = 'customers' AND i.indisprimary ORDER BY 3, 5, 4;

SELECT n.nspname, c.relname, a.attname, a.attnum FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (c.oid = a.attrelid) WHERE (c.oid, a.attnum) IN (('accounts'::regclass::oid, 1), ('accounts'::regclass::oid, 2)) ORDER BY 4;

SELECT t.tableoid, t.oid, t.relname AS indexname, pg_catalog.pg_get_indexdef(i.indexrelid) AS indexdef, i.indkey, i.indisclustered, c.contype, c.conname, pg_catalog.pg_get_constraintdef(c.oid, false) AS condef FROM unnest('{accounts,customers}'::regclass[]) AS src(tbloid) JOIN pg_catalog.pg_index i ON (src.tbloid = i.indrelid) JOIN pg_catalog.pg_class t ON (t.oid = i.indexrelid) LEFT JOIN pg_catalog.pg_constraint c ON (i.indrelid = c.conrelid AND i.indexrelid = c.conindid AND c.contype IN ('p','u','x')) ORDER BY i.indrelid, indexname;

SELECT table_name, column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY table_schema, table_name, ordinal_position;

SELECT tc.constraint_type, kcu.table_name, kcu.column_name, rc.update_rule, rc.delete_rule FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu ON tc.constraint_name = kcu.constraint_name AND tc.table_schema = kcu.table_schema LEFT JOIN information_schema.referential_constraints rc ON tc.constraint_name = rc.constraint_name WHERE tc.table_schema = 'public' ORDER BY 2, 3, 1;

SELECT grantee, privilege_type FROM information_schema.role_table_grants WHERE table_name = 'accounts' ORDER BY 1, 2;

--: varies
SELECT relname, seq_scan, idx_scan, n_tup_ins, n_dead_tup FROM pg_stat_all_tables WHERE schemaname = 'public' ORDER BY relname;

--: varies
SELECT c.relname, c.reltuples::bigint AS estimate, pg_size_pretty(pg_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY pg_relation_size(c.oid) DESC;

--: varies
SELECT pid, now() - query_start AS runtime, wait_event_type, state, left(query, 50) FROM pg_stat_activity WHERE state <> 'idle' ORDER BY 2;

--: varies
SELECT blocked.pid, blocking.pid FROM pg_locks blocked JOIN pg_locks blocking ON blocking.locktype = blocked.locktype AND blocking.relation IS NOT DISTINCT FROM blocked.relation AND blocking.pid <> blocked.pid WHERE NOT blocked.granted;

SELECT version() IS NOT NULL, current_schema(), current_user, session_user, pg_backend_pid() > 0, inet_server_port() > 0, pg_is_in_recovery();

SELECT name, setting, unit FROM pg_settings WHERE name IN ('TimeZone', 'server_encoding', 'max_identifier_length') ORDER BY 1;

SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'accounts' ORDER BY 1;

SELECT e.extname, e.extversion FROM pg_extension e ORDER BY 1;

SELECT to_regclass('public.accounts') IS NOT NULL, 'accounts'::regclass::text, to_regtype('ticket_state')::text;

SELECT enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid WHERE t.typname = 'ticket_state' ORDER BY enumsortorder;

SELECT col_description('accounts'::regclass, 2), shobj_description((SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_database'), pg_get_serial_sequence('invoices', 'id');

-- Applications: upserts, queues, counters, soft deletes, audits, paging.
INSERT INTO employees AS e (id, name, department, hired_on) VALUES (7, 'x', 'build', '2024-06-01') ON CONFLICT (id) DO UPDATE SET department = EXCLUDED.department WHERE e.department <> EXCLUDED.department RETURNING e.id, e.salary, e.department;

WITH del AS (DELETE FROM invoice_lines WHERE invoice_id = 5 RETURNING invoice_id, line), upd AS (UPDATE invoices SET amount = 0 WHERE id IN (SELECT invoice_id FROM del) RETURNING id, account_id) SELECT u.id, a.email, (SELECT count(*) FROM del) FROM upd u JOIN accounts a ON a.id = u.account_id;

WITH q AS (SELECT id FROM tickets WHERE state = 'waiting' ORDER BY opened_at LIMIT 3 FOR UPDATE SKIP LOCKED) UPDATE tickets t SET state = 'open', employee_id = 2 FROM q, accounts a WHERE t.id = q.id AND a.id = t.account_id RETURNING t.id, a.email, a.full_name;

UPDATE accounts SET labels = array_append(labels, 'seen'), settings = settings #- '{beta}' WHERE NOT ('seen' = ANY (labels)) AND country = 'IT' RETURNING id, labels, settings, email;

UPDATE accounts a SET referrer_id = b.id FROM accounts b WHERE b.country = a.country AND b.id = a.id - 4 AND a.referrer_id IS NULL RETURNING a.id, b.email;

UPDATE employees SET department = CASE department WHEN 'sales' THEN 'revenue' ELSE department END, hired_on = hired_on + 1 RETURNING *;

DELETE FROM page_views v WHERE v.at < now() - interval '5 years' OR NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = v.account_id AND a.is_active);

INSERT INTO page_views SELECT id, '/welcome', 0, '2024-01-15' FROM accounts WHERE created_at > '2023-10-01' RETURNING *;

INSERT INTO crm.notes (account_id, body, written_at) SELECT c.id, 'Active since ' || to_char(min(a.created_at), 'YYYY'), '2024-05-01' FROM crm.accounts c JOIN public.accounts a ON a.id = c.id GROUP BY c.id RETURNING account_id, body;

SELECT * FROM accounts WHERE id > 20 ORDER BY id LIMIT 10;

SELECT *, count(*) OVER () AS full_count FROM accounts WHERE country = 'SE' ORDER BY id LIMIT 5 OFFSET 5;

SELECT t.*, a.email, a.full_name AS account_name, e.name AS employee FROM tickets t LEFT JOIN accounts a ON t.account_id = a.id LEFT JOIN employees e ON e.id = t.employee_id WHERE t.state IN ('open', 'waiting') AND t.opened_at::date BETWEEN '2024-01-01' AND '2024-01-31' ORDER BY t.opened_at DESC LIMIT 20;

SELECT i.id, i.number, i.amount - coalesce(sum(p.amount), 0) AS open, bool_or(p.card_number IS NOT NULL) AS by_card FROM invoices i LEFT JOIN payments p ON p.invoice_id = i.id GROUP BY i.id ORDER BY i.id;

SELECT a.id, a.email, a.tax_id FROM accounts a WHERE EXISTS (SELECT FROM invoices i JOIN invoice_lines l ON l.invoice_id = i.id JOIN products p ON p.id = l.product_id WHERE i.account_id = a.id AND p.category = 'game') ORDER BY a.id;

SELECT DISTINCT ON (i.account_id) i.account_id, a.email, i.number, i.issued_on FROM invoices i JOIN accounts a ON a.id = i.account_id ORDER BY i.account_id, i.issued_on DESC;

(SELECT id, email, 'first' AS which FROM accounts ORDER BY id LIMIT 2) UNION ALL (SELECT id, email, 'last' FROM accounts ORDER BY id DESC LIMIT 2);

SELECT 'account' AS type, id::text, email AS title FROM accounts WHERE country = 'SE' UNION ALL SELECT 'customer', id::text, email FROM customers WHERE city = 'Oslo' ORDER BY 1, 2;

SELECT id, email, upper(country) AS country, lower(full_name) AS name FROM accounts ORDER BY id;

SELECT id, email, balance, tax_id IS NULL AS untaxed FROM accounts WHERE referrer_id IS NOT NULL ORDER BY referrer_id, id;

SELECT id, email FROM accounts WHERE tax_id IS NOT NULL ORDER BY created_at DESC NULLS LAST LIMIT 5;

SELECT c.id, c.city, s.city AS staff_city FROM customers c LEFT JOIN staff s USING (ssn) ORDER BY c.id;

EXPLAIN (FORMAT JSON, COSTS OFF) SELECT id, amount FROM invoices WHERE account_id = 3;

-- What ORMs and loaders send in bulk.
INSERT INTO "customers" ("id", "name", "email", "ssn", "phone", "salary", "birth", "vip", "city") SELECT * FROM UNNEST(('{9011,9012}'::int2[])::integer[], ('{NULL,NULL}')::text[], ('{NULL,NULL}')::text[], ('{NULL,NULL}')::text[], ('{NULL,NULL}')::varchar[], ('{NULL,NULL}')::numeric[], ('{NULL,NULL}')::date[], ('{NULL,NULL}')::boolean[], ('{Oslo,Rome}')::text[]) RETURNING "customers"."id";

INSERT INTO customers (id, name, email, salary, birth, vip, city) SELECT p0::INTEGER, p1::VARCHAR, p2::VARCHAR, p3::NUMERIC(10, 2), p4::DATE, p5::BOOLEAN, p6::VARCHAR FROM (VALUES (9021, NULL, NULL, NULL, NULL::DATE, NULL::BOOLEAN, 'Oslo', 0), (9022, NULL, NULL, NULL, NULL, NULL, 'Rome', 1)) AS imp_sen(p0, p1, p2, p3, p4, p5, p6, sen_counter) ORDER BY sen_counter RETURNING customers.id, customers.status, customers.id AS id__1;

INSERT INTO employees (id, name, department, manager_id, hired_on) SELECT i, 'Person ' || i, d, NULL, h FROM unnest('{301,302}'::int[], '{sales,build}'::text[], '{2024-06-01,2024-06-02}'::date[]) AS t (i, d, h) RETURNING id, salary;

WITH data (id, city) AS (VALUES (1, 'Oslo'), (2, 'Rome')) UPDATE customers c SET city = data.city FROM data WHERE c.id = data.id RETURNING c.id, c.email, c.city;

UPDATE employees SET salary = NULL WHERE id IN (SELECT unnest('{3,4}'::int[])) RETURNING id, salary;

SELECT id, email FROM accounts WHERE id = ANY ('{1,2,3}'::bigint[]) AND country = ANY (ARRAY['SE', 'NO']) ORDER BY id;

SELECT a.id, a.email, t.place FROM unnest('{3,1,2}'::bigint[]) WITH ORDINALITY AS t (id, place) JOIN accounts a ON a.id = t.id ORDER BY t.place;

SELECT id, CAST(birth_date AS date) AS birth_date, CAST(balance AS numeric) AS balance, CAST(email AS text) AS email FROM accounts ORDER BY id;

SELECT CAST("employees"."salary" AS NUMERIC) AS "salary", CAST("employees"."name" AS TEXT) AS "name" FROM "public"."employees" ORDER BY "employees"."id" LIMIT 10;

SELECT id, holder::bigint, key::uuid, made_by::text, made_on::date FROM subscriptions ORDER BY id;

INSERT INTO customers (id, email, city) SELECT 9031, NULL, 'Oslo' WHERE NOT EXISTS (SELECT 1 FROM customers WHERE id = 9031) RETURNING id, email, city;

INSERT INTO subscriptions (note) SELECT 'bulk ' || i FROM generate_series(1, 3) i RETURNING note;

SELECT x.id, x.email FROM accounts x WHERE x.id IN (SELECT account_id FROM invoices GROUP BY account_id HAVING sum(amount) > 500) ORDER BY x.id;

SELECT e.id, e.name, e.salary, count(*) OVER (PARTITION BY e.department) AS colleagues, rank() OVER (PARTITION BY e.department ORDER BY e.hired_on) AS seniority FROM employees e ORDER BY e.id;

SELECT a.country, i.currency, count(*) AS n, sum(i.amount) AS total, sum(sum(i.amount)) OVER (PARTITION BY a.country) AS of_country FROM accounts a JOIN invoices i ON i.account_id = a.id GROUP BY 1, 2 ORDER BY 1, 2;

SELECT date_bin('7 days', i.issued_on::timestamp, timestamp '2024-01-01') AS week, count(DISTINCT i.account_id) FROM invoices i JOIN accounts a ON a.id = i.account_id WHERE a.email IS NOT NULL GROUP BY 1 ORDER BY 1;

SELECT a.id, a.email, string_agg(t.subject, '; ' ORDER BY t.opened_at) AS subjects, jsonb_agg(t.details ORDER BY t.opened_at) AS details FROM accounts a JOIN tickets t ON t.account_id = a.id GROUP BY a.id ORDER BY a.id;

SELECT p.method, p.card_number, p.tax_id, i.number, p.amount FROM payments p JOIN invoices i ON i.id = p.invoice_id WHERE p.received_at >= '2024-03-01' ORDER BY p.id LIMIT 50;

SELECT u.id, u.email, u.last_seen FROM (SELECT a.id, a.email, greatest(a.created_at, max(t.opened_at)) AS last_seen FROM accounts a LEFT JOIN tickets t ON t.account_id = a.id GROUP BY a.id) u WHERE u.last_seen > '2024-01-10' ORDER BY u.id;

SELECT json_build_object('type', 'list', 'rows', (SELECT json_agg(json_build_object('id', id, 'country', country, 'reachable', phone IS NOT NULL)) FROM (SELECT * FROM accounts ORDER BY id LIMIT 3) a)) AS payload;

SELECT jsonb_build_object('total', count(*), 'with_tax', count(tax_id), 'payers', count(DISTINCT tax_id)) FROM accounts;

--: needed a row is NULL by its fields
SELECT c.id, (c.home IS NOT NULL) AS has_home, c.city FROM customers c ORDER BY c.id;

-- Views that group: by what is not protected, by a token, by a key and what it determines.
SELECT * FROM v_by_plan ORDER BY plan NULLS LAST, country NULLS LAST;
SELECT plan, sum(n) FROM v_by_plan WHERE country IS NOT NULL GROUP BY plan HAVING sum(n) > 1 ORDER BY plan;
SELECT * FROM v_by_tax ORDER BY first;
SELECT id, full_name, invoices, latest FROM v_accounts_named WHERE invoices > 2 ORDER BY id;

--: needed a timestamp of a date may be out of range
SELECT birth_date FROM accounts UNION ALL SELECT timestamp '2020-01-01' ORDER BY birth_date;

--: needed a whole row
SELECT größe.id, größe FROM accounts AS größe WHERE größe.id < 4 ORDER BY größe.id;

--: needed an array of protected values
SELECT ARRAY(SELECT email FROM accounts WHERE id < 4 ORDER BY id) AS emails, ARRAY(SELECT phone FROM accounts WHERE id < 3);

--: needed the order of a protected column
SELECT phone AS rows, id FROM accounts ORDER BY rows, id;

--: needed the order of a protected column
SELECT DISTINCT phone AS range, id FROM accounts ORDER BY(range),id;

--: needed the order of a protected column
SELECT id, phone AS p FROM accounts ORDER BY created_at::timestamp with time zone, (p)LIMIT 3;

--: needed the order of a protected column
SELECT x.id, x.offset FROM (SELECT id, phone AS offset FROM accounts) x ORDER BY x.id, x.offset;
