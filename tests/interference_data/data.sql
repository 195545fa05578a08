-- :seed is 0 or 1. The two data sets differ in protected values only, and the
-- masks map each pair to the same thing (tokens and hashes: up to renaming).
INSERT INTO customers
SELECT i,
       (CASE :seed WHEN 0 THEN 'Anna' ELSE 'Axel' END) || chr(65 + i % 20),
       (CASE :seed WHEN 0 THEN 'a.one' ELSE 'a.two' END) || i || (CASE :seed WHEN 0 THEN '@example.com' ELSE '@elsewhere.com' END),
       lpad(((i % 30) * (CASE :seed WHEN 0 THEN 7919 ELSE 10477 END) % 1000000)::text, 6, CASE :seed WHEN 0 THEN '0' ELSE '9' END),
       '+4' || lpad((i * (CASE :seed WHEN 0 THEN 12347 ELSE 54323 END) % 10000000)::text, 7, '0'),
       CASE :seed WHEN 0 THEN 20000 + i * 137.5 ELSE 90000 - i * 211.25 END,
       CASE :seed WHEN 0 THEN date '1950-01-01' + i * 211 ELSE date '1999-12-31' - i * 97 END,
       i % (2 + :seed) = 0,
       ROW ('Street ' || i * (1 + :seed), i + :seed * 1000)::address,
       (ARRAY['Oslo', 'Bergen', 'Rome'])[1 + i % 3], 'new', 'ref' || i
FROM generate_series(1, 40) i;
INSERT INTO staff SELECT id, ssn, city FROM customers WHERE id <= 35 ORDER BY id;
INSERT INTO contacts SELECT id, email, 'note ' || id FROM customers WHERE id <= 10 ORDER BY id;
INSERT INTO orders SELECT i, 1 + i % 40, i * 10, date '2024-01-01' + i FROM generate_series(1, 80) i;
INSERT INTO archive.clients SELECT i, 'public' || i || '@open.org', 'r' || i FROM generate_series(1, 5) i;
INSERT INTO people (id, secret, label) SELECT i, (CASE :seed WHEN 0 THEN 'left' ELSE 'rite' END) || i, 'l' || i FROM generate_series(1, 8) i;
INSERT INTO people_child (id, secret, label, extra) SELECT i, (CASE :seed WHEN 0 THEN 'left' ELSE 'rite' END) || i, 'l' || i, 'e' FROM generate_series(11, 14) i;
INSERT INTO events SELECT i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, (CASE :seed WHEN 0 THEN 'pay' ELSE 'qay' END) || i FROM generate_series(1, 10) i;
INSERT INTO scratch SELECT i, 's' || i FROM generate_series(1, 5) i;
INSERT INTO scratch VALUES (6, '007919');
REFRESH MATERIALIZED VIEW m_all;
INSERT INTO patients
SELECT i, (CASE :seed WHEN 0 THEN 'k' ELSE 'm' END) || i * (1 + :seed) || (CASE WHEN (i + :seed) % 2 = 0 THEN ',x' ELSE 'é' || chr(913 + :seed * 200) END),
       ((enum_range(NULL::mood))[1 + (i + :seed) % 3]), ARRAY['t' || i + :seed, 'u'], int4range(i, i + 1 + :seed),
       jsonb_build_object('k', i + :seed), decode(md5((i + :seed)::text), 'hex'),
       ('10.1.2.' || (i + 100 * :seed))::inet, timestamptz '2020-02-03 04:05:06+00' + i * (1 + :seed) * interval '1 day',
       CASE WHEN (i + :seed) % 2 = 0 THEN 40.5 ELSE 81.25 END, 'r' || i, 'w' || i % 3
FROM generate_series(1, 12) i;
SELECT format('ALTER TABLE patients ADD COLUMN pin text DEFAULT %L', 'pin' || :seed) \gexec
ALTER TABLE patients ALTER COLUMN pin DROP DEFAULT;
INSERT INTO tickets SELECT i, 'a', 's' || (CASE :seed WHEN 0 THEN i / 2 ELSE i END) FROM generate_series(1, 8) i;
INSERT INTO a_name_of_exactly_sixty_two_bytes_so_that_one_more_letter_fits SELECT i, 'z' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO secured SELECT i, 'ana', 'hidden' || i + 10 * :seed FROM generate_series(1, 3) i;
INSERT INTO tenants SELECT i, (CASE :seed WHEN 0 THEN 'a.one' ELSE 'a.two' END) || i || '@example.com' FROM generate_series(1, 3) i;
ANALYZE;
