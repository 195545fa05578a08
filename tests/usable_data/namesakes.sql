-- Two relations of one name: public.accounts is protected, crm.accounts not.

SELECT id, name, region FROM crm.accounts ORDER BY id;

SELECT * FROM crm.accounts WHERE email LIKE 'info@%' ORDER BY name;

SELECT a.region, count(n.*) FROM crm.accounts a LEFT JOIN crm.notes n ON n.account_id = a.id GROUP BY a.region ORDER BY 1;

SELECT c.name, p.email FROM crm.accounts c JOIN public.accounts p ON p.id = c.id ORDER BY c.id;

SET LOCAL search_path = crm, public;
SELECT id, name, region FROM accounts ORDER BY id;

SET LOCAL search_path = crm, public;
SELECT * FROM accounts ORDER BY name;

SET LOCAL search_path = crm;
SELECT a.region, count(*), max(n.written_at) FROM accounts a JOIN notes n ON n.account_id = a.id GROUP BY a.region ORDER BY 1;

SET LOCAL search_path = crm;
SELECT id, email FROM accounts WHERE owner = 'owner1' ORDER BY id;

SET LOCAL search_path = crm;
UPDATE accounts SET owner = 'owner9' WHERE region = 'north' RETURNING id, owner;

SET LOCAL search_path = crm;
INSERT INTO accounts (id, name, region) VALUES (100, 'New', 'north') RETURNING *;

SET LOCAL search_path = crm;
DELETE FROM notes USING accounts WHERE accounts.id = notes.account_id AND accounts.region = 'south';

SET LOCAL search_path = crm;
SELECT id, name FROM accounts WHERE email = 'info@company3.com';

SET LOCAL search_path = crm;
SELECT split_part(email, '@', 2) AS domain, count(*) FROM accounts WHERE owner IS NOT NULL GROUP BY 1 ORDER BY 1;

SELECT id, remark FROM archive.clients WHERE email LIKE 'public%' ORDER BY email;

SET LOCAL search_path = crm;
SELECT id FROM accounts WHERE email = 'info@company3.com';

SET LOCAL search_path = crm;
SELECT count(*) FROM accounts WHERE email LIKE '%@company1%.com';
