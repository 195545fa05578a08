## Group 4: errors and notices.
== cast to a date fails with the value
SELECT code::date FROM patients ORDER BY id
== to_date fails with the value
SELECT to_date(email, 'YYYY-MM-DD') FROM customers ORDER BY id
== to_number fails for some
SELECT to_number(code, '999') FROM patients ORDER BY id
== overflow for some
SELECT (salary * 30000)::int FROM customers ORDER BY id
== square root of a difference
SELECT sqrt(salary - 50000) FROM customers ORDER BY id
== an error in a filter for some
SELECT id FROM customers WHERE (100 / (salary::int - 20138)) < 5 ORDER BY id
== an error in a join for some
SELECT c.id FROM customers c JOIN orders o ON o.id = 10 / (c.salary::int - 20275) ORDER BY c.id
== a scalar subquery of more than one row for some
SELECT (SELECT o.id FROM orders o WHERE o.customer_id = c.id AND c.salary > 50000) FROM customers c ORDER BY c.id
== not null violated with the row in the detail
BEGIN
UPDATE patients SET id = NULL WHERE id = 2
ROLLBACK
== a trigger's notice under every level
SET client_min_messages = debug1
UPDATE staff SET city = city WHERE id = 3
== the planner's log under every level
SET client_min_messages = log
SET debug_print_parse = on
SELECT email || '' FROM customers WHERE id = 1 ORDER BY id
