-- As the data of the attacks: the two sets differ in protected values only,
-- have the same equal ones, and the masks map each pair to the same thing.
INSERT INTO accounts
SELECT i, 1 + i % 40,
       CASE :seed WHEN 0 THEN 1000000000007 + (i % 12) * 7919 ELSE 5000000000029 + (i % 12) * 104729 END,
       regexp_replace(lpad(((1 + i % 15) * CASE :seed WHEN 0 THEN 123456789012 ELSE 98765432109 END)::text, 16, CASE :seed WHEN 0 THEN '4' ELSE '5' END), '(....)(....)(....)(....)', '\1-\2-\3-\4'),
       md5((CASE :seed WHEN 0 THEN 'a' ELSE 'b' END) || i % 9)::uuid,
       make_date(1990 + i, CASE :seed WHEN 0 THEN 2 ELSE 11 END, 1 + (i * 7 + :seed) % 28),
       CASE :seed WHEN 0 THEN i * 37 % 11 ELSE i * 53 % 13 END,
       ARRAY[CASE :seed WHEN 0 THEN 'red' ELSE 'blue' END || i, NULL],
       jsonb_build_object('k', i * (1 + :seed)),
       decode(lpad(to_hex(i * (17 + :seed)), 4, '0'), 'hex'),
       (ARRAY['low', 'mid', 'high'])[1 + (i * (1 + :seed)) % 3]::mood,
       int4range(i * (1 + :seed), i * 2 * (1 + :seed) + 1),
       'n' || CASE :seed WHEN 0 THEN 'ora' ELSE 'els' END || i % 10,
       'label ' || i, (ARRAY['plain', 'gold', 'Oslo'])[1 + i % 3]
FROM generate_series(1, 25) i;
UPDATE accounts SET nick = NULL, acct = NULL, opened = NULL WHERE id % 10 = 0;
INSERT INTO transfers SELECT i, a.acct, a.device, a.card, i * 100 FROM generate_series(1, 30) i JOIN accounts a ON a.id = 1 + i % 18 ORDER BY i;
INSERT INTO ledger SELECT i, (CASE :seed WHEN 0 THEN 'xs' ELSE 'yt' END) || i % 7, 'memo ' || i FROM generate_series(1, 20) i;
