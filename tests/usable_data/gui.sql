-- What pgAdmin and DBeaver ask while somebody browses.

SELECT db.oid as did, db.datname as name, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding, has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate AS is_template FROM pg_database db WHERE db.datname = current_database() ORDER BY datname;

SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser, CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role FROM pg_catalog.pg_roles as roles WHERE rolname = current_user;

SELECT nsp.oid, nsp.nspname as name, pg_catalog.has_schema_privilege(nsp.oid, 'CREATE') as can_create, pg_catalog.has_schema_privilege(nsp.oid, 'USAGE') as has_usage FROM pg_catalog.pg_namespace nsp WHERE nspname NOT LIKE E'pg\\_%' AND NOT (nsp.nspname = 'information_schema') ORDER BY nspname;

SELECT rel.oid, rel.relname AS name, (SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid=rel.oid AND tgisinternal = FALSE) AS triggercount, (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhrelid=rel.oid LIMIT 1) as is_inherits, des.description FROM pg_catalog.pg_class rel LEFT JOIN pg_catalog.pg_description des ON des.objoid=rel.oid AND des.objsubid=0 AND des.classoid='pg_class'::regclass WHERE rel.relkind IN ('r','s','t','p') AND rel.relnamespace = 'public'::regnamespace AND NOT rel.relispartition ORDER BY rel.relname;

SELECT att.attname as name, att.atttypid, att.attlen, att.attnum, att.attndims, att.atttypmod, att.attnotnull, att.attidentity, att.attgenerated, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS defval, pg_catalog.format_type(ty.oid, att.atttypmod) AS displaytypname, tn.nspname as typnspname, ty.typname AS basetype, coll.collname, pi.indkey IS NOT NULL AS is_pk FROM pg_catalog.pg_attribute att JOIN pg_catalog.pg_type ty ON ty.oid=atttypid JOIN pg_catalog.pg_namespace tn ON tn.oid=ty.typnamespace JOIN pg_catalog.pg_class cl ON cl.oid=att.attrelid LEFT OUTER JOIN pg_catalog.pg_attrdef def ON adrelid=att.attrelid AND adnum=att.attnum LEFT OUTER JOIN pg_catalog.pg_collation coll ON att.attcollation=coll.oid LEFT OUTER JOIN pg_catalog.pg_index pi ON pi.indrelid=att.attrelid AND indisprimary WHERE att.attrelid = 'public.accounts'::regclass AND att.attnum > 0 AND att.attisdropped IS FALSE ORDER BY att.attnum;

SELECT * FROM public.accounts ORDER BY id ASC LIMIT 100;

SELECT * FROM public.accounts
LIMIT 100;

SELECT count(*) FROM public.accounts;

SELECT * FROM "public"."customers" OFFSET 0 LIMIT 1000;

SELECT x.* FROM public.customers x WHERE city = 'Oslo' ORDER BY x.id;

SELECT x.id, x.email, x.city FROM public.customers x ORDER BY x.city DESC, x.id;

SELECT at.attname, at.attnum, ty.typname FROM pg_catalog.pg_attribute at LEFT JOIN pg_catalog.pg_type ty ON (ty.oid = at.atttypid) JOIN pg_catalog.pg_constraint c ON at.attrelid = c.conrelid AND at.attnum = ANY (c.conkey) WHERE c.conrelid = 'public.accounts'::regclass AND c.contype = 'p';

SELECT oid, relname, relkind, relpersistence, reltuples::bigint > 0 AS has_rows, relhasindex FROM pg_catalog.pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname;

SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass WHERE c.relnamespace='public'::regnamespace AND c.relkind not in ('i','I','c');

SELECT c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, dep.objid FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum) LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid WHERE NOT a.attisdropped AND c.relkind not in ('i','I','c') AND c.oid='public.customers'::regclass ORDER BY a.attnum;

SELECT c.oid, c.*, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description, case when c.contype='c' then substring(pg_get_constraintdef(c.oid), 7) else null end consrc_copy FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_constraint'::regclass WHERE c.conrelid = 'public.customers'::regclass ORDER BY c.oid;

SELECT i.*, i.indkey as keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname as tabrelname, dsc.description, pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr, pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size, pg_catalog.pg_stat_get_numscans(i.indexrelid) >= 0 as index_num_scans FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid=dsc.objoid WHERE i.indrelid='public.accounts'::regclass ORDER BY tabrelname, c.relname;

SELECT x.oid, x.*, pg_catalog.pg_get_triggerdef(x.oid, true) FROM pg_catalog.pg_trigger x WHERE tgrelid = 'public.accounts'::regclass AND NOT tgisinternal;

SELECT p.oid as poid, p.*, pg_catalog.pg_get_expr(p.proargdefaults, 0) as arg_defaults, d.description FROM pg_catalog.pg_proc p LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=p.oid AND d.objsubid = 0 WHERE p.pronamespace = 'public'::regnamespace ORDER BY p.proname;

SELECT t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C') AND t.typnamespace = 'public'::regnamespace ORDER BY t.oid;

SELECT sch.nspname, seq.relname, pg_sequence_last_value(seq.oid) IS NOT NULL AS used FROM pg_class seq JOIN pg_namespace sch ON sch.oid = seq.relnamespace WHERE seq.relkind = 'S' ORDER BY 1, 2;

SELECT tc.table_schema, tc.constraint_name, tc.table_name, kcu.column_name, ccu.table_name AS foreign_table_name, ccu.column_name AS foreign_column_name FROM information_schema.table_constraints AS tc JOIN information_schema.key_column_usage AS kcu ON tc.constraint_name = kcu.constraint_name AND tc.table_schema = kcu.table_schema JOIN information_schema.constraint_column_usage AS ccu ON ccu.constraint_name = tc.constraint_name WHERE tc.constraint_type = 'FOREIGN KEY' AND tc.table_name = 'invoices';

SELECT has_table_privilege('public.accounts', 'SELECT') AS sel, has_table_privilege('public.accounts', 'INSERT') AS ins, has_any_column_privilege('public.accounts', 'UPDATE') AS upd;

SELECT relname, n_live_tup >= 0 AS live, last_autovacuum IS NULL AS never FROM pg_stat_user_tables WHERE relname IN ('accounts', 'customers') ORDER BY schemaname, relname;

SELECT pg_size_pretty(pg_total_relation_size('public.accounts')), pg_size_pretty(pg_indexes_size('public.accounts')), pg_relation_filepath('public.accounts') IS NOT NULL;

--: varies
SELECT schemaname, tablename, attname, null_frac, n_distinct FROM pg_stats WHERE tablename = 'accounts' AND attname IN ('country', 'plan', 'is_active') ORDER BY attname;

--: varies
SELECT schemaname, tablename, attname, inherited FROM pg_catalog.pg_stats WHERE schemaname = 'public' ORDER BY 2, 3;

--: varies
SELECT pid, usename, datname, state, backend_type FROM pg_stat_activity WHERE datname = current_database();

--: varies
SELECT 'session_stats' AS chart_name, pg_catalog.row_to_json(t) AS chart_data FROM (SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database()) AS "Total", (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND datname = current_database()) AS "Active") t;

--: varies
SELECT locktype, mode, granted, relation::regclass FROM pg_locks WHERE relation = 'public.accounts'::regclass;

SELECT description FROM pg_catalog.pg_description WHERE objoid = 'accounts'::regclass AND objsubid = 0;

SELECT ct.oid, conname AS name, relname, nspname, description, pg_get_constraintdef(ct.oid, true) AS definition FROM pg_constraint ct JOIN pg_class cl ON cl.oid=conrelid JOIN pg_namespace nr ON nr.oid=nspname::regnamespace LEFT OUTER JOIN pg_description des ON (des.objoid=ct.oid AND des.classoid='pg_constraint'::regclass) WHERE contype='f' AND conrelid = 'public.invoices'::regclass ORDER BY conname;

SELECT c.relname, pg_get_viewdef(c.oid, true) FROM pg_class c WHERE c.relkind IN ('v', 'm') AND c.relnamespace = 'public'::regnamespace ORDER BY 1;

SET application_name = 'DBeaver 24.1 - Main';

SET LOCAL extra_float_digits = 3;

SELECT typinput='array_in'::regproc as is_array, typtype, typname, pg_type.oid FROM pg_catalog.pg_type LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join ( select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r using ( nspname )) as sp ON sp.nspoid = typnamespace WHERE typname = 'ticket_state' ORDER BY sp.r, pg_type.oid DESC;
