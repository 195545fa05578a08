-- What drivers and object mappers ask: pgJDBC's metadata, SQLAlchemy's and
-- Django's introspection, and the statements that mappers write.

SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN CASE WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema' THEN CASE c.relkind WHEN 'r' THEN 'SYSTEM TABLE' WHEN 'v' THEN 'SYSTEM VIEW' WHEN 'i' THEN 'SYSTEM INDEX' ELSE NULL END ELSE NULL END WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'i' THEN 'INDEX' WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS, '' as TYPE_CAT, '' as TYPE_SCHEM, '' as TYPE_NAME FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND n.nspname LIKE 'public' AND c.relname LIKE 'accounts' AND (false OR ( c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' )) ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME;

SELECT * FROM (SELECT current_database() AS current_database, n.nspname,c.relname,a.attname,a.atttypid,a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,t.typtypmod,row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity,nullif(a.attgenerated, '') as attgenerated,pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,dsc.description,t.typbasetype,t.typtype FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum) LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) LEFT JOIN pg_catalog.pg_class dc ON (dc.oid=dsc.classoid AND dc.relname='pg_class') LEFT JOIN pg_catalog.pg_namespace dn ON (dc.relnamespace=dn.oid AND dn.nspname='pg_catalog') WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped AND n.nspname LIKE 'public' AND c.relname LIKE 'customers') c WHERE true ORDER BY nspname,c.relname,attnum;

SELECT result.TABLE_CAT, result.TABLE_SCHEM, result.TABLE_NAME, result.COLUMN_NAME, result.KEY_SEQ, result.PK_NAME FROM (SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME, information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON ( a.attrelid = i.indrelid) JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE true AND n.nspname = 'public' AND ct.relname = 'customers' AND i.indisprimary ) result where result.A_ATTNUM = (result.KEYS).x ORDER BY result.table_name, result.pk_name, result.key_seq;

SELECT NULL::text AS PKTABLE_CAT, pkn.nspname AS PKTABLE_SCHEM, pkc.relname AS PKTABLE_NAME, pka.attname AS PKCOLUMN_NAME, NULL::text AS FKTABLE_CAT, fkn.nspname AS FKTABLE_SCHEM, fkc.relname AS FKTABLE_NAME, fka.attname AS FKCOLUMN_NAME, pos.n AS KEY_SEQ, CASE con.confupdtype WHEN 'c' THEN 0 WHEN 'n' THEN 2 WHEN 'd' THEN 4 WHEN 'r' THEN 1 WHEN 'p' THEN 1 WHEN 'a' THEN 3 ELSE NULL END AS UPDATE_RULE, con.conname AS FK_NAME, pkic.relname AS PK_NAME FROM pg_catalog.pg_namespace pkn, pg_catalog.pg_class pkc, pg_catalog.pg_attribute pka, pg_catalog.pg_namespace fkn, pg_catalog.pg_class fkc, pg_catalog.pg_attribute fka, pg_catalog.pg_constraint con, pg_catalog.generate_series(1, 32) pos(n), pg_catalog.pg_class pkic WHERE pkn.oid = pkc.relnamespace AND pkc.oid = pka.attrelid AND pka.attnum = con.confkey[pos.n] AND con.confrelid = pkc.oid AND fkn.oid = fkc.relnamespace AND fkc.oid = fka.attrelid AND fka.attnum = con.conkey[pos.n] AND con.conrelid = fkc.oid AND con.contype = 'f' AND (pkic.relkind = 'i' OR pkic.relkind = 'I') AND pkic.oid = con.conindid AND fkn.nspname = 'public' AND fkc.relname = 'contacts' ORDER BY pkn.nspname,pkc.relname, con.conname,pos.n;

SELECT tmp.TABLE_CAT, tmp.TABLE_SCHEM, tmp.TABLE_NAME, tmp.NON_UNIQUE, tmp.INDEX_NAME, tmp.TYPE, tmp.ORDINAL_POSITION, trim(both '"' from pg_catalog.pg_get_indexdef(tmp.CI_OID, tmp.ORDINAL_POSITION, false)) AS COLUMN_NAME FROM ( SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, NOT i.indisunique AS NON_UNIQUE, ci.relname AS INDEX_NAME, CASE i.indisclustered WHEN true THEN 1 ELSE 3 END AS TYPE, (information_schema._pg_expandarray(i.indkey)).n AS ORDINAL_POSITION, ci.oid AS CI_OID FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON (ct.oid = i.indrelid) JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE true AND n.nspname = 'public' AND ct.relname = 'customers') AS tmp ORDER BY NON_UNIQUE, TYPE, INDEX_NAME, ORDINAL_POSITION;

SELECT n.nspname AS "TABLE_SCHEM", c.relname, r.rolname, c.relacl, a.attname FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c, pg_catalog.pg_roles r, pg_catalog.pg_attribute a WHERE c.relnamespace = n.oid AND c.relowner = r.oid AND c.oid = a.attrelid AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relname = 'accounts' ORDER BY attname, 1;

SELECT nspname AS TABLE_SCHEM, NULL AS TABLE_CATALOG FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1]) AND (nspname !~ '^pg_toast_temp_' OR nspname = replace((pg_catalog.current_schemas(true))[1], 'pg_temp_', 'pg_toast_temp_')) ORDER BY TABLE_SCHEM;

SELECT c.oid, a.attnum, a.attname, c.relname, n.nspname, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), a.attidentity != '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%' FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (c.oid = a.attrelid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef d ON (d.adrelid = a.attrelid AND d.adnum = a.attnum) JOIN (SELECT 'public.accounts'::regclass::oid AS oid, 1 AS attnum UNION ALL SELECT 'public.accounts'::regclass::oid, 2) vals ON (c.oid = vals.oid AND a.attnum = vals.attnum);

select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where pg_catalog.pg_table_is_visible(c.oid) and relname='accounts';

SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = 'accounts' AND pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog';

SELECT pg_catalog.pg_attribute.attname AS name, pg_catalog.format_type(pg_catalog.pg_attribute.atttypid, pg_catalog.pg_attribute.atttypmod) AS format_type, (SELECT pg_catalog.pg_get_expr(pg_catalog.pg_attrdef.adbin, pg_catalog.pg_attrdef.adrelid) AS pg_get_expr_1 FROM pg_catalog.pg_attrdef WHERE pg_catalog.pg_attrdef.adrelid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attrdef.adnum = pg_catalog.pg_attribute.attnum AND pg_catalog.pg_attribute.atthasdef) AS "default", pg_catalog.pg_attribute.attnotnull AS not_null, pg_catalog.pg_class.relname AS table_name, pg_catalog.pg_description.description AS comment, pg_catalog.pg_attribute.attgenerated AS generated, (SELECT json_build_object('always', pg_catalog.pg_attribute.attidentity = 'a', 'start', pg_catalog.pg_sequence.seqstart, 'increment', pg_catalog.pg_sequence.seqincrement) AS json_build_object_1 FROM pg_catalog.pg_sequence WHERE pg_catalog.pg_attribute.attidentity != '' AND pg_catalog.pg_sequence.seqrelid = CAST(CAST(pg_catalog.pg_get_serial_sequence(CAST(CAST(pg_catalog.pg_attribute.attrelid AS REGCLASS) AS TEXT), pg_catalog.pg_attribute.attname) AS REGCLASS) AS OID)) AS identity_options FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_attribute ON pg_catalog.pg_class.oid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attribute.attnum > 0 AND NOT pg_catalog.pg_attribute.attisdropped LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_description.objsubid = pg_catalog.pg_attribute.attnum JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog' AND pg_catalog.pg_class.relname IN ('accounts', 'invoices') ORDER BY pg_catalog.pg_class.relname, pg_catalog.pg_attribute.attnum;

SELECT attr.conrelid, array_agg(CAST(attr.attname AS TEXT) ORDER BY attr.ord) AS cols, attr.conname, min(attr.description) AS description FROM (SELECT con.conrelid AS conrelid, con.conname AS conname, con.conindid AS conindid, con.description AS description, con.ord AS ord, pg_catalog.pg_attribute.attname AS attname FROM pg_catalog.pg_attribute JOIN (SELECT pg_catalog.pg_constraint.conrelid AS conrelid, pg_catalog.pg_constraint.conname AS conname, pg_catalog.pg_constraint.conindid AS conindid, unnest(pg_catalog.pg_constraint.conkey) AS attnum, generate_subscripts(pg_catalog.pg_constraint.conkey, 1) AS ord, pg_catalog.pg_description.description AS description FROM pg_catalog.pg_constraint LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_constraint.oid WHERE pg_catalog.pg_constraint.contype = 'p' AND pg_catalog.pg_constraint.conrelid IN ('public.accounts'::regclass, 'public.customers'::regclass)) AS con ON pg_catalog.pg_attribute.attnum = con.attnum AND pg_catalog.pg_attribute.attrelid = con.conrelid) AS attr GROUP BY attr.conrelid, attr.conname ORDER BY attr.conrelid, attr.conname;

SELECT c.relname, CASE WHEN c.relispartition THEN 'p' WHEN c.relkind IN ('m', 'v') THEN 'v' ELSE 't' END, obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY c.relname;

SELECT a.attname AS column_name, NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)) AS is_nullable, pg_get_expr(ad.adbin, ad.adrelid) AS column_default, CASE WHEN collname = 'default' THEN NULL ELSE collname END AS collation, a.attidentity != '' AS is_autofield, col_description(a.attrelid, a.attnum) AS column_comment FROM pg_attribute a LEFT JOIN pg_attrdef ad ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum LEFT JOIN pg_collation co ON a.attcollation = co.oid JOIN pg_type t ON a.atttypid = t.oid JOIN pg_class c ON a.attrelid = c.oid JOIN pg_namespace n ON c.relnamespace = n.oid WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND c.relname = 'accounts' AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY a.attnum;

SELECT * FROM "accounts" LIMIT 1;

SELECT c.conname, array( SELECT attname FROM unnest(c.conkey) WITH ORDINALITY cols(colid, arridx) JOIN pg_attribute AS ca ON cols.colid = ca.attnum WHERE ca.attrelid = c.conrelid ORDER BY cols.arridx ), c.contype, (SELECT fkc.relname || '.' || fka.attname FROM pg_attribute AS fka JOIN pg_class AS fkc ON fka.attrelid = fkc.oid WHERE fka.attrelid = c.confrelid AND fka.attnum = c.confkey[1]), cl.reloptions FROM pg_constraint AS c JOIN pg_class AS cl ON c.conrelid = cl.oid WHERE cl.relname = 'invoices' AND pg_catalog.pg_table_is_visible(cl.oid) ORDER BY 1;

SELECT accounts.id AS accounts_id, accounts.email AS accounts_email, accounts.full_name AS accounts_full_name, accounts.country AS accounts_country FROM public.accounts WHERE accounts.id = 3 LIMIT 1;

SELECT accounts_1.id AS accounts_1_id, accounts_1.email AS accounts_1_email, invoices.id AS invoices_id, invoices.account_id AS invoices_account_id, invoices.number AS invoices_number, invoices.amount AS invoices_amount FROM invoices LEFT OUTER JOIN accounts AS accounts_1 ON accounts_1.id = invoices.account_id WHERE invoices.status = 'sent' ORDER BY invoices.id LIMIT 50 OFFSET 10;

SELECT invoices.account_id AS invoices_account_id, invoices.id AS invoices_id, invoices.number AS invoices_number FROM invoices WHERE invoices.account_id IN (1, 2, 3, 4, 5);

SELECT count(*) AS count_1 FROM (SELECT accounts.id AS accounts_id, accounts.email AS accounts_email, accounts.full_name AS accounts_full_name FROM accounts WHERE accounts.plan = 'pro') AS anon_1;

SELECT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = 4 AND accounts.is_active IS true) AS anon_1;

SELECT anon_1.accounts_id, anon_1.accounts_email, tickets_1.id, tickets_1.subject FROM (SELECT accounts.id AS accounts_id, accounts.email AS accounts_email FROM accounts WHERE accounts.is_active IS true ORDER BY accounts.id LIMIT 10) AS anon_1 LEFT OUTER JOIN tickets AS tickets_1 ON anon_1.accounts_id = tickets_1.account_id ORDER BY anon_1.accounts_id, tickets_1.opened_at;

INSERT INTO invoices (account_id, number, amount, issued_on, id) VALUES (1, 'ORM-1', 12.5, '2024-06-01'::DATE, 70001) RETURNING invoices.id;

INSERT INTO invoices (id, account_id, number, amount, issued_on) SELECT p0::BIGINT, p1::BIGINT, p2::VARCHAR, p3::NUMERIC, p4::DATE FROM (VALUES (70002, 1, 'ORM-2', 1, '2024-06-01', 0), (70003, 2, 'ORM-3', 2, '2024-06-01', 1)) AS imp_sen(p0, p1, p2, p3, p4, sen_counter) ORDER BY sen_counter RETURNING invoices.id, invoices.id AS id__1;

UPDATE accounts SET plan='pro', updated_at=now() WHERE accounts.id = 5 RETURNING accounts.updated_at;

DELETE FROM tickets WHERE tickets.account_id = 99;

SELECT "accounts"."id", "accounts"."email", "accounts"."full_name", "accounts"."phone", "accounts"."tax_id", "accounts"."balance", "accounts"."country" FROM "accounts" WHERE "accounts"."is_active" ORDER BY "accounts"."created_at" DESC LIMIT 25;

SELECT COUNT(*) AS "__count" FROM "accounts" INNER JOIN "invoices" ON ("accounts"."id" = "invoices"."account_id") WHERE "invoices"."status" = 'paid';

SELECT (1) AS "a" FROM "accounts" WHERE "accounts"."id" = 7 LIMIT 1;

SELECT "invoices"."id", "invoices"."number", "accounts"."id", "accounts"."email" FROM "invoices" INNER JOIN "accounts" ON ("invoices"."account_id" = "accounts"."id") WHERE ("accounts"."country" = 'SE' AND NOT ("invoices"."status" IN ('draft', 'void'))) ORDER BY "invoices"."id" ASC LIMIT 21;

SELECT "accounts"."country", COUNT("accounts"."id") AS "total", COUNT("accounts"."phone") AS "phones" FROM "accounts" GROUP BY "accounts"."country" HAVING COUNT("accounts"."id") > 1 ORDER BY "total" DESC, "accounts"."country" ASC;

SELECT "accounts"."id", "accounts"."email", (SELECT U0."number" FROM "invoices" U0 WHERE U0."account_id" = ("accounts"."id") ORDER BY U0."issued_on" DESC LIMIT 1) AS "latest", COUNT("tickets"."id") AS "n" FROM "accounts" LEFT OUTER JOIN "tickets" ON ("accounts"."id" = "tickets"."account_id") GROUP BY "accounts"."id", 3 ORDER BY "accounts"."id" ASC;

SELECT "accounts"."id", "accounts"."email", COUNT("invoices"."id") AS "n" FROM "accounts" LEFT OUTER JOIN "invoices" ON ("accounts"."id" = "invoices"."account_id") GROUP BY "accounts"."id" ORDER BY "accounts"."id" ASC;

SELECT DATE_TRUNC('day', "accounts"."created_at" AT TIME ZONE 'UTC') AS "datetimefield" FROM "accounts" WHERE "accounts"."created_at" IS NOT NULL GROUP BY 1 ORDER BY 1 ASC;

SELECT COUNT(*) FROM (SELECT DISTINCT "accounts"."country" AS "col1" FROM "accounts") subquery;

SELECT DISTINCT "accounts"."id", "accounts"."email", "accounts"."full_name", "accounts"."balance", "accounts"."settings", "accounts"."labels" FROM "accounts" INNER JOIN "invoices" ON ("accounts"."id" = "invoices"."account_id") WHERE "invoices"."amount" > '100' ORDER BY "accounts"."id" ASC LIMIT 21;

SELECT DISTINCT "accounts"."id", "accounts"."email", "accounts"."created_at" FROM "accounts" LEFT OUTER JOIN "tickets" ON ("accounts"."id" = "tickets"."account_id") WHERE ("tickets"."state" = 'open' OR "accounts"."country" = 'SE') ORDER BY "accounts"."created_at" DESC, "accounts"."id" ASC;

SELECT COUNT(*) FROM (SELECT DISTINCT "accounts"."id" AS "col1", "accounts"."email" AS "col2", "accounts"."phone" AS "col3" FROM "accounts" INNER JOIN "invoices" ON ("accounts"."id" = "invoices"."account_id")) subquery;

SELECT (1) AS "a" FROM (SELECT DISTINCT "accounts"."id" AS "col1", "accounts"."email" AS "col2" FROM "accounts" INNER JOIN "tickets" ON ("accounts"."id" = "tickets"."account_id") LIMIT 1) subquery;

SELECT "invoices"."id", "invoices"."number" FROM "invoices" WHERE "invoices"."account_id" IN (SELECT U."id" FROM (SELECT DISTINCT U0."id", U0."email" FROM "accounts" U0 INNER JOIN "tickets" U1 ON (U0."id" = U1."account_id")) U) ORDER BY "invoices"."id";

SELECT DISTINCT accounts.id, accounts.email, accounts.full_name, accounts.birth_date FROM accounts JOIN invoices ON invoices.account_id = accounts.id WHERE invoices.status = 'sent';

SELECT count(*) AS count_1 FROM (SELECT DISTINCT accounts.id AS accounts_id, accounts.email AS accounts_email, accounts.tax_id AS accounts_tax_id FROM accounts JOIN invoices ON invoices.account_id = accounts.id) AS anon_1;

SELECT anon_1.accounts_id, anon_1.accounts_email, invoices_1.id FROM (SELECT DISTINCT accounts.id AS accounts_id, accounts.email AS accounts_email FROM accounts JOIN tickets ON tickets.account_id = accounts.id ORDER BY accounts.id LIMIT 10) AS anon_1 LEFT OUTER JOIN invoices AS invoices_1 ON anon_1.accounts_id = invoices_1.account_id ORDER BY anon_1.accounts_id, invoices_1.id;

SELECT DISTINCT "accounts".* FROM "public"."accounts" INNER JOIN "invoices" ON "invoices"."account_id" = "accounts"."id" WHERE "invoices"."amount" > 500;

SELECT DISTINCT "accounts"."id" AS t0_r0, "accounts"."email" AS t0_r1, "invoices"."id" AS t1_r0, "invoices"."number" AS t1_r1 FROM "accounts" LEFT OUTER JOIN "invoices" ON "invoices"."account_id" = "accounts"."id" ORDER BY "accounts"."id", "invoices"."id";

SELECT DISTINCT a1_0.id, a1_0.email, i1_0.id, i1_0.amount FROM accounts a1_0 RIGHT JOIN invoices i1_0 ON a1_0.id = i1_0.account_id AND a1_0.country = 'SE' ORDER BY i1_0.id FETCH FIRST 9 ROWS ONLY;

SELECT DISTINCT a.id, a.email, a.balance, unnest(a.labels) AS label, generate_series(1, 2) AS n FROM accounts a JOIN invoices i ON i.account_id = a.id;

SELECT DISTINCT a.id, a.balance, count(*) AS invoices, rank() OVER (ORDER BY count(*), a.id) FROM accounts a JOIN invoices i ON i.account_id = a.id GROUP BY a.id, a.balance HAVING count(*) > 1 ORDER BY a.id;

SELECT DISTINCT a.id, a.email, p.id, p.amount FROM accounts a FULL JOIN payments p ON p.invoice_id = a.id;

SELECT DISTINCT a.id, a.email, i.id AS invoice, r.id AS referrer, r.phone FROM accounts a JOIN invoices i ON i.account_id = a.id LEFT JOIN accounts r ON r.id = a.referrer_id;

PREPARE distinct_accounts (text) AS SELECT DISTINCT a.id, a.email FROM accounts a JOIN invoices i ON i.account_id = a.id WHERE a.country = $1 ORDER BY a.id;
EXECUTE distinct_accounts ('SE');
DEALLOCATE distinct_accounts;

DECLARE distinct_page CURSOR FOR SELECT DISTINCT a.id, a.email FROM accounts a JOIN invoices i ON i.account_id = a.id ORDER BY a.id;
FETCH 5 FROM distinct_page;
CLOSE distinct_page;

COPY (SELECT DISTINCT a.id, a.email, a.country FROM accounts a JOIN invoices i ON i.account_id = a.id ORDER BY a.id) TO STDOUT;

INSERT INTO daily_totals (day, orders, revenue) SELECT DATE '2031-01-01', count(*), 0 FROM (SELECT DISTINCT a.id, a.email FROM accounts a JOIN invoices i ON i.account_id = a.id) q;

CREATE TEMP TABLE distinct_ids AS SELECT q.id FROM (SELECT DISTINCT a.id, a.email FROM accounts a JOIN invoices i ON i.account_id = a.id) q;
SELECT count(*), count(DISTINCT id) FROM distinct_ids;

WITH recent AS (SELECT DISTINCT a.id, a.email, a.country FROM accounts a JOIN invoices i ON i.account_id = a.id) SELECT country, count(*) FROM recent GROUP BY country UNION ALL SELECT 'XX', count(*) FROM (SELECT DISTINCT id, phone FROM accounts) q ORDER BY 1;

SELECT a.id FROM accounts a WHERE EXISTS (SELECT DISTINCT b.id, b.email FROM accounts b WHERE b.referrer_id = a.id) ORDER BY a.id;

--: needed the order of a protected column
SELECT DISTINCT accounts.id, accounts.email, accounts.phone FROM accounts JOIN invoices ON invoices.account_id = accounts.id ORDER BY accounts.email, accounts.id;

UPDATE "accounts" SET "plan" = CASE WHEN ("accounts"."id" = 1) THEN 'pro' WHEN ("accounts"."id" = 2) THEN 'team' ELSE NULL END WHERE "accounts"."id" IN (1, 2);

UPDATE "invoices" SET "amount" = ("invoices"."amount" + 1) WHERE "invoices"."account_id" IN (SELECT U0."id" FROM "accounts" U0 WHERE U0."plan" = 'pro');

DELETE FROM "page_views" WHERE "page_views"."account_id" IN (SELECT U0."id" FROM "accounts" U0 WHERE NOT U0."is_active");

SELECT "accounts"."id" AS t0_r0, "accounts"."email" AS t0_r1, "accounts"."full_name" AS t0_r2, "invoices"."id" AS t1_r0, "invoices"."number" AS t1_r1 FROM "accounts" LEFT OUTER JOIN "invoices" ON "invoices"."account_id" = "accounts"."id" WHERE "accounts"."country" = 'NO' ORDER BY "accounts"."id", "invoices"."id";

SELECT 1 AS one FROM "accounts" WHERE "accounts"."country" = 'SE' AND "accounts"."plan" = 'pro' LIMIT 1;

SELECT "accounts".* FROM "accounts" INNER JOIN "tickets" ON "tickets"."account_id" = "accounts"."id" WHERE "tickets"."state" = 'open' ORDER BY "accounts"."id" ASC LIMIT 5;

SELECT COUNT(DISTINCT "accounts"."id") FROM "accounts" LEFT OUTER JOIN "tickets" ON "tickets"."account_id" = "accounts"."id";

SELECT a1_0.id, a1_0.country, a1_0.email, a1_0.full_name, i1_0.account_id, i1_0.id, i1_0.amount FROM accounts a1_0 LEFT JOIN invoices i1_0 ON a1_0.id = i1_0.account_id WHERE a1_0.id = 9;

SELECT a1_0.id, a1_0.email FROM accounts a1_0 WHERE a1_0.created_at > '2023-02-01' ORDER BY a1_0.id OFFSET 0 ROWS FETCH FIRST 20 ROWS ONLY;

SELECT "t0"."id", "t0"."email" FROM "public"."accounts" AS "t0" WHERE ("t0"."id") IN (SELECT "t1"."account_id" FROM "public"."invoices" AS "t1" WHERE ("t1"."amount" > 500 AND "t1"."account_id" IS NOT NULL)) ORDER BY "t0"."id" ASC LIMIT 10 OFFSET 0;

select table_name, column_name, data_type, is_nullable, character_maximum_length, udt_name from information_schema.columns where table_schema = 'public' and table_name in ('accounts', 'customers') order by table_name, ordinal_position;

select kcu.column_name from information_schema.table_constraints tc join information_schema.key_column_usage kcu using (constraint_schema, constraint_name) where tc.table_name = 'accounts' and tc.constraint_type = 'PRIMARY KEY' order by kcu.column_name;

SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype FROM pg_type as t LEFT JOIN pg_range as r ON oid = rngtypid WHERE t.typname IN ('int2', 'int4', 'text', 'ticket_state') ORDER BY t.oid;

SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment, a.attidentity, attgenerated FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation WHERE a.attrelid = '"accounts"'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
