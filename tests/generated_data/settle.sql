-- After the data: what keeps the plans of both databases the same, and the
-- way back to the data as they were.
--
-- Planning may look at statistics of protected columns. Plan shapes are not
-- promised to hide those, so the tables of most scripts have none of them;
-- ledger, people and events have, for scripts that read pg_stats.
SET client_min_messages = warning;
DELETE FROM pg_statistic;
ANALYZE customers (id, city, status, referrer);
ANALYZE staff (id, city);
ANALYZE contacts (id, note);
ANALYZE orders;
ANALYZE accounts (id, customer_id, label, kind);
ANALYZE transfers (id, cents);
ANALYZE scratch;
ANALYZE archive.clients;
ANALYZE ledger;
ANALYZE people;
ANALYZE events;

CREATE SCHEMA origin;
REVOKE ALL ON SCHEMA origin FROM PUBLIC;
CREATE TABLE origin.kept (relation regclass, columns text, n int GENERATED ALWAYS AS IDENTITY);
INSERT INTO origin.kept (relation, columns)
SELECT c.oid, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.attgenerated = ''
WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, 'archive'::regnamespace)
GROUP BY c.oid ORDER BY c.oid;
DO $$
DECLARE kept record;
BEGIN
    FOR kept IN SELECT * FROM origin.kept ORDER BY n LOOP
        EXECUTE format('CREATE TABLE origin.t%s AS SELECT %s FROM ONLY %s', kept.n, kept.columns, kept.relation);
    END LOOP;
END $$;

-- Everything as it was, whatever a script committed.
CREATE FUNCTION origin.restore() RETURNS void LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
    item record;
    command text;
    changed bool := false;
BEGIN
    FOREACH command IN ARRAY ARRAY(
        SELECT format('DROP %s IF EXISTS %s CASCADE',
                      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'i' THEN 'INDEX' ELSE 'TABLE' END,
                      oid::regclass)
        FROM pg_class WHERE relname LIKE 'made\_%' AND relkind IN ('r', 'v', 'm', 'i') AND relpersistence <> 't'
        UNION ALL
        SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc WHERE proname LIKE 'made\_%')
    LOOP
        EXECUTE command;
    END LOOP;
    PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
    PERFORM setval('counter', 1, false);
    FOR item IN SELECT * FROM origin.kept LOOP
        IF NOT changed THEN
            EXECUTE format('SELECT EXISTS ((SELECT to_json(a)::text FROM (SELECT %1$s FROM ONLY %2$s) a EXCEPT ALL TABLE origin.j%3$s) UNION ALL (TABLE origin.j%3$s EXCEPT ALL SELECT to_json(a)::text FROM (SELECT %1$s FROM ONLY %2$s) a))',
                           item.columns, item.relation, item.n) INTO changed;
        END IF;
    END LOOP;
    IF NOT changed THEN
        RETURN;
    END IF;
    SET LOCAL session_replication_role = replica;
    EXECUTE (SELECT 'TRUNCATE ' || string_agg('ONLY ' || relation::text, ', ') FROM origin.kept);
    FOR item IN SELECT * FROM origin.kept LOOP
        EXECUTE format('INSERT INTO %2$s (%1$s) SELECT %1$s FROM origin.t%3$s', item.columns, item.relation, item.n);
    END LOOP;
    REFRESH MATERIALIZED VIEW m_all;
END $$;
DO $$
DECLARE kept record;
BEGIN
    FOR kept IN SELECT * FROM origin.kept ORDER BY n LOOP
        EXECUTE format('CREATE TABLE origin.j%s AS SELECT to_json(a)::text AS j FROM origin.t%1$s a', kept.n);
    END LOOP;
END $$;
