CREATE FUNCTION pg_temp.plan_price(plan text) RETURNS int LANGUAGE plpgsql AS $$ DECLARE price int := 0; BEGIN CASE plan WHEN 'pro', 'team' THEN price := 50; WHEN 'free' THEN NULL; ELSE RAISE EXCEPTION 'no plan %', plan; END CASE; IF price > 10 THEN price := CASE WHEN plan = 'pro' THEN price + 1 ELSE price END; END IF; RETURN price; END $$;
SELECT plan, pg_temp.plan_price(plan) FROM products CROSS JOIN (VALUES ('pro'), ('free')) AS v (plan) ORDER BY id, plan LIMIT 6;

CREATE FUNCTION pg_temp.totals(wanted text) RETURNS TABLE (status text, total numeric) LANGUAGE plpgsql AS $$ #variable_conflict use_column
<<outer_block>> DECLARE r record; BEGIN FOR r IN SELECT i.status, sum(i.amount) AS amount FROM invoices i WHERE i.currency = wanted GROUP BY i.status ORDER BY 1 LOOP status := r.status; total := r.amount; CONTINUE WHEN total IS NULL; RETURN NEXT; END LOOP; END $$;
SELECT * FROM pg_temp.totals('EUR') ORDER BY status;

CREATE FUNCTION pg_temp.refill() RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN DROP TABLE IF EXISTS refilled; CREATE TEMP TABLE refilled AS SELECT id, amount FROM invoices WHERE status = 'sent'; DELETE FROM refilled WHERE amount < 100; GET DIAGNOSTICS n = ROW_COUNT; TRUNCATE refilled; INSERT INTO refilled SELECT id, amount FROM invoices; SELECT count(*) INTO STRICT n FROM refilled; RETURN n; END $$;
SELECT pg_temp.refill();

CREATE FUNCTION pg_temp.safe_number(t text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN t::numeric; EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN RETURN NULL; END $$;
SELECT pg_temp.safe_number('12.5'), pg_temp.safe_number('x');

CREATE FUNCTION pg_temp.candles() RETURNS TABLE (day date, open numeric, close numeric) LANGUAGE sql STABLE AS $$ SELECT issued_on, min(amount) AS open, max(amount) AS close FROM invoices GROUP BY issued_on ORDER BY issued_on FETCH FIRST 3 ROWS ONLY $$;
SELECT count(*) FROM (SELECT 1 FROM invoices LIMIT 3) i;

CREATE FUNCTION pg_temp.note_visit(p text) RETURNS int LANGUAGE sql AS $$ SET LOCAL work_mem = '8MB'; INSERT INTO daily_totals (day, orders) VALUES ('2031-01-01', 1) ON CONFLICT (day) DO UPDATE SET orders = daily_totals.orders + 1; SELECT length(p) $$;
SELECT pg_temp.note_visit('/page/1');

CREATE TABLE scratch_a (id int PRIMARY KEY);
CREATE TABLE scratch_b (id int REFERENCES scratch_a);
CREATE VIEW scratch_v AS SELECT id FROM scratch_a;
DROP TABLE scratch_a CASCADE;

CREATE TYPE scratch_state AS ENUM ('on', 'off');
CREATE TABLE scratch_c (id int, state scratch_state);
DROP TYPE scratch_state CASCADE;

CREATE FUNCTION scratch_f(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i + 1';
CREATE TABLE scratch_d (id int, next int GENERATED ALWAYS AS (scratch_f(id)) STORED);
DROP FUNCTION scratch_f(int) CASCADE;

CREATE SCHEMA scratch_s;
CREATE TABLE scratch_s.t (id int);
DROP SCHEMA scratch_s CASCADE;

SELECT a.id, a.email, k.* FROM public.accounts a, pg_get_keywords() k WHERE a.id = 3 AND k.word = 'select';

SELECT a.id, a.email, p.* FROM public.accounts a, jsonb_populate_record(NULL::products, '{"id": 7, "name": "lamp", "price": 3}') p WHERE a.id = 3;

SELECT * FROM public.accounts a, json_to_recordset('[{"x": 1}, {"x": 2}]') AS r (x int) WHERE a.id = 3 ORDER BY x;
