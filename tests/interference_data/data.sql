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
ANALYZE;
