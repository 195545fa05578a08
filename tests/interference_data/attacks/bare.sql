## Group: bare names that only some of what stands in FROM certainly has; keys that hold two texts for one.
== a name that ends in what Unicode calls a space
SET client_encoding = 'UTF8'
SELECT id, pin || '' FROM bare 
== the same by what it computes
SET client_encoding = 'UTF8'
SELECT ascii(up) FROM bare 
SELECT 1 UNION ALL SELECT ascii(up) FROM bare ;
== bare name in an update's condition
BEGIN
UPDATE bare_marks SET t = 'x' FROM bare_vault v WHERE bare_marks.id = v.id AND pin > '4' RETURNING bare_marks.id
ROLLBACK
== bare name in the condition of a merge's action since 15
BEGIN
MERGE INTO bare_marks m USING bare_vault v ON m.id = v.id WHEN MATCHED AND pin > '4' THEN DELETE
ROLLBACK
== bare name in the condition of what a merge leaves alone since 15
BEGIN
MERGE INTO bare_marks m USING bare_vault v ON m.id = v.id WHEN MATCHED AND pin > '4' THEN DO NOTHING WHEN MATCHED THEN UPDATE SET t = 'x'
ROLLBACK
== bare name in what a merge joins by since 15
BEGIN
MERGE INTO bare_marks m USING bare_vault ON m.id = bare_vault.id AND pin > '4' WHEN MATCHED THEN UPDATE SET t = 'x'
ROLLBACK
== bare name of a whole row in an update's condition
BEGIN
UPDATE bare_marks SET t = 'x' FROM bare_vault v WHERE bare_marks.id = v.id AND v::text LIKE '%5pin%'
ROLLBACK
== bare name in a subquery of an update's condition
BEGIN
UPDATE bare_marks SET t = 'x' FROM bare_vault v WHERE v.id = 1 AND bare_marks.id IN (SELECT ascii(substr(pin, p, 1)) FROM generate_series(1, 1) p) RETURNING chr(bare_marks.id) AS letter
ROLLBACK
== bare name in a subquery with a table of the client's
BEGIN
UPDATE bare_marks SET t = 'x' FROM bare_vault v WHERE bare_marks.id = v.id AND EXISTS (SELECT FROM scratch WHERE pin > '4' OR id = 1000 UNION ALL SELECT WHERE pin > '4')
ROLLBACK
== bare name in an update of a temporary table
CREATE TEMP TABLE bare_own (id int, t text)
INSERT INTO bare_own SELECT i, 's' FROM generate_series(1, 4) i
UPDATE bare_own SET t = 'x' FROM bare_vault v WHERE bare_own.id = v.id AND pin > '4' RETURNING bare_own.id
DROP TABLE bare_own
== bare name of a CTE's column in an update's condition
BEGIN
WITH c AS (SELECT id AS i, pin AS p FROM bare_vault) UPDATE bare_marks SET t = 'x' FROM c WHERE bare_marks.id = i AND p > '4'
ROLLBACK
== bare name that an alias gives in an update's condition
BEGIN
UPDATE bare_marks SET t = 'x' FROM bare_vault AS v (i, guess) WHERE bare_marks.id = i AND guess > '4'
ROLLBACK
== bare name held against a parameter in an update
PREPARE bare_ask (text) AS UPDATE bare_marks SET t = 'x' FROM bare_vault v WHERE bare_marks.id = v.id AND pin > $1
BEGIN
EXECUTE bare_ask('4')
ROLLBACK
DEALLOCATE ALL
== bare name in an update of one of two tables
BEGIN
INSERT INTO archive.orders SELECT id FROM bare_vault
INSERT INTO public.orders SELECT id + 1000 FROM bare_vault
UPDATE orders SET placed = NULL FROM bare_vault v WHERE orders.id = v.id + 1000 AND pin > '4'
ROLLBACK
== bare name behind OR in an update's condition
BEGIN
UPDATE bare_marks SET t = 'x' FROM bare_vault v WHERE bare_marks.id = v.id AND (pin > '4' OR bare_marks.id > 1000)
ROLLBACK
== bare name in an update that a CTE makes
BEGIN
WITH u AS (UPDATE bare_marks SET t = 'x' FROM bare_vault v WHERE bare_marks.id = v.id AND pin > '4' RETURNING bare_marks.id) SELECT count(*) FROM u
ROLLBACK
== token in a unique column that ignores case
BEGIN
INSERT INTO blur_cased VALUES (9, '{{SELECT mail FROM blur_from WHERE id = 1}}')
ROLLBACK
== token of a row that is there in a unique column that ignores case
BEGIN
UPDATE blur_cased SET mail = '{{SELECT mail FROM blur_from WHERE id = 1}}' WHERE id = 3
ROLLBACK
== token in part of a key that ignores case
BEGIN
INSERT INTO blur_paired VALUES ('{{SELECT mail FROM blur_from WHERE id = 1}}', 1)
ROLLBACK
== token in an exclusion that ignores case
BEGIN
INSERT INTO blur_excluded VALUES (9, '{{SELECT mail FROM blur_from WHERE id = 1}}')
ROLLBACK
== token in a unique index with a predicate that ignores case
BEGIN
INSERT INTO blur_partial VALUES (9, '{{SELECT mail FROM blur_from WHERE id = 1}}', false)
ROLLBACK
== token in a foreign key that ignores case
BEGIN
INSERT INTO blur_cased_kin VALUES (9, '{{SELECT mail FROM blur_from WHERE id = 1}}')
ROLLBACK
== deleting what a foreign key that ignores case leads to
BEGIN
DELETE FROM blur_cased WHERE id = 2
ROLLBACK
== token in a unique column that ignores blanks
BEGIN
INSERT INTO blur_padded VALUES (9, '{{SELECT code FROM blur_from WHERE id = 1}}')
ROLLBACK
