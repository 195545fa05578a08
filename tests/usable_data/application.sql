INSERT INTO employees (id, name, department, salary, hired_on) VALUES (101, 'No Salary', 'sales', NULL, '2024-06-01'), (1, 'Known', 'sales', DEFAULT, '2024-06-01') ON CONFLICT DO NOTHING RETURNING id, salary;

--: needed a value for a protected column
INSERT INTO accounts (id, email, country) VALUES (1001, 'new@example.org', 'SE');

INSERT INTO invoices (id, account_id, number, amount, issued_on) VALUES (9001, 3, 'INV-90001', 10, '2024-06-01') RETURNING id, number, status, currency;

INSERT INTO invoices (id, account_id, number, amount, issued_on, due_on) SELECT 9000 + a.id, a.id, 'SUB-' || a.id, CASE a.plan WHEN 'pro' THEN 50 ELSE 20 END, date '2024-07-01', date '2024-07-31' FROM accounts a WHERE a.is_active AND a.plan <> 'free' RETURNING id, account_id, amount;

INSERT INTO invoice_lines (invoice_id, line, product_id, quantity, unit_price) VALUES (1, 11, 3, 2, 9.5), (1, 12, 4, 1, 14) ON CONFLICT (invoice_id, line) DO UPDATE SET quantity = invoice_lines.quantity + EXCLUDED.quantity, unit_price = EXCLUDED.unit_price RETURNING *;

INSERT INTO daily_totals (day, orders, revenue) SELECT issued_on, count(*), sum(amount) FROM invoices GROUP BY issued_on ON CONFLICT (day) DO UPDATE SET orders = EXCLUDED.orders, revenue = EXCLUDED.revenue WHERE daily_totals.revenue IS DISTINCT FROM EXCLUDED.revenue;

INSERT INTO daily_totals AS t (day, orders) VALUES ('2024-01-05', 1) ON CONFLICT (day) DO UPDATE SET orders = t.orders + 1 RETURNING t.*;

INSERT INTO products (id, sku, name, category, price) VALUES (101, 'SKU-0101', 'New', 'book', 9.99) ON CONFLICT (sku) DO NOTHING RETURNING id;

INSERT INTO tickets (id, account_id, subject, details, opened_at) VALUES ('11111111-1111-1111-1111-111111111111', 5, 'Broken', '{"priority": 1}', '2024-05-05 10:00') RETURNING id, state, details;

INSERT INTO tickets (id, account_id, subject, opened_at) SELECT md5('mass' || a.id)::uuid, a.id, 'Renewal', '2024-06-01' FROM accounts a WHERE a.plan = 'team' AND a.country = 'NO';

INSERT INTO payments (invoice_id, method, amount, received_at) VALUES (2, 'bank', 14.5, '2024-06-01 12:00+00');

INSERT INTO payments (invoice_id, method, card_number, tax_id, amount, received_at) VALUES (2, 'bank', NULL, NULL, 14.5, '2024-06-01 12:00+00') RETURNING method, card_number, tax_id;

INSERT INTO page_views (account_id, path, seconds, at) VALUES (1, '/page/1', 5, '2024-01-10'), (2, '/page/2', 6, '2024-02-10');

INSERT INTO employees (id, name, department, manager_id, hired_on) VALUES (100, 'New Person', 'sales', 1, '2024-06-01') RETURNING *;

UPDATE accounts SET plan = 'pro' WHERE id = 7;

UPDATE accounts SET plan = 'pro', settings = jsonb_set(settings, '{theme}', '"dark"'), labels = labels || '{vip}' WHERE id = 7 RETURNING id, email, plan, settings, labels, updated_at;

UPDATE accounts SET is_active = false, updated_at = now() WHERE created_at < '2023-02-01' AND plan = 'free';

UPDATE accounts SET phone = NULL, birth_date = NULL WHERE id = 8 RETURNING phone, birth_date;

UPDATE accounts a SET plan = 'team' FROM invoices i WHERE i.account_id = a.id AND i.amount > 1000 RETURNING a.id, a.email;

UPDATE accounts SET settings = settings || jsonb_build_object('invoices', (SELECT count(*) FROM invoices i WHERE i.account_id = accounts.id)) WHERE country = 'SE';

UPDATE invoices SET status = 'paid', paid_at = '2024-06-01 00:00+00' WHERE id = 10 AND status <> 'paid' RETURNING id, status;

UPDATE invoices i SET status = 'void' FROM accounts a WHERE a.id = i.account_id AND NOT a.is_active RETURNING i.id, a.email, i.status;

UPDATE invoices SET (status, due_on) = ('sent', issued_on + 14) WHERE status = 'draft' AND account_id IN (SELECT id FROM accounts WHERE country = 'DE');

UPDATE invoices SET amount = l.total FROM (SELECT invoice_id, sum(quantity * unit_price) AS total FROM invoice_lines GROUP BY invoice_id) l WHERE l.invoice_id = invoices.id AND invoices.amount <> l.total;

UPDATE tickets SET state = 'closed', closed_at = '2024-06-01' WHERE id = (SELECT id FROM tickets WHERE state = 'open' ORDER BY opened_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, account_id;

UPDATE tickets t SET employee_id = e.id FROM employees e WHERE e.department = 'support' AND t.employee_id IS NULL;

UPDATE employees SET department = 'build', manager_id = 1 WHERE id = 5 RETURNING id, name, salary;

UPDATE payments SET method = 'wire' WHERE id IN (SELECT p.id FROM payments p JOIN invoices i ON i.id = p.invoice_id WHERE i.currency = 'SEK') RETURNING id, card_number;

DELETE FROM invoice_lines WHERE invoice_id = 4;

DELETE FROM invoices WHERE status = 'draft' AND issued_on < '2024-01-20' RETURNING id, number;

DELETE FROM tickets t USING accounts a WHERE a.id = t.account_id AND NOT a.is_active RETURNING t.id, a.email;

DELETE FROM payments WHERE invoice_id IN (SELECT id FROM invoices WHERE status = 'void') RETURNING *;

DELETE FROM page_views WHERE at < '2024-01-10' AND account_id IN (SELECT id FROM accounts WHERE plan = 'free');

DELETE FROM accounts WHERE id NOT IN (SELECT account_id FROM invoices) AND id NOT IN (SELECT account_id FROM tickets) AND id > 1000 RETURNING id, email;

WITH moved AS (DELETE FROM page_views WHERE at < '2024-01-05' RETURNING *) SELECT count(*), min(at) FROM moved;

WITH paid AS (UPDATE invoices SET status = 'paid' WHERE status = 'sent' AND account_id = 3 RETURNING id, account_id, amount) INSERT INTO payments (invoice_id, method, amount, received_at) SELECT id, 'auto', amount, '2024-06-01' FROM paid RETURNING invoice_id, amount;

WITH target AS (SELECT id FROM accounts WHERE country = 'IT' ORDER BY id LIMIT 3) UPDATE accounts SET plan = 'team' FROM target WHERE target.id = accounts.id RETURNING accounts.id, accounts.full_name;

WITH new_ticket AS (INSERT INTO tickets (id, account_id, subject, opened_at) VALUES ('22222222-2222-2222-2222-222222222222', 6, 'Call back', '2024-06-01') RETURNING id, account_id) SELECT n.id, a.email FROM new_ticket n JOIN accounts a ON a.id = n.account_id;

--: since 15
MERGE INTO daily_totals d USING (SELECT i.issued_on AS day, count(*) AS n, sum(i.amount) AS revenue FROM invoices i JOIN accounts a ON a.id = i.account_id WHERE a.is_active GROUP BY 1) s ON s.day = d.day WHEN MATCHED AND s.n > 0 THEN UPDATE SET orders = s.n, revenue = s.revenue WHEN NOT MATCHED THEN INSERT (day, orders, revenue) VALUES (s.day, s.n, s.revenue);

--: since 15
MERGE INTO invoices i USING accounts a ON a.id = i.account_id AND i.status = 'draft' WHEN MATCHED AND NOT a.is_active THEN DELETE WHEN MATCHED THEN UPDATE SET due_on = i.issued_on + 30;

SELECT id, email, plan FROM accounts WHERE id = 12 FOR UPDATE;
UPDATE accounts SET plan = 'free' WHERE id = 12;
SELECT plan FROM accounts WHERE id = 12;

SAVEPOINT a;
UPDATE accounts SET labels = '{}' WHERE id = 2;
ROLLBACK TO SAVEPOINT a;
SELECT labels FROM accounts WHERE id = 2;
RELEASE SAVEPOINT a;

SELECT a.id, a.email FROM accounts a JOIN tickets t ON t.account_id = a.id WHERE t.state = 'open' ORDER BY a.id FOR UPDATE OF t SKIP LOCKED;

SELECT id, email FROM accounts WHERE plan = 'pro' ORDER BY id FOR NO KEY UPDATE;

SELECT id FROM accounts WHERE id = 1 FOR KEY SHARE NOWAIT;

PREPARE by_country (text) AS SELECT id, email FROM accounts WHERE country = $1 ORDER BY id;
EXECUTE by_country ('SE');
DEALLOCATE by_country;

PREPARE set_plan AS UPDATE accounts SET plan = $2 WHERE id = $1 RETURNING id, email;
EXECUTE set_plan (4, 'pro');
DEALLOCATE ALL;

DECLARE page CURSOR FOR SELECT id, email, plan FROM accounts ORDER BY id;
FETCH 5 FROM page;
MOVE 5 IN page;
FETCH NEXT FROM page;
FETCH FORWARD 3 FROM page;
CLOSE page;

DECLARE back SCROLL CURSOR FOR SELECT id, full_name FROM accounts ORDER BY id;
FETCH LAST FROM back;
FETCH PRIOR FROM back;
FETCH ABSOLUTE 2 FROM back;
CLOSE back;

LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE;

SET LOCAL statement_timeout = '5s';
SELECT count(*) FROM accounts;

SET LOCAL timezone = 'Europe/Stockholm';
SELECT id, email, created_at FROM accounts ORDER BY id LIMIT 3;

SELECT pg_advisory_xact_lock(42);

SELECT set_config('app.tenant', '7', true);

SELECT nextval('invoices_id_seq') > 0 AS next, currval('invoices_id_seq') > 0 AS current;

INSERT INTO subscriptions (note) VALUES ('first'), ('second');
INSERT INTO subscriptions DEFAULT VALUES;
INSERT INTO subscriptions (holder, note) VALUES (DEFAULT, 'third');
INSERT INTO subscriptions (id, note) VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note;
UPDATE subscriptions SET note = 'seen' WHERE id < 4;

UPDATE accounts SET phone = DEFAULT WHERE id = 3;

SELECT nextval('holders') > 0 AS next;

SELECT setval('invoices_id_seq', 1000);
SELECT setval(pg_get_serial_sequence('invoices', 'id'), 1000, false);

--: needed the next holder would be a guess
SELECT setval('holders', 1000);

SELECT pg_notify('jobs', '42');

COPY (SELECT id, email, country FROM accounts ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER);

COPY accounts TO STDOUT;

COPY accounts (id, plan, country) TO STDOUT;

CREATE TEMP TABLE picked ON COMMIT DROP AS SELECT id, plan FROM accounts WHERE country = 'NO';
SELECT plan, count(*) FROM picked GROUP BY plan ORDER BY plan;

CREATE TEMPORARY TABLE staging (LIKE invoice_lines INCLUDING DEFAULTS);
INSERT INTO staging SELECT * FROM invoice_lines WHERE invoice_id < 5;
INSERT INTO invoice_lines SELECT invoice_id, line + 100, product_id, quantity, unit_price FROM staging ON CONFLICT DO NOTHING;

CREATE TABLE report_totals AS SELECT a.country, count(*) AS accounts, sum(i.amount) AS revenue FROM accounts a LEFT JOIN invoices i ON i.account_id = a.id GROUP BY a.country;
SELECT * FROM report_totals ORDER BY country;

CREATE INDEX report_idx ON daily_totals (revenue);

REFRESH MATERIALIZED VIEW m_revenue;

TRUNCATE page_views;

COMMENT ON COLUMN invoices.amount IS 'with tax';

--: alone
VACUUM ANALYZE accounts;

--: alone
ANALYZE invoices, accounts (plan, country);

GRANT SELECT ON accounts TO PUBLIC;

--: needed a copy of a value would outlive a grant
CREATE TABLE kept AS SELECT id, email FROM accounts;

--: needed a copy of a value would outlive a grant
INSERT INTO crm.notes (account_id, body) SELECT 1, full_name FROM accounts LIMIT 1;

--: needed a guess in a column next to a protected one
UPDATE accounts SET tax_id = 'TAX1' WHERE id = 1;
