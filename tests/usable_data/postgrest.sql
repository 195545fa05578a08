-- What PostgREST, Hasura and PostGraphile make of requests: JSON of
-- unprotected columns, with embedded resources.

WITH pgrst_source AS ( SELECT "public"."accounts"."id", "public"."accounts"."country" FROM "public"."accounts" WHERE "public"."accounts"."plan" = 'pro' ORDER BY "public"."accounts"."id" LIMIT 5 ) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status FROM ( SELECT * FROM pgrst_source ) _postgrest_t;

WITH pgrst_source AS ( SELECT "public"."invoices"."id", "public"."invoices"."number", row_to_json("invoices_accounts_1".*)::jsonb AS "accounts" FROM "public"."invoices" LEFT JOIN LATERAL ( SELECT "accounts_1"."id", "accounts_1"."country" FROM "public"."accounts" AS "accounts_1" WHERE "accounts_1"."id" = "public"."invoices"."account_id" ) AS "invoices_accounts_1" ON TRUE ORDER BY "public"."invoices"."id" LIMIT 4 ) SELECT pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM ( SELECT * FROM pgrst_source ) _postgrest_t;

WITH pgrst_source AS ( SELECT "public"."accounts"."id", COALESCE( "accounts_invoices_1"."accounts_invoices_1", '[]') AS "invoices" FROM "public"."accounts" LEFT JOIN LATERAL ( SELECT json_agg("accounts_invoices_1")::jsonb AS "accounts_invoices_1" FROM (SELECT "invoices_1"."number", "invoices_1"."amount" FROM "public"."invoices" AS "invoices_1" WHERE "invoices_1"."account_id" = "public"."accounts"."id" ORDER BY "invoices_1"."id") AS "accounts_invoices_1" ) AS "accounts_invoices_1" ON TRUE ORDER BY "public"."accounts"."id" LIMIT 3 ) SELECT coalesce(json_agg(_postgrest_t), '[]') AS body FROM ( SELECT * FROM pgrst_source ) _postgrest_t;

WITH pgrst_source AS (UPDATE "public"."accounts" SET "plan" = pgrst_body."plan" FROM (SELECT '{"plan": "pro"}'::json AS json_data) pgrst_payload, LATERAL (SELECT "plan" FROM json_to_record(pgrst_payload.json_data) AS _("plan" text)) pgrst_body WHERE "public"."accounts"."id" = 4 RETURNING "public"."accounts"."id", "public"."accounts"."plan") SELECT '' AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, array[]::text[] AS header, coalesce(json_agg(_postgrest_t)->0, 'null') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t;

WITH pgrst_source AS (INSERT INTO "public"."invoices"("id", "account_id", "number", "amount", "issued_on") SELECT pgrst_body."id", pgrst_body."account_id", pgrst_body."number", pgrst_body."amount", pgrst_body."issued_on" FROM (SELECT '[{"id": 5001, "account_id": 1, "number": "P-1", "amount": 3, "issued_on": "2024-06-01"}]'::json AS json_data) pgrst_payload, LATERAL (SELECT "id", "account_id", "number", "amount", "issued_on" FROM json_populate_recordset(null::"public"."invoices", pgrst_payload.json_data) _) pgrst_body RETURNING "public"."invoices"."id") SELECT coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t;

WITH pgrst_source AS (INSERT INTO "public"."products"("id", "sku", "name", "category", "price") SELECT pgrst_body."id", pgrst_body."sku", pgrst_body."name", pgrst_body."category", pgrst_body."price" FROM (SELECT '[{"id": 900, "sku": "S900", "name": "N", "category": "book", "price": 1}]'::json AS json_data) pgrst_payload, LATERAL (SELECT "id", "sku", "name", "category", "price" FROM json_to_recordset(pgrst_payload.json_data) AS _("id" integer, "sku" text, "name" text, "category" text, "price" numeric)) pgrst_body RETURNING "public"."products".*) SELECT coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t;

select set_config('search_path', '"public", "crm"', true), set_config('role', 'ana', true), set_config('request.jwt.claims', '{"role":"ana"}', true), set_config('request.method', 'GET', true), set_config('request.path', '/accounts', true);

SELECT coalesce(json_agg("root"), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_e" FROM (SELECT "_root.base"."id" AS "id", "_root.base"."plan" AS "plan") AS "_e")) AS "root" FROM (SELECT * FROM "public"."accounts" WHERE ("public"."accounts"."country") = (('SE')::char(2)) ORDER BY "id" LIMIT 10) AS "_root.base") AS "_root";

SELECT json_build_object('aggregate', json_build_object('count', COUNT(*), 'sum', json_build_object('amount', SUM("_root.base"."amount")))) AS "root" FROM (SELECT "public"."invoices"."amount" FROM "public"."invoices" JOIN "public"."accounts" a ON a.id = account_id WHERE a.plan = 'pro') AS "_root.base";

SELECT coalesce(json_agg("root" ORDER BY "root.pg.id" ASC NULLS LAST), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_e" FROM (SELECT "b"."id" AS "id", "inv"."root" AS "invoices") AS "_e")) AS "root", "b"."id" AS "root.pg.id" FROM (SELECT * FROM "public"."accounts" WHERE "is_active" ORDER BY "id" LIMIT 3) AS "b" LEFT OUTER JOIN LATERAL (SELECT coalesce(json_agg("root"), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_e" FROM (SELECT "i"."number" AS "number", "i"."amount" AS "amount") AS "_e")) AS "root" FROM "public"."invoices" AS "i" WHERE "i"."account_id" = "b"."id" ORDER BY "i"."id") AS "x") AS "inv" ON TRUE) AS "_root";

select to_json(__local_0__."id") as "id", to_json((json_build_object('__identifiers'::text, json_build_array(__local_0__."id"), 'country'::text, (__local_0__."country"), 'plan'::text, (__local_0__."plan")))) as "@nodes" from "public"."accounts" as __local_0__ where (TRUE) and (TRUE) order by __local_0__."id" ASC limit 5;

with __local_0__ as (select to_json((json_build_object('id'::text, (__local_1__."id"), 'country'::text, (__local_1__."country")))) as "@nodes" from (select __local_1__.* from "public"."accounts" as __local_1__ where (__local_1__."plan" = 'team') and (TRUE) and (TRUE) order by __local_1__."id" ASC) __local_1__), __local_2__ as (select json_agg(to_json(__local_0__)) as data from __local_0__) select coalesce((select __local_2__.data from __local_2__), '[]'::json) as "data";

SELECT json_agg(json_build_object('id', a.id, 'country', a.country, 'tickets', (SELECT json_agg(json_build_object('subject', t.subject, 'state', t.state) ORDER BY t.opened_at) FROM tickets t WHERE t.account_id = a.id)) ORDER BY a.id) FROM accounts a WHERE a.id < 5;

SELECT jsonb_object_agg(plan, n) FROM (SELECT plan, count(*) AS n FROM accounts GROUP BY plan) x;

SELECT jsonb_build_object('type', 'FeatureCollection', 'features', jsonb_agg(jsonb_build_object('id', id, 'properties', jsonb_build_object('country', country, 'has_phone', phone IS NOT NULL)) ORDER BY id)) FROM accounts;

SELECT row_to_json(t) FROM (SELECT id, country, plan FROM accounts ORDER BY id LIMIT 3) t;

SELECT to_jsonb(x) || jsonb_build_object('n', 1) FROM (SELECT a.id, a.plan, count(i.id) AS invoices FROM accounts a LEFT JOIN invoices i ON i.account_id = a.id GROUP BY a.id ORDER BY a.id) x;

SELECT array_to_json(array_agg(row_to_json(d))) FROM (SELECT p.id, p.name, (SELECT count(*) FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id JOIN accounts a ON a.id = i.account_id WHERE l.product_id = p.id AND a.is_active) AS sold FROM products p ORDER BY p.id) d;

SELECT json_agg(i) FROM (SELECT * FROM invoices WHERE account_id = 3 ORDER BY id) i;

SELECT row_to_json(p) FROM products p ORDER BY p.id LIMIT 2;

SELECT p FROM products p ORDER BY p.id LIMIT 2;

SELECT (p).name, (p.attributes) ->> 'colour' FROM products p ORDER BY (p).id;

SELECT xmlagg(xmlelement(name account, xmlattributes(id AS id), country) ORDER BY id) FROM accounts WHERE id < 4;

SELECT jsonb_pretty(jsonb_agg(to_jsonb(t) - 'search' ORDER BY t.opened_at)) FROM tickets t WHERE t.account_id = 4;
