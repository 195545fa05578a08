-- What Metabase, Superset, Tableau, Power BI and Grafana generate.

SELECT "public"."accounts"."id" AS "id", "public"."accounts"."email" AS "email", "public"."accounts"."full_name" AS "full_name", "public"."accounts"."country" AS "country" FROM "public"."accounts" LIMIT 2000;

SELECT "public"."accounts"."country" AS "country", COUNT(*) AS "count" FROM "public"."accounts" GROUP BY "public"."accounts"."country" ORDER BY "public"."accounts"."country" ASC;

SELECT DATE_TRUNC('month', "public"."accounts"."created_at") AS "created_at", COUNT(*) AS "count" FROM "public"."accounts" GROUP BY DATE_TRUNC('month', "public"."accounts"."created_at") ORDER BY DATE_TRUNC('month', "public"."accounts"."created_at") ASC;

SELECT CAST("public"."invoices"."issued_on" AS date) AS "issued_on", SUM("public"."invoices"."amount") AS "sum" FROM "public"."invoices" LEFT JOIN "public"."accounts" AS "Accounts" ON "public"."invoices"."account_id" = "Accounts"."id" WHERE "Accounts"."plan" = 'pro' GROUP BY CAST("public"."invoices"."issued_on" AS date) ORDER BY CAST("public"."invoices"."issued_on" AS date) ASC;

SELECT "source"."Accounts__country" AS "Accounts__country", SUM("source"."amount") AS "sum" FROM (SELECT "public"."invoices"."amount" AS "amount", "Accounts"."country" AS "Accounts__country", "Accounts"."email" AS "Accounts__email" FROM "public"."invoices" LEFT JOIN "public"."accounts" AS "Accounts" ON "public"."invoices"."account_id" = "Accounts"."id") AS "source" GROUP BY "source"."Accounts__country" ORDER BY "sum" DESC, "source"."Accounts__country" ASC;

SELECT "public"."accounts"."tax_id" AS "tax_id", COUNT(*) AS "count" FROM "public"."accounts" GROUP BY "public"."accounts"."tax_id";

SELECT COUNT(distinct "public"."accounts"."tax_id") AS "count" FROM "public"."accounts";

SELECT "public"."accounts"."full_name" AS "full_name", SUM("Invoices"."amount") AS "sum" FROM "public"."accounts" INNER JOIN "public"."invoices" "Invoices" ON "public"."accounts"."id" = "Invoices"."account_id" GROUP BY "public"."accounts"."full_name" ORDER BY "sum" DESC;

SELECT SUM(CASE WHEN "public"."accounts"."plan" = 'pro' THEN 1 ELSE 0.0 END) / COUNT(*) AS "share" FROM "public"."accounts";

SELECT COUNT(CASE WHEN "public"."accounts"."phone" IS NULL THEN 1 END) AS "missing" FROM "public"."accounts";

SELECT * FROM (SELECT "public"."accounts"."id" AS "id", "public"."accounts"."email" AS "email" FROM "public"."accounts") AS "source" WHERE "source"."id" = 12 LIMIT 1048575;

SELECT "public"."accounts"."id" AS "id", TRUE AS "_" FROM "public"."accounts" WHERE 1 <> 1 LIMIT 0;

SELECT "source"."substring1" AS "substring1" FROM (SELECT "public"."invoices"."number" AS "substring1" FROM "public"."invoices") AS "source" LIMIT 10;

-- Metabase's field fingerprint
SELECT "public"."accounts"."id" AS "id", SUBSTRING("public"."accounts"."plan", 1, 1234) AS "plan" FROM "public"."accounts" LIMIT 10000;

SELECT DATE_TRUNC('week', created_at) AS __timestamp, country AS country, COUNT(*) AS "COUNT(*)" FROM public.accounts WHERE created_at >= TO_TIMESTAMP('2023-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND created_at < TO_TIMESTAMP('2024-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') GROUP BY DATE_TRUNC('week', created_at), country ORDER BY "COUNT(*)" DESC, 1, 2 LIMIT 10000;

SELECT country AS country, COUNT(DISTINCT full_name) AS "COUNT_DISTINCT(full_name)" FROM public.accounts GROUP BY country ORDER BY "COUNT_DISTINCT(full_name)" DESC, country LIMIT 50000;

SELECT country AS country, plan AS plan, sum(n) AS "SUM(n)" FROM (SELECT country, plan, count(email) AS n FROM accounts GROUP BY 1, 2) AS virtual_table GROUP BY country, plan ORDER BY "SUM(n)" DESC, 1, 2 LIMIT 1000;

SELECT country AS country, count(*) AS count FROM (SELECT a.*, i.amount FROM accounts a JOIN invoices i ON i.account_id = a.id) AS virtual_table WHERE amount > 100 GROUP BY country ORDER BY count DESC, 1;

SELECT anon.country, anon.series, sum(anon.amount) FROM (SELECT a.country, CASE WHEN t.country IS NULL THEN 'Other' ELSE a.country::text END AS series, i.amount FROM accounts a JOIN invoices i ON i.account_id = a.id LEFT JOIN (SELECT a2.country FROM accounts a2 JOIN invoices i2 ON i2.account_id = a2.id GROUP BY 1 ORDER BY sum(i2.amount) DESC LIMIT 2) t ON t.country = a.country) anon GROUP BY 1, 2 ORDER BY 1, 2;

SELECT "accounts"."country" AS "country", COUNT(1) AS "cnt:id:ok", SUM("invoices"."amount") AS "sum:amount:ok" FROM "public"."invoices" "invoices" INNER JOIN "public"."accounts" "accounts" ON ("invoices"."account_id" = "accounts"."id") GROUP BY 1 ORDER BY 1;

SELECT CAST("accounts"."email" AS TEXT) AS "email", "accounts"."id" AS "id" FROM "public"."accounts" "accounts" LIMIT 1000;

SELECT "accounts"."country" AS "country", DATE_TRUNC('QUARTER', CAST("invoices"."issued_on" AS TIMESTAMP)) AS "tqr:issued_on:ok", SUM("invoices"."amount") AS "sum" FROM "public"."invoices" "invoices" LEFT JOIN "public"."accounts" "accounts" ON ("invoices"."account_id" = "accounts"."id") WHERE (("accounts"."country" IN ('NO', 'SE')) AND (CAST(EXTRACT(YEAR FROM "invoices"."issued_on") AS INTEGER) = 2024)) GROUP BY 1, 2 ORDER BY 1, 2;

SELECT MIN("accounts"."created_at") AS "TEMP(min)", MAX("accounts"."created_at") AS "TEMP(max)", COUNT(1) AS "X__alias__0" FROM "public"."accounts" "accounts" HAVING (COUNT(1) > 0);

SELECT "t0"."country" AS "country", "t0"."x" / NULLIF("t1"."total", 0) AS "share" FROM (SELECT "accounts"."country", CAST(COUNT(*) AS DOUBLE PRECISION) AS "x" FROM "public"."accounts" "accounts" GROUP BY 1) "t0" CROSS JOIN (SELECT COUNT(1) AS "total" FROM "public"."accounts" "accounts") "t1" ORDER BY 1;

SELECT "accounts"."tax_id" AS "tax_id", SUM("invoices"."amount") AS "sum" FROM "public"."accounts" "accounts" JOIN "public"."invoices" "invoices" ON "accounts"."id" = "invoices"."account_id" GROUP BY 1 HAVING SUM("invoices"."amount") > 1000 ORDER BY 2 DESC LIMIT 10;

select "_"."country", "_"."plan", "_"."a0" from (select "rows"."country" as "country", "rows"."plan" as "plan", count(*) as "a0" from (select "id", "email", "country", "plan" from "public"."accounts" "$Table") "rows" group by "country", "plan") "_" where not "_"."a0" is null order by 1, 2 limit 1000001;

select "$Table"."id" as "id", "$Table"."email" as "email", "$Table"."full_name" as "full_name", "$Table"."birth_date" as "birth_date" from "public"."accounts" "$Table" limit 1000;

select count(*) from (select distinct "country" from "public"."accounts" "$Table") "t";

SELECT created_at AS "time", count(*) OVER (ORDER BY created_at) AS "accounts" FROM accounts WHERE created_at BETWEEN '2023-01-01T00:00:00Z' AND '2023-12-31T00:00:00Z' ORDER BY 1;

SELECT floor(extract(epoch FROM created_at) / 604800) * 604800 AS time, plan AS metric, count(*) AS value FROM accounts GROUP BY 1, 2 ORDER BY 1, 2;

SELECT to_timestamp(floor(extract(epoch from i.issued_on::timestamptz) / 86400) * 86400) AS "time", sum(amount) AS "revenue" FROM invoices i JOIN accounts a ON a.id = i.account_id WHERE a.country IN ('SE') GROUP BY 1 ORDER BY 1;

SELECT DISTINCT country FROM accounts ORDER BY country;

SELECT id AS __value, full_name AS __text FROM accounts LIMIT 500;

SELECT accounts.country AS "accounts.country", COUNT(DISTINCT accounts.id) AS "accounts.count", COALESCE(SUM(invoices.amount), 0) AS "invoices.total" FROM public.accounts AS accounts LEFT JOIN public.invoices AS invoices ON accounts.id = invoices.account_id WHERE (accounts.created_at) >= (TIMESTAMP '2023-01-01') GROUP BY 1 ORDER BY 2 DESC, 1 FETCH NEXT 500 ROWS ONLY;

SELECT accounts.full_name AS "accounts.full_name", accounts.email AS "accounts.email", COUNT(*) AS "count" FROM public.accounts AS accounts WHERE NOT accounts.is_active GROUP BY accounts.id, accounts.full_name, accounts.email ORDER BY 3 DESC;

WITH base AS (SELECT a.id, a.country, a.tax_id, i.amount, i.issued_on FROM accounts a JOIN invoices i ON i.account_id = a.id), monthly AS (SELECT country, date_trunc('month', issued_on) AS m, sum(amount) AS s, count(DISTINCT tax_id) AS payers FROM base GROUP BY 1, 2) SELECT country, m, s, payers, s - lag(s) OVER (PARTITION BY country ORDER BY m) AS diff FROM monthly ORDER BY 1, 2;

SELECT a.country, sum(i.amount) FILTER (WHERE i.currency = 'EUR') AS eur, sum(i.amount) FILTER (WHERE i.currency = 'SEK') AS sek, count(*) FILTER (WHERE i.paid_at IS NULL) AS open FROM invoices i JOIN accounts a ON a.id = i.account_id GROUP BY a.country ORDER BY 1;

SELECT coalesce(a.country, 'unknown') AS country, coalesce(sum(i.amount), 0)::float8 AS y FROM accounts a FULL OUTER JOIN invoices i ON i.account_id = a.id GROUP BY 1 ORDER BY 1;

SELECT p.category, a.plan, sum(l.quantity * l.unit_price) AS sales FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id JOIN products p ON p.id = l.product_id JOIN accounts a ON a.id = i.account_id GROUP BY ROLLUP (p.category, a.plan) ORDER BY 1, 2;

SELECT p.method, count(*) AS n, sum(p.amount) AS total, count(p.card_number) AS cards FROM payments p GROUP BY p.method ORDER BY 1;

SELECT p.id, p.card_number, p.amount FROM payments p WHERE p.received_at >= '2024-03-01' ORDER BY p.received_at DESC LIMIT 20;

SELECT e.department, count(*) AS people, min(e.hired_on), max(e.hired_on) FROM employees e GROUP BY e.department ORDER BY 1;

--: needed grouping by a value with a redacting mask
SELECT email, count(*) FROM accounts GROUP BY email;

--: needed a filter on a value
SELECT count(*) FROM "public"."accounts" WHERE "public"."accounts"."balance" > 100;

--: needed a sum of redacted values
SELECT country, sum(balance) FROM accounts GROUP BY country;

-- A question over a question, grouped by a key and what it determines.
--: no origin
--: since 16
SELECT "source"."id" AS "id", "source"."email" AS "email", count(*) AS "count" FROM (SELECT "public"."accounts"."id" AS "id", "public"."accounts"."email" AS "email", "Invoices"."amount" AS "amount" FROM "public"."accounts" INNER JOIN "public"."invoices" AS "Invoices" ON "public"."accounts"."id" = "Invoices"."account_id" WHERE "Invoices"."status" = 'paid') AS "source" GROUP BY "source"."id", "source"."email" ORDER BY "source"."id" ASC;

SELECT DISTINCT "source"."account_id" AS "account_id", "source"."Accounts__birth_date" AS "born" FROM (SELECT "public"."invoices"."account_id" AS "account_id", "Accounts"."birth_date" AS "Accounts__birth_date" FROM "public"."invoices" LEFT JOIN "public"."accounts" AS "Accounts" ON "public"."invoices"."account_id" = "Accounts"."id") AS "source" ORDER BY "source"."account_id" LIMIT 2000;

-- Django's values("account__id", "account__email").annotate(Count("id"))
--: no origin
--: since 16
SELECT "invoices"."account_id", "accounts"."email", COUNT("invoices"."id") AS "n" FROM "invoices" INNER JOIN "public"."accounts" ON ("invoices"."account_id" = "accounts"."id") GROUP BY "invoices"."account_id", "accounts"."email" ORDER BY "invoices"."account_id";

--: no origin
--: since 16
SELECT a.id, a.phone, a.balance, sum(a.amount) AS total FROM (SELECT a.id, a.phone, a.balance, i.amount FROM public.accounts a JOIN invoices i ON i.account_id = a.id) a GROUP BY 1, 2, 3 ORDER BY 1;
