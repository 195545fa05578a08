INSERT INTO patients
SELECT i, (CASE :seed WHEN 0 THEN 'k' ELSE 'm' END) || i * (1 + :seed) || (CASE WHEN (i + :seed) % 2 = 0 THEN ',x' ELSE 'é' || chr(913 + :seed * 200) END),
       ((enum_range(NULL::mood))[1 + (i + :seed) % 3]), ARRAY['t' || i + :seed, 'u'], int4range(i, i + 1 + :seed),
       jsonb_build_object('k', i + :seed), decode(md5((i + :seed)::text), 'hex'),
       ('10.1.2.' || (i + 100 * :seed))::inet, timestamptz '2020-02-03 04:05:06+00' + i * (1 + :seed) * interval '1 day',
       CASE WHEN (i + :seed) % 2 = 0 THEN 40.5 ELSE 81.25 END, 'r' || i, 'w' || i % 3
FROM generate_series(1, 12) i;
SELECT format('ALTER TABLE patients ADD COLUMN pin text DEFAULT %L', 'pin' || :seed) \gexec
ALTER TABLE patients ALTER COLUMN pin DROP DEFAULT;
INSERT INTO ledger SELECT i, (CASE :seed WHEN 0 THEN 'abc' ELSE 'zzz' END) || i FROM generate_series(1, 4) i;
INSERT INTO archive.ledger SELECT i, 'old' || i, i FROM generate_series(1, 4) i;
INSERT INTO tickets SELECT i, 'a', 's' || (CASE :seed WHEN 0 THEN i / 2 ELSE i END) FROM generate_series(1, 8) i;
INSERT INTO a_name_of_exactly_sixty_two_bytes_so_that_one_more_letter_fits SELECT i, 'z' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO secured SELECT i, 'ana', 'hidden' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO tenants SELECT i, (CASE :seed WHEN 0 THEN 'a.one' ELSE 'a.two' END) || i || '@example.com' FROM generate_series(1, 3) i;
INSERT INTO docs
SELECT i, d::jsonb, d::json, ARRAY[d::jsonb, NULL]
FROM generate_series(1, 12) i,
     LATERAL (SELECT format('{"kind": "k%s", "user": {"name": "n%s", "email": %s, "em\u0061il": %s, "pin": %s}, "items": [{"price": %s, "sku": "s"}, [{"price": %s}]], "codes": [%s, null, "%s"], "tail": [1, {"email": "free%s"}]}',
         i % 3, i, e, e, (i % 5) * (7 + 4 * :seed), 1000 + i * (30 + 40 * :seed), 2999 - i - 500 * :seed,
         CASE :seed WHEN 0 THEN '"c"' ELSE '{"deep": [1, 2]}' END, i * (1 + :seed), i) AS d,
         e FROM (SELECT CASE WHEN (i + :seed) % 3 = 0 THEN '{"x": ' || i || '}' WHEN :seed = 0 THEN '"a' || i || '@one.org"' ELSE '"zz' || 50 - i / 2 || '@two.net"' END AS e) x) y;
INSERT INTO doc_codes SELECT i, d::jsonb, d::json FROM (SELECT i, CASE (i + :seed) % 3 WHEN 0 THEN '{"codes": "x"}' WHEN 1 THEN '{"codes": {"x": 1}}' ELSE '{"codes": null}' END AS d FROM generate_series(1, 3) i) x;
INSERT INTO houses VALUES (1), (2);
INSERT INTO rooms SELECT i, 'room' || i, 1 + i / 5 FROM generate_series(1, 8) i;
INSERT INTO seats SELECT generate_series(1, 8);
INSERT INTO stays SELECT i, i % 4 + 1 + 4 * :seed, i % (2 + :seed) + 1 FROM generate_series(1, 8) i;
INSERT INTO halls
SELECT i, int4range(i * 10, i * 10 + 5), CASE i WHEN 2 THEN date '2024-01-01' END, (CASE :seed WHEN 0 THEN 'a' ELSE 'b' END) || CASE WHEN i = 2 AND :seed = 0 THEN 1 ELSE i END
FROM generate_series(1, 4) i;
INSERT INTO bins SELECT i, i, CASE WHEN (i + :seed) % 2 = 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 4) i;
INSERT INTO spans SELECT 1, CASE :seed WHEN 0 THEN '[1,5)'::int4range ELSE '(,5)' END, CASE :seed WHEN 0 THEN 'empty'::daterange ELSE '[2020-01-01,2021-01-01)' END;
INSERT INTO rates SELECT i, 5 + i + :seed * 3, 1, 'n', CASE WHEN i = 1 AND :seed = 0 THEN 'none' ELSE 'unit' || i END FROM generate_series(1, 5) i;
INSERT INTO rates_index SELECT i, 5 + i + :seed * 3 FROM generate_series(1, 5) i;
INSERT INTO rates_part SELECT i, 5 + i + :seed * 3 FROM generate_series(1, 5) i;
INSERT INTO rates_rule SELECT i, 25 + i + :seed * 5 FROM generate_series(1, 5) i;
INSERT INTO lots SELECT i, CASE :seed WHEN 0 THEN 'lot' || i ELSE 'plot' || 9 - i END, 1, 'n' FROM generate_series(1, 4) i;
INSERT INTO named_lots SELECT id, secret FROM lots;
INSERT INTO typed_lots SELECT id, secret FROM lots;
INSERT INTO rates_seen SELECT i, 5 + i + :seed * 3 FROM generate_series(1, 5) i;
INSERT INTO rates_whole SELECT i, 5 + i + :seed * 3 FROM generate_series(1, 5) i;
INSERT INTO crates SELECT 1, 'a', CASE :seed WHEN 0 THEN 'b' ELSE 'x' END;
INSERT INTO sums SELECT i, 5 + :seed * 45, 1 FROM generate_series(1, 2) i;
INSERT INTO parcels SELECT 1, 'z', CASE :seed WHEN 0 THEN 'b' ELSE 'x' END;
INSERT INTO vault SELECT i, (i * (7 + 4 * :seed)) % 5 + :seed * 100, (CASE :seed WHEN 0 THEN 'p' ELSE 'q' END) || i * (13 - 2 * :seed) % 7, i % 4, 'd' || i % 3, 'v' || (i % 5) || CASE :seed WHEN 0 THEN 'abc' ELSE 'xyz' END FROM generate_series(1, 12) i;
INSERT INTO heap SELECT i, i % 5, 'p' || i % 7, i % 4, 'd' || i % 3, 'x' || i FROM generate_series(1, 10) i;
INSERT INTO badges SELECT i, 'badge' || i, CASE :seed WHEN 0 THEN 'badge' || i || '  ' ELSE 'other' || i END, 'third' || i, rpad('name' || i, 63, 'n') FROM generate_series(1, 3) i;
UPDATE badges SET tx = CASE :seed WHEN 0 THEN nm || 'more' ELSE 'fourth' || id END;
INSERT INTO padded VALUES (1, CASE :seed WHEN 0 THEN 'abcdef  ' ELSE 'abcXYZ  ' END, CASE :seed WHEN 0 THEN 'Meißener' ELSE 'Meisener' END, CASE :seed WHEN 0 THEN 'Weißgasse' ELSE 'Weisgasse' END);
INSERT INTO marks VALUES (1);
INSERT INTO pages SELECT i, 'page' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO depots SELECT generate_series(1, 3);
INSERT INTO stocks SELECT i, i, 'stock' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO seen VALUES ('h', 0);
INSERT INTO fkp VALUES (10);
INSERT INTO fkg VALUES (1, 10, 11 + :seed);
INSERT INTO fkq VALUES (1);
INSERT INTO fkr VALUES (1);
INSERT INTO fkc VALUES (1, 1, 15 + 10 * :seed);
INSERT INTO shards VALUES (1, 'a', 15 + 10 * :seed), (2, 'c', 15);
INSERT INTO pins (id, secret, pub) VALUES (1, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END, 'x');
INSERT INTO owned VALUES (1, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END);
INSERT INTO emps SELECT i, i % 2 + 3 + :seed FROM generate_series(6, 9) i;
INSERT INTO emps SELECT i, NULL FROM generate_series(1, 5) i;
INSERT INTO numbered VALUES (100, 3 + :seed);
INSERT INTO steered VALUES (100, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END, NULL);
INSERT INTO duos VALUES (1, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END, 'x'), (2, 'y', 'p1'), (3, 'p1', 'z');
INSERT INTO found_codes VALUES (1, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END);
INSERT INTO coded VALUES (1, NULL);
INSERT INTO twins VALUES (1, 'one', 'h'), (2, 'two', CASE :seed WHEN 0 THEN 'h' ELSE 'i' END);
INSERT INTO guests VALUES (3);
INSERT INTO bookings VALUES (3, 3, 3);
INSERT INTO closings VALUES (3);
INSERT INTO marked SELECT c || i FROM generate_series(0, 9) i, unnest(ARRAY['p', 'q']) c;
-- What is asked of rows again, and defaults that the client steers.
INSERT INTO unproven VALUES (1, 5 + 500 * :seed, 'n'), (2, 5, 'n');
ALTER TABLE unproven ADD CONSTRAINT low CHECK (secret < 100) NOT VALID;
INSERT INTO unproven_parts VALUES (1, 'a', 5 + 500 * :seed, 'n');
ALTER TABLE unproven_parts_a ADD CONSTRAINT low CHECK (secret < 100) NOT VALID;
INSERT INTO unproven_under VALUES (1, 'n', 5 + 500 * :seed);
ALTER TABLE unproven_under ADD CONSTRAINT low CHECK (secret < 100) NOT VALID;
INSERT INTO unproven_keys VALUES (1);
INSERT INTO unproven_kept VALUES (1, 1, 5 + 500 * :seed);
ALTER TABLE unproven_kept ADD CONSTRAINT low CHECK (secret < 100) NOT VALID;
ALTER TABLE told NO FORCE ROW LEVEL SECURITY;
INSERT INTO told VALUES (1, 5 + 500 * :seed, 'n');
ALTER TABLE told FORCE ROW LEVEL SECURITY;
ALTER TABLE told_apart NO FORCE ROW LEVEL SECURITY;
INSERT INTO told_apart VALUES (1, 5 + 500 * :seed, 'n');
ALTER TABLE told_apart FORCE ROW LEVEL SECURITY;
INSERT INTO alike VALUES (1, 5 * :seed, 'n');
INSERT INTO alike_logged VALUES (1, 5 * :seed, 'n');
INSERT INTO alike_ruled VALUES (1, 5 * :seed, 'n');
INSERT INTO chosen VALUES (2, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END, 'n'), (3, 'r1', 'n');
INSERT INTO chosen_keys VALUES (2, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END), (3, 'r1');
INSERT INTO accts VALUES (1, 703 + :seed), (2, 7 + :seed);
INSERT INTO acct_rows VALUES (1, 800);
INSERT INTO acct_keys VALUES (703 + :seed, 1);
INSERT INTO unique_domains VALUES (1, CASE :seed WHEN 0 THEN 'none' ELSE 'some' END), (2, 'x');
INSERT INTO unique_numbers VALUES (1 + 10 * :seed, 1), (5, 2);
INSERT INTO unique_views VALUES (1, CASE :seed WHEN 0 THEN 'none' ELSE 'some' END), (2, 'x');
INSERT INTO unique_parts VALUES (1, 'a', CASE :seed WHEN 0 THEN 'none' ELSE 'some' END), (2, 'a', 'x');
INSERT INTO kept_secrets VALUES (1, CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END);
INSERT INTO fetched_rows VALUES (1, 'a');
INSERT INTO marked_rows VALUES (1, ROW('m'), 'yes');
INSERT INTO kept_lists VALUES (1, '{}', NULL);
INSERT INTO kept_spans VALUES (1, NULL);
INSERT INTO cards VALUES (1, CASE :seed WHEN 0 THEN macaddr8 '08:00:2b:ff:fe:03:04:05' ELSE macaddr8 '08:00:2b:01:02:03:04:05' END);
ANALYZE;
SELECT 'ALTER TABLE tenants ADD COLUMN plan text DEFAULT ' || quote_literal('plan' || :seed) \gexec
RESET ROLE;
-- A DBA's foreign tables that lead back to this database.
CREATE EXTENSION postgres_fdw;
CREATE SERVER back FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port :'PORT', dbname :'DBNAME');
CREATE USER MAPPING FOR ana SERVER back OPTIONS (user 'ana', password 'ana-password');
CREATE FOREIGN TABLE far_customers (id int, mail text OPTIONS (column_name 'email'), ssn text, city text, salary numeric(10, 2)) SERVER back OPTIONS (schema_name 'public', table_name 'customers');
CREATE FOREIGN TABLE far_view (id int, email text) SERVER back OPTIONS (schema_name 'public', table_name 'v_all');
CREATE FOREIGN TABLE far_stats (tablename name, attname name, histogram_bounds text) SERVER back OPTIONS (schema_name 'pg_catalog', table_name 'pg_stats');
CREATE FOREIGN TABLE far_docs (id int, body jsonb) SERVER back OPTIONS (table_name 'docs');
GRANT ALL ON far_customers, far_view, far_stats, far_docs TO ana;
INSERT INTO accounts SELECT i, CASE :seed WHEN 0 THEN 500 + i ELSE -500 - i END, CASE :seed WHEN 0 THEN 1 ELSE 1e310 END,
       CASE :seed WHEN 0 THEN date '2000-01-01' ELSE date '5000000-01-01' END,
       CASE :seed WHEN 0 THEN ARRAY['a', 'b'] ELSE ARRAY['a', 'b', 'c'] END
FROM generate_series(1, 4) i;
INSERT INTO goods SELECT i, 'good' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO tally VALUES (0);
INSERT INTO tally_base VALUES (0);
INSERT INTO tally_far VALUES (0);
INSERT INTO tally_near VALUES (0);
INSERT INTO weights_of SELECT 'good' || i FROM generate_series(1, 20) i;
INSERT INTO looked SELECT 'good' || i, 'x' FROM generate_series(1, 20) i;
INSERT INTO looked_too SELECT 'good' || i, 'x' FROM generate_series(1, 20) i;
CREATE FOREIGN TABLE far_heap (id int, x text) SERVER back OPTIONS (schema_name 'public', table_name 'heap');
CREATE FOREIGN TABLE far_cities (id int, city text) SERVER back OPTIONS (schema_name 'public', table_name 'customers');
CREATE TABLE near_cities (id int, city text);
CREATE FOREIGN TABLE far_cities_below () INHERITS (near_cities) SERVER back OPTIONS (schema_name 'public', table_name 'customers');
CREATE FOREIGN TABLE far_rooms (id int, name text) SERVER back OPTIONS (schema_name 'public', table_name 'rooms');
CREATE FOREIGN TABLE far_pins (id int, pub text) SERVER back OPTIONS (schema_name 'public', table_name 'pins');
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['far_heap', 'far_cities', 'far_cities_below', 'far_rooms', 'far_pins'] LOOP
    EXECUTE format('ALTER FOREIGN TABLE %I OWNER TO shop_owner', t);
  END LOOP;
END $$;
ALTER TABLE near_cities OWNER TO shop_owner;
INSERT INTO accents SELECT i, CASE (i + :seed) % 2 WHEN 0 THEN 'plain' ELSE 'caf' || chr(8364) END FROM generate_series(1, 4) i;
INSERT INTO ta SELECT i, 'a' || i, 'a' || i, 'a' || i, 'ta' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO tb SELECT i, 'tbx' || i + 10 * :seed, 'tby' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO tc SELECT i, ROW(i)::row_owner, 'tc' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO td (id, n, secret) SELECT i, 'n' || i, 'td' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO bought SELECT i, 4700 + (i + 3 * :seed) % 10 FROM generate_series(1, 10) i;
INSERT INTO serialised SELECT i, 'serial' || i + 10 * :seed, 'n' FROM generate_series(1, 3) i;
INSERT INTO trailed SELECT i, 'trailed' || i + 10 * :seed, 'n' FROM generate_series(1, 3) i;
INSERT INTO moody SELECT i, (CASE WHEN i = 2 THEN 'even' WHEN (i = 1) = (:seed = 0) THEN 'low' ELSE 'high' END)::humour, 'n' FROM generate_series(1, 3) i;
INSERT INTO briefed SELECT i, 'brief' || i + 10 * :seed, 'n' FROM generate_series(1, 3) i;
INSERT INTO generic SELECT i, 'generic' || i + 10 * :seed, 'n' FROM generate_series(1, 3) i;
INSERT INTO wages SELECT i, 'w' || i + 10 * :seed, 'c' FROM generate_series(1, 3) i;
INSERT INTO archive.wages SELECT i, 'w' || i, 'c' FROM generate_series(1, 3) i;
INSERT INTO short_names VALUES (1, CASE :seed WHEN 0 THEN chr(381) || 'o' || chr(235) ELSE chr(321) || 'u' || chr(263) END);
INSERT INTO kin_below VALUES (1, CASE :seed WHEN 0 THEN 'left' ELSE 'rite' END);
INSERT INTO shelves VALUES (1, CASE :seed WHEN 0 THEN 'left' ELSE 'rite' END);
INSERT INTO elders_a VALUES (1, CASE :seed WHEN 0 THEN 'left' ELSE 'rite' END);
INSERT INTO elders_b VALUES (1, CASE :seed WHEN 0 THEN 'left' ELSE 'rite' END);
INSERT INTO shelved SELECT i, 'shelved' || i + 10 * :seed, 'n' FROM generate_series(1, 3) i;
INSERT INTO earned SELECT i, 'c', 100 * i + :seed FROM generate_series(1, 3) i;
INSERT INTO archive.earned VALUES (1);
INSERT INTO one_column VALUES ('z');
INSERT INTO other_column VALUES ('w');
INSERT INTO archive.told_of VALUES (1);
INSERT INTO told_of SELECT id, ssn FROM customers;
INSERT INTO doc_child VALUES (1, jsonb_build_object('a', CASE :seed WHEN 0 THEN 'left-t' ELSE 'left-e' END));
INSERT INTO sides VALUES (1);
INSERT INTO guessed_at VALUES (1, CASE :seed WHEN 0 THEN '(1)' ELSE 'x' END);
INSERT INTO days_shut VALUES (CURRENT_DATE - 4 + :seed, 1);
INSERT INTO parties VALUES (1), (2);
INSERT INTO persons VALUES (1), (2);
INSERT INTO cases VALUES (1, 1 + :seed);
INSERT INTO keyt VALUES ('a', 'x'), (CASE :seed WHEN 0 THEN 'b' ELSE 'c' END, 'y');
INSERT INTO kidt VALUES (1, 'a');
INSERT INTO bonus_rates VALUES ('v');
INSERT INTO wards_a VALUES (1, CASE :seed WHEN 0 THEN 'left' ELSE 'rite' END, '');
INSERT INTO wards_b SELECT * FROM wards_a;
INSERT INTO room_extras SELECT i, '' FROM generate_series(1, 8) i;
INSERT INTO articles VALUES (1, CASE :seed WHEN 0 THEN 'write to anna@example.com now' ELSE 'write to anna at once now' END, '');
INSERT INTO cots SELECT * FROM wards_a;
INSERT INTO cribs SELECT * FROM wards_a;
INSERT INTO bunks SELECT * FROM wards_a;
INSERT INTO stamped_then SELECT id, no FROM bought;
INSERT INTO room_costs SELECT i, '' FROM generate_series(1, 8) i;
INSERT INTO days_told SELECT day, revenue FROM days_shut;
INSERT INTO days_cut VALUES ((date_trunc('day', (now() AT TIME ZONE 'UTC') - interval '12 hours') + interval '12 hours') AT TIME ZONE 'UTC' - :seed * interval '1 hour', 1);
INSERT INTO sized SELECT i, repeat('s', 10 + 20 * ((i + :seed) % 2)), '' FROM generate_series(1, 4) i;
INSERT INTO bare_vault SELECT i, i + 4 * :seed || 'pin', 'n' FROM generate_series(1, 4) i;
INSERT INTO bare_marks SELECT i, 'none' FROM generate_series(1, 400) i;
INSERT INTO blur_from VALUES (1, CASE :seed WHEN 0 THEN 'ann@x' ELSE 'eve@x' END, CASE :seed WHEN 0 THEN 'ann ' ELSE 'eve ' END);
INSERT INTO blur_cased VALUES (1, 'Ann@x'), (2, 'Bob@x'), (3, 'Eva@x');
INSERT INTO blur_cased_kin VALUES (1, CASE :seed WHEN 0 THEN 'bob@x' ELSE 'eva@x' END);
INSERT INTO blur_paired SELECT mail, id FROM blur_cased;
INSERT INTO blur_excluded SELECT id, mail FROM blur_cased;
INSERT INTO blur_partial SELECT id, mail, false FROM blur_cased;
INSERT INTO blur_padded VALUES (1, 'ann'), (2, 'bob');
INSERT INTO blur_many VALUES (1, 'amy'), (2, CASE :seed WHEN 0 THEN 'AMY' ELSE 'bob' END), (3, 'zed');
INSERT INTO ranked SELECT i, CASE i % 2 WHEN 1 THEN (CASE :seed WHEN 0 THEN 'B' ELSE 'A' END) || i ELSE (CASE :seed WHEN 0 THEN 'a' ELSE 'b' END) || i END, lpad(i::text, 3, CASE :seed WHEN 0 THEN '0' ELSE ' ' END), CASE :seed WHEN 0 THEN 500 * i ELSE 190 * i END, date '2020-01-01' + i * (30 - 23 * :seed), timestamp '2020-01-01' + i * (30 - 23 * :seed) * interval '1 hour' FROM generate_series(1, 2) i;
INSERT INTO alikes SELECT i, timestamptz '2020-01-01 22:30+00' + i * (interval '1 hour' + :seed * interval '1 minute'), 1.0 + (i - 1) * (CASE :seed WHEN 0 THEN 0.0000001 ELSE 0.7 END), CASE WHEN i = 2 AND :seed = 1 THEN 1.00 ELSE 1.0 END FROM generate_series(1, 2) i;
INSERT INTO half_keyed VALUES (1, 1, 'one'), (1, 1, CASE :seed WHEN 0 THEN 'one' ELSE 'two' END);
INSERT INTO locked_keys VALUES (CASE :seed WHEN 0 THEN 'p1' ELSE 'q1' END), (CASE :seed WHEN 0 THEN 'q2' ELSE 'p2' END);
INSERT INTO locked_kin SELECT code FROM locked_keys;
INSERT INTO open_keys VALUES (1, NULL);
INSERT INTO open_kin VALUES (1, NULL);
CREATE TABLE once_child () INHERITS (once); DROP TABLE once_child;
INSERT INTO once SELECT i, md5(i::text || :seed) FROM generate_series(1, 12) i;
INSERT INTO pinned SELECT * FROM once;
INSERT INTO pinned_pair SELECT 1, id, pin FROM once;

INSERT INTO ware_owners SELECT i, 'pin' || i + 4 * :seed FROM generate_series(1, 4) i;
ALTER TABLE wares DISABLE TRIGGER USER;
INSERT INTO wares SELECT i, 'hidden', i FROM generate_series(1, 4) i;
ALTER TABLE wares ENABLE TRIGGER USER;
INSERT INTO firms SELECT i, 'firm' FROM generate_series(1, 3) i;
INSERT INTO firm_staff SELECT i, i, 'pin' || i + 4 * :seed FROM generate_series(1, 3) i;
INSERT INTO let_a.lodgers SELECT i, md5('n' || i || :seed), md5('c' || i / 2 || :seed), i FROM generate_series(1, 6) i;
INSERT INTO let_b.lodgers SELECT id, reverse(name), reverse(code), room FROM let_a.lodgers;
INSERT INTO let_c.lodgers SELECT id, md5(name), md5(code), room FROM let_a.lodgers;
INSERT INTO archive.lodgers SELECT i, 'old' || i, i, 'note' || i, 'more' FROM generate_series(1, 6) i;
INSERT INTO shapes VALUES (1, '(1,2),(0,0)', '<(0,0),1>', '[(0,0),(1,1)]', '[(0,0),(1,1)]', 'a:A');
INSERT INTO shapes SELECT 2, '(2,1),(0,0)', '<(5,5),1>', '[(3,0),(4,1)]', '[(0,1e-7),(1,1)]', 'a:B' WHERE :seed = 0;
INSERT INTO shapes SELECT 2, '(3,1),(0,0)', '<(5,5),2>', '[(3,0),(4,1),(5,1)]', '[(0,.1),(1,1)]', 'b:B' WHERE :seed = 1;
INSERT INTO nicks SELECT 1, CASE :seed WHEN 0 THEN 'ann' ELSE 'Ann' END UNION ALL SELECT 2, CASE :seed WHEN 0 THEN 'Bob' ELSE 'bob' END;
