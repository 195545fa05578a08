## Group 7: names in every spelling.
== a name of sixty-two bytes cut before a longer character
SELECT secret || '' FROM a_name_of_exactly_sixty_two_bytes_so_that_one_more_letter_fitsé ORDER BY id
== a name of sixty-two bytes cut in quotes
SELECT secret || '' FROM "a_name_of_exactly_sixty_two_bytes_so_that_one_more_letter_fitsßx" ORDER BY id
== a name with its database
SELECT c.email || '' FROM public.customers AS c ORDER BY c.id
== a name in capitals
SELECT EMAIL || '' FROM PUBLIC.CUSTOMERS ORDER BY ID
== a name by an escape of six digits
SELECT U&"\+000065mail" || '' FROM U&"\+000063ustomers" ORDER BY id
== an alias that is another table's name
SELECT orders.email || '' FROM customers AS orders ORDER BY orders.id
== a column alias that is another column's name
SELECT id || '' FROM (SELECT email AS id FROM customers) q ORDER BY 1
== a CTE called like a protected table
WITH staff AS (SELECT email AS ssn FROM customers) SELECT ssn || '' FROM staff ORDER BY 1
== a name found by a search path
SET search_path = public, archive
SELECT email || '' FROM customers ORDER BY id
== a role with another search path
SET ROLE shop_owner
SELECT code || '' FROM patients ORDER BY id
RESET ROLE
== a schema renamed in the same text
ALTER SCHEMA archive RENAME TO attic; SELECT email || '' FROM customers ORDER BY id; ALTER SCHEMA attic RENAME TO archive
