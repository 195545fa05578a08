-- Types and constraints of which each once hid a leak.
CREATE TYPE mood AS ENUM ('sad', 'fair', 'glad');
CREATE TABLE patients (
    id     int PRIMARY KEY,
    code   text,
    mood   mood,
    tags   text[],
    span   int4range,
    doc    jsonb,
    raw    bytea,
    ip     inet,
    seen   timestamptz,
    weight float8,
    room   text DEFAULT 'r0',
    ward   text,
    CONSTRAINT room_or_heavy CHECK (room IS NOT NULL OR weight > 50)
);
CREATE INDEX patients_code ON patients (code);
CREATE TABLE audit_trail (what text, at int);
CREATE FUNCTION note_patient() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit_trail VALUES (initcap(OLD.code) || '!', OLD.id); RETURN NEW; END $$;
CREATE TRIGGER note_patient BEFORE UPDATE ON patients FOR EACH ROW EXECUTE FUNCTION note_patient();
-- Lots, and what a DBA lets run over them.
CREATE TABLE lots (id int PRIMARY KEY, secret text, pub int DEFAULT 1, note text);
CREATE TABLE "Lot-Trail" (what text);
CREATE FUNCTION judge_lot() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.secret NOT LIKE 'zz%' THEN NEW.note := 'seen'; END IF; INSERT INTO "Lot-Trail" VALUES (NEW.secret); RETURN NEW; END $$;
CREATE TRIGGER judge_lot BEFORE UPDATE OF pub ON lots FOR EACH ROW EXECUTE FUNCTION judge_lot();
CREATE FUNCTION late_lot() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'lot % is late', NEW.secret; END $$;
CREATE CONSTRAINT TRIGGER late_lot AFTER INSERT OR UPDATE OF note ON lots DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.note = 'late') EXECUTE FUNCTION late_lot();
CREATE VIEW v_lots AS SELECT id, pub FROM lots;
CREATE RULE changed_lot AS ON UPDATE TO v_lots DO INSTEAD UPDATE lots SET note = 'changed' WHERE id = OLD.id RETURNING id, ascii(secret);
CREATE VIEW v_lot_rank AS SELECT id, rank() OVER (ORDER BY secret) AS place FROM lots;
CREATE VIEW v_lot_rows AS SELECT id, row_number() OVER w AS place FROM lots WINDOW w AS (ORDER BY secret, id);
CREATE FUNCTION tell_lot(i int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', (SELECT secret FROM lots WHERE id = i); RETURN true; END $$;
CREATE DOMAIN lot_number AS int CHECK (tell_lot(VALUE));
CREATE FUNCTION keeps_lot(n lot_number) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
CREATE DOMAIN lot_name AS text;
CREATE TABLE named_lots (id int PRIMARY KEY, secret lot_name);
CREATE TYPE lot_type AS (id int, secret text);
CREATE TABLE typed_lots OF lot_type;
CREATE FUNCTION norm_lot(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lower(t); END $$;
SELECT 'CREATE STATISTICS lots_norm ON (norm_lot(secret)) FROM lots' WHERE current_setting('server_version_num')::int >= 140000 \gexec
CREATE TABLE rates_seen (id int PRIMARY KEY, amount int, share int DEFAULT 1);
ALTER TABLE rates_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE rates_seen FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON rates_seen FOR SELECT USING (share < amount);
CREATE POLICY changed ON rates_seen FOR UPDATE USING (true);
CREATE POLICY made ON rates_seen FOR INSERT WITH CHECK (true);
CREATE TABLE rates_whole (id int PRIMARY KEY, amount int, share int DEFAULT 1);
CREATE FUNCTION fair(r rates_whole) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT r.share < r.amount';
ALTER TABLE rates_whole ENABLE ROW LEVEL SECURITY;
ALTER TABLE rates_whole FORCE ROW LEVEL SECURITY;
CREATE POLICY fair ON rates_whole USING (true) WITH CHECK (fair(rates_whole));
CREATE TABLE crates (id int, region text, secret text) PARTITION BY RANGE (region, secret);
CREATE TABLE crates_a PARTITION OF crates FOR VALUES FROM ('a', 'a') TO ('b', 'n');
CREATE TABLE sums (id int, amount int, share int) PARTITION BY RANGE ((amount + share));
CREATE TABLE sums_0 PARTITION OF sums FOR VALUES FROM (0) TO (100);
CREATE TABLE sums_1 PARTITION OF sums FOR VALUES FROM (100) TO (1000);
CREATE FUNCTION tidy(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse(t)';
CREATE VIEW v_tidy AS SELECT id, tidy(code) AS tidied FROM patients;
CREATE VIEW v_ref AS SELECT id AS n, referrer AS r FROM customers;
CREATE VIEW v_stats AS SELECT tablename, attname, inherited, n_distinct, most_common_vals::text AS common, histogram_bounds::text AS bounds FROM pg_stats;
CREATE VIEW v_missing AS SELECT attrelid::regclass AS t, attname, attmissingval::text AS v FROM pg_attribute;
CREATE TABLE tickets (id int, kind text, secret text) PARTITION BY LIST (kind);
CREATE TABLE tickets_a PARTITION OF tickets FOR VALUES IN ('a');
CREATE UNIQUE INDEX ON tickets_a (id, secret);
CREATE TABLE a_name_of_exactly_sixty_two_bytes_so_that_one_more_letter_fits (id int, secret text);
CREATE TABLE secured (id int, owner text, secret text);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON secured USING (secret IS NOT NULL);
CREATE VIEW v_rule AS SELECT id, secret FROM secured;
CREATE PROCEDURE show_code(i int) LANGUAGE plpgsql AS $$ DECLARE x text; BEGIN SELECT code INTO x FROM patients WHERE id = i; RAISE NOTICE '%', x; END $$;
CREATE FUNCTION longest(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN length(a) > length(b) THEN a ELSE b END';
CREATE AGGREGATE longest_of(text) (SFUNC = longest, STYPE = text, INITCOND = '');
CREATE OPERATOR |> (LEFTARG = text, RIGHTARG = text, FUNCTION = longest);
CREATE TABLE tenants (id int PRIMARY KEY, email text COLLATE "C", UNIQUE (id));
CREATE TABLE docs (id int PRIMARY KEY, body jsonb, raw json, list jsonb[]);
CREATE INDEX docs_email ON docs ((body->'user'->>'email'));
CREATE VIEW v_docs AS SELECT id, body->'user' AS who, body->'user'->>'email' AS mail, body->>'kind' AS kind, length(body->'user'->>'email') AS size FROM docs;
CREATE TABLE houses (id int PRIMARY KEY);
CREATE TABLE rooms (id int PRIMARY KEY, name text, house int REFERENCES houses ON DELETE CASCADE);
CREATE TABLE stays (id int PRIMARY KEY, room int REFERENCES rooms, seat int);
CREATE TABLE seats (id int PRIMARY KEY);
ALTER TABLE stays ADD FOREIGN KEY (seat) REFERENCES seats ON DELETE SET NULL;
CREATE VIEW v_rooms AS SELECT id AS n, name FROM rooms;
CREATE TABLE halls (
    id     int PRIMARY KEY,
    span   int4range,
    gone   date,
    secret text,
    CONSTRAINT halls_apart EXCLUDE USING gist (span WITH &&) WHERE (secret LIKE 'a%')
);
CREATE UNIQUE INDEX halls_secret ON halls (secret) WHERE gone IS NULL;
CREATE TABLE bins (id int PRIMARY KEY, place int, secret text);
ALTER TABLE bins ADD CONSTRAINT whole_row CHECK (NOT bins::text LIKE '%,7,a%');
CREATE FUNCTION fill_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.t := (SELECT email FROM customers WHERE id = NEW.id); RETURN NEW; END $$;
CREATE FUNCTION fill_from() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SELECT %I::text FROM %I WHERE id = $1', TG_ARGV[1], TG_ARGV[0]) INTO NEW.t USING NEW.id; RETURN NEW; END $$;
CREATE TABLE spans (id int PRIMARY KEY, r int4range, days daterange);
CREATE TABLE rates (id int PRIMARY KEY, amount int, share int DEFAULT 1, note text, unit text UNIQUE DEFAULT 'none',
    rest int GENERATED ALWAYS AS (CASE WHEN share > 0 THEN 0 ELSE 100 / (amount + share) END) STORED);
CREATE TABLE rates_index (id int PRIMARY KEY, amount int, share int DEFAULT 1);
CREATE INDEX ON rates_index ((CASE WHEN share > 0 THEN 0 ELSE 100 / (amount + share) END));
CREATE TABLE rates_part (id int PRIMARY KEY, amount int, share int DEFAULT 1);
CREATE INDEX ON rates_part (id) WHERE (CASE WHEN share > 0 THEN 0 ELSE 100 / (amount + share) END) = 0;
CREATE TABLE rates_rule (id int PRIMARY KEY, amount int, share int DEFAULT 1);
ALTER TABLE rates_rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE rates_rule FORCE ROW LEVEL SECURITY;
CREATE POLICY enough ON rates_rule USING (true) WITH CHECK (amount + share > 10);
CREATE TABLE parcels (id int, region text, secret text) PARTITION BY RANGE (region, secret);
CREATE TABLE parcels_a PARTITION OF parcels FOR VALUES FROM ('a', 'a') TO ('a', 'n');
CREATE TABLE parcels_z PARTITION OF parcels FOR VALUES FROM ('z', MINVALUE) TO ('z', MAXVALUE);
CREATE TABLE vault (id int PRIMARY KEY, a int, b text, c int, d text, tok text);
CREATE TABLE heap (id int, a int, b text, c int, d text, x text);
CREATE TYPE pair AS (x int, r int4range);
CREATE VIEW v_bounds AS SELECT id, int4range(least(a, 3), 3) AS r FROM vault;
CREATE VIEW v_pairs AS SELECT id, ROW(nullif(a, 3), NULL)::pair AS k FROM vault;
CREATE TABLE badges (id int PRIMARY KEY, ch char(10), vc varchar, tx text, nm name);
CREATE TABLE padded (id int PRIMARY KEY, pt text, word text COLLATE "de-x-icu", street text);
CREATE VIEW v_padded AS SELECT id, street COLLATE "de-x-icu" AS street FROM padded;
CREATE TYPE opened AS (kind text, "user" jsonb);
CREATE VIEW v_opened AS SELECT d.id, o."user" AS who FROM docs d, jsonb_populate_record(NULL::opened, d.body) o;
CREATE VIEW v_words AS SELECT v.id, w.lexeme FROM vault v, unnest(to_tsvector('simple', v.b)) w;
-- What a write sets off: subscripts, keys that cascade, partitions, rules further down.
CREATE TABLE marks (id int PRIMARY KEY, a int[], b int[]);
CREATE FUNCTION all_now() RETURNS void LANGUAGE sql AS 'SET CONSTRAINTS ALL IMMEDIATE';
CREATE VIEW v_lots_again AS SELECT id, pub FROM v_lots;
CREATE TABLE pages (id int PRIMARY KEY, secret text);
CREATE FUNCTION as_code(t text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF current_setting('app.strict', true) = 'on' THEN RETURN t::int; END IF; RETURN 0; END $$;
CREATE INDEX pages_code ON pages (as_code(secret));
CREATE TABLE depots (id int PRIMARY KEY);
CREATE TABLE stocks (id int PRIMARY KEY, depot int REFERENCES depots, secret text, note text);
CREATE TABLE seen (h text, n int DEFAULT 0);
CREATE FUNCTION emptied_stock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', (SELECT max(secret) FROM stocks); END $$;
CREATE TRIGGER emptied_stock BEFORE TRUNCATE ON stocks FOR EACH STATEMENT EXECUTE FUNCTION emptied_stock();
CREATE FUNCTION note_stock() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE v seen.h%TYPE; BEGIN v := NEW.secret; EXECUTE format('UPDATE seen SET n = n + 1 WHERE %L > ''''', NEW.secret); RETURN NEW; END $$;
CREATE TRIGGER note_stock BEFORE UPDATE OF note ON stocks FOR EACH ROW EXECUTE FUNCTION note_stock();
CREATE TABLE fkp (id int PRIMARY KEY);
CREATE TABLE fkg (id int PRIMARY KEY, dept int REFERENCES fkp ON UPDATE CASCADE, secret int, ratio int GENERATED ALWAYS AS (100 / (secret - dept)) STORED);
CREATE TABLE fkq (id int PRIMARY KEY);
CREATE TABLE fkr (id int PRIMARY KEY REFERENCES fkq ON DELETE CASCADE);
CREATE TABLE fkc (id int PRIMARY KEY, dept int REFERENCES fkr ON DELETE SET NULL, secret int, CHECK (dept IS NOT NULL OR secret < 20));
CREATE TABLE shards (id int, region text, secret int) PARTITION BY LIST (region);
CREATE TABLE shards_a PARTITION OF shards FOR VALUES IN ('a');
CREATE TABLE shards_b PARTITION OF shards FOR VALUES IN ('b');
CREATE TABLE shards_c PARTITION OF shards FOR VALUES IN ('c');
ALTER TABLE shards_b ADD CHECK (secret < 20);
CREATE UNIQUE INDEX ON shards_c (secret);
CREATE TABLE pins (id int PRIMARY KEY, secret text, pub text, ratio int GENERATED ALWAYS AS (1 / (CASE WHEN secret = pub THEN 0 ELSE 1 END)) STORED);
CREATE TABLE owned (id int PRIMARY KEY, secret text, owner text);
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
ALTER TABLE owned FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON owned USING (true) WITH CHECK (secret = owner);
CREATE VIEW v_stay_rooms AS SELECT s.id FROM stays s JOIN rooms r ON r.id = s.room AND r.name <> '';
CREATE TABLE accounts (id int PRIMARY KEY, bal int8, wealth numeric, until date, listed text[]);
CREATE VIEW v_ranks AS SELECT id, array_agg(id) OVER (ORDER BY bal, id) AS ranks FROM accounts;
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'CREATE VIEW v_json_ranks AS SELECT id, json_arrayagg(id) OVER (ORDER BY bal, id) AS ranks FROM accounts';
    END IF;
END $$;
-- Tables, types and views that a DBA's code reaches further down.
CREATE FUNCTION cover_hist(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('*', 3) $$;
CREATE TABLE hists (id int, h text);
CREATE FUNCTION hide_hist() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.h := cover_hist(NEW.h); RETURN NEW; END $$;
CREATE TRIGGER hide_hist BEFORE INSERT ON hists FOR EACH ROW EXECUTE FUNCTION hide_hist();
CREATE FUNCTION cover_kept(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('*', 3) $$;
CREATE TABLE kept_base (id int, h text);
CREATE VIEW v_kept AS SELECT id, h FROM kept_base;
CREATE FUNCTION hide_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO kept_base VALUES (NEW.id, cover_kept(NEW.h)); RETURN NEW; END $$;
CREATE TRIGGER hide_kept INSTEAD OF INSERT ON v_kept FOR EACH ROW EXECUTE FUNCTION hide_kept();
CREATE FUNCTION squeezed(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';
CREATE FUNCTION is_coded(t text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN squeezed(t) <> ''; END $$;
CREATE DOMAIN code_text AS text CHECK (is_coded(VALUE));
CREATE TABLE weights_of (code text);
CREATE FUNCTION weighed(t text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE VIEW v_weights AS SELECT code, weighed(code) AS w FROM weights_of;
CREATE TABLE tally (n int PRIMARY KEY);
CREATE TABLE tally_base (n int);
CREATE VIEW v_tally AS SELECT n FROM tally_base;
CREATE TABLE tally_far (n int DEFAULT 0);
CREATE TABLE tally_near (n int DEFAULT 0);
CREATE FUNCTION far_tally() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE tally_far SET n = n + 1; RETURN NEW; END $$;
CREATE TRIGGER far_tally AFTER UPDATE ON tally_near FOR EACH ROW EXECUTE FUNCTION far_tally();
CREATE TABLE goods (id int PRIMARY KEY, secret text, note text, mark text);
CREATE FUNCTION note_goods() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE c code_text; x int;
  BEGIN
    c := NEW.secret;
    INSERT INTO hists VALUES (NEW.id, NEW.secret);
    INSERT INTO v_kept VALUES (NEW.id, NEW.secret);
    SELECT w INTO x FROM v_weights WHERE code = NEW.secret;
    RETURN NEW;
  END $$;
CREATE TRIGGER note_goods BEFORE UPDATE OF note ON goods FOR EACH ROW EXECUTE FUNCTION note_goods();
CREATE FUNCTION mark_goods() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    EXECUTE format('UPDATE tally SET n = n + 1 WHERE %L > ''''', NEW.secret);
    EXECUTE format('UPDATE v_tally SET n = n + 1 WHERE %L > ''''', NEW.secret);
    EXECUTE format('UPDATE tally_near SET n = n + 1 WHERE %L > ''''', NEW.secret);
    RETURN NEW;
  END $$;
CREATE TRIGGER mark_goods BEFORE UPDATE OF mark ON goods FOR EACH ROW EXECUTE FUNCTION mark_goods();
CREATE TABLE looked (code text PRIMARY KEY, label text);
CREATE VIEW v_looked AS SELECT code, label FROM looked;
CREATE TABLE looked_too (code text PRIMARY KEY, label text);
ALTER TABLE looked_too FORCE ROW LEVEL SECURITY;
CREATE VIEW v_goods_known AS SELECT g.id, r.label IS NOT NULL AS known FROM goods g LEFT JOIN v_looked r ON r.code = g.secret;
CREATE VIEW v_goods_named AS SELECT g.id FROM goods g LEFT JOIN looked_too r ON r.code = g.secret WHERE coalesce(r.label, '') <> 'zz';
-- What a token is held against in its row.
CREATE TABLE emps (id int PRIMARY KEY, boss int, CHECK (boss <> id));
CREATE TABLE steered (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, secret text, guess text DEFAULT current_setting('app.guess', true), CHECK (secret <> guess));
CREATE TABLE numbered (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, boss int, CHECK (boss <> id));
CREATE TABLE duos (id int PRIMARY KEY, a text, b text, CHECK (a <> b));
CREATE TABLE codes (code text PRIMARY KEY);
CREATE TABLE coded (id int PRIMARY KEY, code text REFERENCES codes);
CREATE TABLE found_codes (id int PRIMARY KEY, code text);
CREATE TABLE twins (id int PRIMARY KEY, tok text, hidden text, UNIQUE (tok, hidden));
-- What takes keys away behind another name, and marks that locks leave.
CREATE FUNCTION drop_room(i int) RETURNS int LANGUAGE sql AS 'DELETE FROM rooms WHERE id = i RETURNING 1';
CREATE FUNCTION drop_rooms_of(i int) RETURNS int LANGUAGE sql AS 'SELECT drop_room(i)';
CREATE PROCEDURE close_room(i int) LANGUAGE plpgsql AS $$ BEGIN DELETE FROM rooms WHERE id = i; END $$;
CREATE TABLE bookings (id int PRIMARY KEY, room int);
CREATE FUNCTION booked_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM rooms WHERE id = OLD.room; RETURN OLD; END $$;
CREATE TRIGGER booked_out AFTER DELETE ON bookings FOR EACH ROW EXECUTE FUNCTION booked_out();
CREATE VIEW v_bookings AS SELECT id, room FROM bookings;
CREATE TABLE guests (id int PRIMARY KEY);
ALTER TABLE bookings ADD guest int REFERENCES guests ON DELETE CASCADE;
CREATE FUNCTION cancel(i int) RETURNS int LANGUAGE sql AS 'DELETE FROM bookings WHERE id = i RETURNING 1';
CREATE TABLE closings (id int PRIMARY KEY);
CREATE RULE closed AS ON DELETE TO closings DO ALSO DELETE FROM rooms WHERE id = OLD.id;
CREATE TABLE marked (code text PRIMARY KEY);
CREATE VIEW v_marked AS SELECT v.id FROM vault v JOIN marked m ON m.code = v.b;
CREATE VIEW v_marked_again AS SELECT id FROM v_marked;
-- What bodies of functions reach, and columns that go with something else.
CREATE TABLE accents (id int PRIMARY KEY, code text);
CREATE DOMAIN gone_type AS text;
CREATE SCHEMA kept_types;
CREATE DOMAIN kept_types.kept AS text;
CREATE COLLATION own_order (provider = icu, locale = 'de');
CREATE TABLE ta (id int PRIMARY KEY, x gone_type, y kept_types.kept, z text COLLATE own_order, secret text);
CREATE TABLE tb (id int PRIMARY KEY, x text, y text);
CREATE TABLE row_owner (n int);
CREATE TABLE tc (id int PRIMARY KEY, r row_owner, secret text);
CREATE FUNCTION computes_one(i int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'g' || i $$;
CREATE FUNCTION joins_two(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT a || b $$;
CREATE OPERATOR <||> (LEFTARG = text, RIGHTARG = text, FUNCTION = joins_two);
CREATE TABLE made_row (part text);
CREATE FUNCTION makes_row(t text) RETURNS made_row LANGUAGE sql IMMUTABLE AS $$ SELECT ROW(t)::made_row $$;
CREATE TABLE td (id int PRIMARY KEY, n text, g text GENERATED ALWAYS AS (computes_one(id)) STORED, o text GENERATED ALWAYS AS (n <||> 'x') STORED, f text GENERATED ALWAYS AS ((makes_row(n)).part) STORED, secret text);
CREATE TABLE led_to (id int, h text);
CREATE TABLE led_away (id int, h text);
CREATE RULE lead_away AS ON INSERT TO led_away DO INSTEAD INSERT INTO led_to VALUES (NEW.id, '***');
CREATE TABLE hidden_if (id int, h text, k int DEFAULT 1);
CREATE FUNCTION hide_if() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.h := '***'; RETURN NEW; END $$;
CREATE TRIGGER hide_if BEFORE INSERT ON hidden_if FOR EACH ROW WHEN (NEW.k IS NOT NULL) EXECUTE FUNCTION hide_if();
CREATE FUNCTION copy_goods() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO led_away VALUES (NEW.id, NEW.secret); INSERT INTO hidden_if VALUES (NEW.id, NEW.secret); RETURN NEW; END $$;
CREATE TRIGGER copy_goods AFTER UPDATE OF note ON goods FOR EACH ROW EXECUTE FUNCTION copy_goods();
CREATE FUNCTION next_of(n text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE c CURSOR FOR SELECT 1; r record; BEGIN c := n; FETCH c INTO r; RETURN r::text; END $$;
CREATE FUNCTION rebuild_pages() RETURNS int LANGUAGE sql AS 'REINDEX INDEX pages_code; SELECT 1';
ALTER DOMAIN gone_type OWNER TO shop_owner;
ALTER SCHEMA kept_types OWNER TO shop_owner;
ALTER DOMAIN kept_types.kept OWNER TO shop_owner;
ALTER COLLATION own_order OWNER TO shop_owner;
ALTER FUNCTION computes_one OWNER TO shop_owner;
ALTER FUNCTION rebuild_pages OWNER TO shop_owner;
-- What is asked of rows again, and defaults that the client steers.
CREATE TABLE unproven (id int PRIMARY KEY, secret int, note text);
CREATE TABLE unproven_parts (id int, region text, secret int, note text) PARTITION BY LIST (region);
CREATE TABLE unproven_parts_a PARTITION OF unproven_parts FOR VALUES IN ('a');
CREATE TABLE unproven_over (id int PRIMARY KEY, note text);
CREATE TABLE unproven_under (id int PRIMARY KEY, secret int) INHERITS (unproven_over);
CREATE TABLE unproven_keys (id int PRIMARY KEY);
CREATE TABLE unproven_kept (id int PRIMARY KEY, key int REFERENCES unproven_keys ON DELETE SET NULL, secret int);
CREATE VIEW v_unproven AS SELECT id, note FROM unproven;
CREATE FUNCTION touch_unproven(i int) RETURNS void LANGUAGE sql AS 'UPDATE unproven SET note = note WHERE id = i';
CREATE TABLE bells (id int PRIMARY KEY);
CREATE FUNCTION ring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE unproven SET note = note WHERE id = NEW.id; RETURN NEW; END $$;
CREATE TRIGGER ring AFTER INSERT ON bells FOR EACH ROW EXECUTE FUNCTION ring();
CREATE TABLE told (id int PRIMARY KEY, secret int, note text);
ALTER TABLE told ENABLE ROW LEVEL SECURITY;
ALTER TABLE told FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON told FOR SELECT USING (true);
CREATE POLICY made ON told FOR INSERT WITH CHECK (true);
CREATE POLICY told ON told FOR UPDATE USING (true) WITH CHECK (secret < 100);
CREATE TABLE told_apart (id int PRIMARY KEY, secret int, note text);
ALTER TABLE told_apart ENABLE ROW LEVEL SECURITY;
ALTER TABLE told_apart FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON told_apart FOR SELECT USING (true);
CREATE POLICY low ON told_apart FOR UPDATE USING (secret < 100);
CREATE POLICY own ON told_apart FOR UPDATE USING (true) WITH CHECK (note = 'own');
CREATE TABLE alike (id int PRIMARY KEY, secret int DEFAULT 0, note text);
CREATE TRIGGER alike BEFORE UPDATE ON alike FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE alike_logged (id int PRIMARY KEY, secret int DEFAULT 0, note text);
CREATE TABLE alike_log (id int);
CREATE FUNCTION log_alike() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO alike_log VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER log_alike AFTER UPDATE ON alike_logged FOR EACH ROW WHEN (OLD.secret IS DISTINCT FROM NEW.secret) EXECUTE FUNCTION log_alike();
CREATE TABLE alike_ruled (id int PRIMARY KEY, secret int DEFAULT 0, note text);
CREATE RULE log_alike AS ON UPDATE TO alike_ruled WHERE OLD.secret IS DISTINCT FROM NEW.secret DO ALSO INSERT INTO alike_log VALUES (NEW.id);
CREATE TABLE chosen (id int GENERATED BY DEFAULT AS IDENTITY (START WITH 1000) PRIMARY KEY, tok text DEFAULT current_setting('app.guess', true), note text);
CREATE VIEW v_chosen AS SELECT id, note FROM chosen;
CREATE TABLE chosen_keys (id int PRIMARY KEY, secret text UNIQUE DEFAULT current_setting('app.guess', true));
CREATE DOMAIN guessed AS text DEFAULT current_setting('app.guess', true);
CREATE TABLE chosen_domains (id int PRIMARY KEY, tok guessed);
CREATE TABLE chosen_views (id int PRIMARY KEY, tok text);
CREATE VIEW v_chosen_views AS SELECT id, tok FROM chosen_views;
ALTER VIEW v_chosen_views ALTER tok SET DEFAULT current_setting('app.guess', true);
CREATE TABLE offers (g text);
CREATE FUNCTION next_guess() RETURNS text LANGUAGE sql AS 'SELECT g FROM offers LIMIT 1';
CREATE TABLE chosen_rows (id int PRIMARY KEY, tok text DEFAULT next_guess());
CREATE TABLE chosen_seeds (id int PRIMARY KEY, acct int DEFAULT (random() * 1000000)::int);
CREATE SEQUENCE acct_numbers;
CREATE TABLE accts (id int PRIMARY KEY, acct int DEFAULT nextval('acct_numbers'));
CREATE TABLE acct_rows (id int PRIMARY KEY, acct int GENERATED BY DEFAULT AS IDENTITY);
CREATE TABLE acct_keys (acct int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n int);
CREATE FUNCTION set_accts(n int) RETURNS bigint LANGUAGE sql AS $$ SELECT setval('acct_numbers', n) $$;
CREATE DOMAIN unnamed AS text DEFAULT 'none';
CREATE TABLE unique_domains (id int PRIMARY KEY, secret unnamed UNIQUE);
CREATE TABLE unique_numbers (secret int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n int);
CREATE TABLE unique_views (id int PRIMARY KEY, secret text UNIQUE);
CREATE VIEW v_unique_views AS SELECT id, secret FROM unique_views;
ALTER VIEW v_unique_views ALTER secret SET DEFAULT 'none';
CREATE TABLE unique_parts (id int, region text, secret text DEFAULT 'none') PARTITION BY LIST (region);
CREATE TABLE unique_parts_a (id int, region text, secret text UNIQUE);
ALTER TABLE unique_parts ATTACH PARTITION unique_parts_a FOR VALUES IN ('a');
CREATE TABLE filled (id int PRIMARY KEY, secret text, owner text, r int GENERATED ALWAYS AS (1 / (CASE WHEN secret = owner THEN 0 ELSE 1 END)) STORED);
CREATE TABLE filled_rows (id int PRIMARY KEY, secret text, owner text);
ALTER TABLE filled_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE filled_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY filled ON filled_rows USING (true) WITH CHECK (secret = owner);
CREATE TABLE filled_chosen (id int PRIMARY KEY, secret text, owner text DEFAULT current_setting('app.guess', true), CHECK (secret <> owner));
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.secret := (SELECT secret FROM pins WHERE id = 1); RETURN NEW; END $$;
CREATE TRIGGER fill BEFORE INSERT ON filled FOR EACH ROW EXECUTE FUNCTION fill();
CREATE TRIGGER fill BEFORE INSERT ON filled_rows FOR EACH ROW EXECUTE FUNCTION fill();
CREATE TRIGGER fill BEFORE INSERT ON filled_chosen FOR EACH ROW EXECUTE FUNCTION fill();
-- What the catalog stores of a DBA's and runs though no text names it: defaults and CHECKs of
-- domains, functions of operators, casts that nobody writes.
CREATE TABLE kept_secrets (id int PRIMARY KEY, secret text);
CREATE FUNCTION kept_secret() RETURNS text LANGUAGE sql STABLE AS 'SELECT secret FROM kept_secrets WHERE id = 1';
CREATE FUNCTION kept_of(a int, b int) RETURNS text LANGUAGE sql STABLE AS 'SELECT secret FROM kept_secrets WHERE id = a';
CREATE FUNCTION kept_beside(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT secret FROM kept_secrets WHERE id = 1';
CREATE FUNCTION is_kept(a text, b text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a = (SELECT secret FROM kept_secrets WHERE id = 1)';
CREATE FUNCTION is_longer(a text, b text) RETURNS bool LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN length(a) > length(b); END $$;
CREATE OPERATOR <?> (LEFTARG = int, RIGHTARG = int, FUNCTION = kept_of);
CREATE OPERATOR <?+> (LEFTARG = text, RIGHTARG = text, FUNCTION = kept_beside);
CREATE OPERATOR ~?~ (LEFTARG = text, RIGHTARG = text, FUNCTION = is_kept);
CREATE OPERATOR <+> (LEFTARG = text, RIGHTARG = text, FUNCTION = is_longer, NEGATOR = <->>);
CREATE OPERATOR <->> (LEFTARG = text, RIGHTARG = text, FUNCTION = is_kept, NEGATOR = <+>);
CREATE DOMAIN fetched AS text DEFAULT kept_secret();
CREATE TABLE fetched_rows (b int, a fetched);
CREATE DOMAIN kept_name AS text CHECK (VALUE ~?~ 'x');
CREATE DOMAIN kept_twice AS text CHECK (VALUE::kept_name IS NOT NULL);
CREATE FUNCTION by_default(x text DEFAULT (1 <?> 2)) RETURNS text LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION by_cast(x text DEFAULT ('p1'::kept_name)::text) RETURNS text LANGUAGE sql AS 'SELECT x';
CREATE TABLE defaulted (id int, v text DEFAULT (1 <?> 2));
CREATE TABLE cast_default (id int, v text DEFAULT ('p1'::kept_name)::text);
CREATE TABLE computed_by (id int, v text, g text GENERATED ALWAYS AS (v <?+> 'x') STORED);
CREATE TYPE marked_text AS (t text);
CREATE FUNCTION to_marked(t text) RETURNS marked_text LANGUAGE sql STABLE AS 'SELECT ROW(secret)::marked_text FROM kept_secrets WHERE id = 1';
CREATE CAST (text AS marked_text) WITH FUNCTION to_marked(text) AS ASSIGNMENT;
CREATE TYPE spoken AS ENUM ('yes', 'no');
CREATE FUNCTION to_text(s spoken) RETURNS text LANGUAGE sql STABLE AS 'SELECT secret FROM kept_secrets WHERE id = 1';
CREATE CAST (spoken AS text) WITH FUNCTION to_text(spoken) AS IMPLICIT;
CREATE TABLE marked_rows (id int, v marked_text, s spoken);
CREATE TABLE kept_lists (id int, n kept_name[], one kept_name);
CREATE TYPE kept_span AS RANGE (subtype = kept_name);
CREATE TABLE kept_spans (id int, s kept_span);
CREATE TABLE cards (id int PRIMARY KEY, mac macaddr8);
CREATE VIEW v_spoken AS SELECT id, lower(s) AS said FROM marked_rows;
CREATE VIEW v_kept_lists AS SELECT id, array_append(n, 'p1') AS n FROM kept_lists;
CREATE TABLE read_by_default (id int, v text DEFAULT query_to_xml('SELECT secret FROM kept_secrets', false, false, '')::text);
CREATE FUNCTION read_by_argument(x text DEFAULT query_to_xml('SELECT secret FROM kept_secrets', false, false, '')::text) RETURNS text LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION are_alike(a anyelement, b anyelement) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2::text';
CREATE OPERATOR =~~= (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = are_alike);
CREATE TABLE jobs (id int, cur refcursor);
CREATE FUNCTION next_job(i int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE c jobs.cur%TYPE; r record; BEGIN SELECT cur INTO c FROM jobs WHERE id = i; FETCH c INTO r; RETURN r::text; END $$;
