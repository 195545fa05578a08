## Names without a schema that may mean several relations: too many to be read one by one, or told apart by their columns.
== a predicate of four places
SET search_path = let_b, public
SELECT l.id FROM lodgers l WHERE l.code < '8' AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== a predicate of seven places
SET search_path = let_b, public
SELECT l.id FROM lodgers l WHERE l.code < '8' AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a predicate on a bare name of four places
SET search_path = let_b, public
SELECT room FROM lodgers WHERE code < '8' AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY room
RESET search_path
== a predicate on a bare name of seven places
SET search_path = let_b, public
SELECT room FROM lodgers WHERE code < '8' AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY room
RESET search_path
== what a column becomes of four places
SET search_path = let_b, public
SELECT l.id, l.name || '!' FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== what a column becomes of seven places
SET search_path = let_b, public
SELECT l.id, l.name || '!' FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a bare column made longer of four places
SET search_path = let_b, public
SELECT id, code || '' FROM lodgers WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY id
RESET search_path
== a bare column made longer of seven places
SET search_path = let_b, public
SELECT id, code || '' FROM lodgers WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY id
RESET search_path
== an order of four places
SET search_path = let_b, public
SELECT l.id FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.name, l.id LIMIT 3
RESET search_path
== an order of seven places
SET search_path = let_b, public
SELECT l.id FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.name, l.id LIMIT 3
RESET search_path
== an order by a bare name of four places
SET search_path = let_b, public
SELECT id FROM lodgers WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY code DESC, id LIMIT 4
RESET search_path
== an order by a bare name of seven places
SET search_path = let_b, public
SELECT id FROM lodgers WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY code DESC, id LIMIT 4
RESET search_path
== a group of four places
SET search_path = let_b, public
SELECT count(*) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 GROUP BY l.name < '8' ORDER BY 1
RESET search_path
== a group of seven places
SET search_path = let_b, public
SELECT count(*) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 GROUP BY l.name < '8' ORDER BY 1
RESET search_path
== a whole row of four places
SET search_path = let_b, public
SELECT l FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row of seven places
SET search_path = let_b, public
SELECT l FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row as text of four places
SET search_path = let_b, public
SELECT l::text FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row as text of seven places
SET search_path = let_b, public
SELECT l::text FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row as json of four places
SET search_path = let_b, public
SELECT row_to_json(l) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row as json of seven places
SET search_path = let_b, public
SELECT row_to_json(l) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row by a function's name of four places
SET search_path = let_b, public
SELECT l.row_to_json FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row by a function's name of seven places
SET search_path = let_b, public
SELECT l.row_to_json FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row compared of four places
SET search_path = let_b, public
SELECT l.id FROM lodgers l WHERE l < ROW(9, '', '', 0) AND l::text < '(1,8' AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== a whole row compared of seven places
SET search_path = let_b, public
SELECT l.id FROM lodgers l WHERE l < ROW(9, '', '', 0) AND l::text < '(1,8' AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a row's columns of four places
SET search_path = let_b, public
SELECT (l).* FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY 1
RESET search_path
== a row's columns of seven places
SET search_path = let_b, public
SELECT (l).* FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
RESET search_path
== a row's field of four places
SET search_path = let_b, public
SELECT (l).code || '' FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== a row's field of seven places
SET search_path = let_b, public
SELECT (l).code || '' FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a star of four places
SET search_path = let_b, public
SELECT l.* FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY l.id
RESET search_path
== a star of seven places
SET search_path = let_b, public
SELECT l.* FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== a star with names of four places
SET search_path = let_b, public
SELECT x.c || '' FROM lodgers AS x (a, b, c) WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY x.a
RESET search_path
== a star with names of seven places
SET search_path = let_b, public
SELECT x.c || '' FROM lodgers AS x (a, b, c) WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY x.a
RESET search_path
== a star in a subquery of four places
SET search_path = let_b, public
SELECT q.name || '' FROM (SELECT * FROM lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY q.id
RESET search_path
== a star in a subquery of seven places
SET search_path = let_b, public
SELECT q.name || '' FROM (SELECT * FROM lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY q.id
RESET search_path
== a set operation of stars of four places
SET search_path = let_b, public
SELECT q.name || '' FROM (SELECT * FROM lodgers UNION ALL SELECT * FROM lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY q.id, 1
RESET search_path
== a set operation of stars of seven places
SET search_path = let_b, public
SELECT q.name || '' FROM (SELECT * FROM lodgers UNION ALL SELECT * FROM lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY q.id, 1
RESET search_path
== a set operation that tells what is the same of four places
SET search_path = let_b, public
SELECT count(*) FROM (SELECT left(name, 1) FROM lodgers UNION SELECT left(name, 1) FROM lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1
RESET search_path
== a set operation that tells what is the same of seven places
SET search_path = let_b, public
SELECT count(*) FROM (SELECT left(name, 1) FROM lodgers UNION SELECT left(name, 1) FROM lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1
RESET search_path
== a natural join of four places
SET search_path = let_b, public
SELECT count(*) FROM lodgers NATURAL JOIN (SELECT code, room FROM let_b.lodgers WHERE code < '8') q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1
RESET search_path
== a natural join of seven places
SET search_path = let_b, public
SELECT count(*) FROM lodgers NATURAL JOIN (SELECT code, room FROM let_b.lodgers WHERE code < '8') q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1
RESET search_path
== a join by USING of four places
SET search_path = let_b, public
SELECT count(*) FROM lodgers JOIN (SELECT max(code) AS code FROM let_b.lodgers) q USING (code) JOIN (SELECT id FROM generate_series(1, 3) id) r USING (id) WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1
RESET search_path
== a join by USING of seven places
SET search_path = let_b, public
SELECT count(*) FROM lodgers JOIN (SELECT max(code) AS code FROM let_b.lodgers) q USING (code) JOIN (SELECT id FROM generate_series(1, 3) id) r USING (id) WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1
RESET search_path
== a join by what one of them lacks of four places
SET search_path = let_b, public
SELECT l.id, k.id FROM lodgers l JOIN lodgers k ON k.code < l.code WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY 1, 2
RESET search_path
== a join by what one of them lacks of seven places
SET search_path = let_b, public
SELECT l.id, k.id FROM lodgers l JOIN lodgers k ON k.code < l.code WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1, 2
RESET search_path
== a name further out of four places
SET search_path = let_b, public
SELECT q.id, (SELECT code || '' FROM lodgers l LIMIT 1) FROM (SELECT id, name AS code FROM let_b.lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY 1
RESET search_path
== a name further out of seven places
SET search_path = let_b, public
SELECT q.id, (SELECT code || '' FROM lodgers l LIMIT 1) FROM (SELECT id, name AS code FROM let_b.lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
RESET search_path
== a name that others have of four places
SET search_path = let_b, public
SELECT q.id, note || '' FROM lodgers, (SELECT id, code AS note FROM let_b.lodgers) q WHERE lodgers.id = q.id AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY 1
RESET search_path
== a name that others have of seven places
SET search_path = let_b, public
SELECT q.id, note || '' FROM lodgers, (SELECT id, code AS note FROM let_b.lodgers) q WHERE lodgers.id = q.id AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
RESET search_path
== a name further out that is not there of four places
SET search_path = let_b, public
SELECT q.id, (SELECT note || '' FROM lodgers l LIMIT 1) FROM (SELECT id, code AS note FROM let_b.lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY 1
RESET search_path
== a name further out that is not there of seven places
SET search_path = let_b, public
SELECT q.id, (SELECT note || '' FROM lodgers l LIMIT 1) FROM (SELECT id, code AS note FROM let_b.lodgers) q WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
RESET search_path
== a branch of four places
SET search_path = let_b, public
SELECT l.id, CASE WHEN l.code < '8' THEN 'low' ELSE 'high' END FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY 1
RESET search_path
== a branch of seven places
SET search_path = let_b, public
SELECT l.id, CASE WHEN l.code < '8' THEN 'low' ELSE 'high' END FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
RESET search_path
== an aggregate of four places
SET search_path = let_b, public
SELECT max(l.name), min(l.code) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1
RESET search_path
== an aggregate of seven places
SET search_path = let_b, public
SELECT max(l.name), min(l.code) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1
RESET search_path
== what is distinct of four places
SET search_path = let_b, public
SELECT DISTINCT left(l.name, 1) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY 1
RESET search_path
== what is distinct of seven places
SET search_path = let_b, public
SELECT DISTINCT left(l.name, 1) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
RESET search_path
== what is distinct by stars of four places
SET search_path = let_b, public
SELECT DISTINCT l.* FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 LIMIT 3
RESET search_path
== what is distinct by stars of seven places
SET search_path = let_b, public
SELECT DISTINCT l.* FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 LIMIT 3
RESET search_path
== a window of four places
SET search_path = let_b, public
SELECT l.id, row_number() OVER (ORDER BY l.name) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c WHERE a.id = 1 AND b.id = 1 AND c.id = 1) = 1 ORDER BY 1
RESET search_path
== a window of seven places
SET search_path = let_b, public
SELECT l.id, row_number() OVER (ORDER BY l.name) FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
RESET search_path
== what is the server's word for one place is none for another
SET search_path = archive, public
SELECT l.name, k.code || '' FROM lodgers l, let_a.lodgers k WHERE k.id = l.id AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY l.id
RESET search_path
== DISTINCT that readings of other lengths share, by what is sorted
SET search_path = let_b, public
SELECT DISTINCT l.*, l.name FROM lodgers l LIMIT 3
RESET search_path
== DISTINCT of one column that no key determines
SET search_path = let_b, public
SELECT DISTINCT l.name, l.room / 9 FROM lodgers l, generate_series(1, 2) LIMIT 3
RESET search_path
== a namesake that gains a column in the transaction, told apart by it
SET search_path = archive, public
BEGIN
ALTER TABLE archive.lodgers ADD COLUMN code text
UPDATE archive.lodgers SET code = 'c'
SELECT (SELECT code::text || '' FROM lodgers l WHERE l.code < k.code LIMIT 1) FROM let_a.lodgers k ORDER BY k.id
ROLLBACK
RESET search_path
== a namesake whose parent loses a column in the transaction
SET search_path = archive, public
BEGIN
ALTER TABLE archive.lodging RENAME COLUMN name TO nothing
SELECT (SELECT name || '' FROM lodgers l LIMIT 1) FROM (SELECT id, code AS name FROM let_a.lodgers) q ORDER BY q.id
ROLLBACK
RESET search_path
== a namesake whose parent loses a column in the same text
SET search_path = archive, public
BEGIN; ALTER TABLE archive.lodging RENAME COLUMN name TO nothing; SELECT (SELECT name || '' FROM lodgers l LIMIT 1) FROM (SELECT id, code AS name FROM let_a.lodgers) q ORDER BY q.id; ROLLBACK
RESET search_path
== a namesake whose parent loses a column, in one pipeline
SET search_path = archive, public
| BEGIN
| ALTER TABLE archive.lodging RENAME COLUMN name TO nothing
| SELECT (SELECT name || '' FROM lodgers l LIMIT 1) FROM (SELECT id, code AS name FROM let_a.lodgers) q ORDER BY q.id
| ROLLBACK
== a namesake that loses a column with its type
SET search_path = archive, public
BEGIN
DROP DOMAIN lodging_room CASCADE
SELECT (SELECT room::text || '' FROM lodgers l LIMIT 1) FROM (SELECT id, code AS room FROM let_a.lodgers) q ORDER BY q.id
ROLLBACK
RESET search_path
== a namesake that loses a column behind a savepoint
SET search_path = archive, public
BEGIN
ALTER TABLE archive.lodgers RENAME COLUMN room TO nothing
SAVEPOINT s
ALTER TABLE archive.lodgers RENAME COLUMN nothing TO room
ROLLBACK TO s
SELECT (SELECT room::text || '' FROM lodgers l LIMIT 1) FROM (SELECT id, code AS room FROM let_a.lodgers) q ORDER BY q.id
ROLLBACK
RESET search_path
== a namesake dropped, so that the next one is meant
SET search_path = archive, let_b
BEGIN
DROP TABLE archive.lodgers
SELECT id, name || '', code || '' FROM lodgers ORDER BY id
ROLLBACK
RESET search_path
== a namesake that becomes another relation
SET search_path = archive, let_b
BEGIN
ALTER TABLE archive.lodgers RENAME TO elsewhere
SELECT id, name || '' FROM lodgers ORDER BY id
ROLLBACK
RESET search_path
== a temporary namesake in the transaction
SET search_path = let_b
BEGIN
CREATE TEMP TABLE lodgers (id int, nothing text)
INSERT INTO pg_temp.lodgers VALUES (1, 'x')
SELECT (SELECT room::text || '' FROM lodgers l LIMIT 1) FROM (SELECT id, code AS room FROM let_a.lodgers) q ORDER BY q.id
ROLLBACK
RESET search_path
== a table of another name counts columns that a namesake has
SET search_path = let_b, public
CREATE TABLE loose_l (a int, b int)
INSERT INTO loose_l VALUES (1, 2)
BEGIN
ALTER TABLE loose_l ADD COLUMN c int
ALTER TABLE loose_l DROP COLUMN a
SELECT s.*, q.* FROM loose_l s, (SELECT l.* FROM lodgers l UNION ALL SELECT l.* FROM lodgers l) q ORDER BY 4, 3
ROLLBACK
DROP TABLE loose_l
RESET search_path
== stars of a table that loses columns beside those of a namesake
SET search_path = let_b, public
CREATE TABLE loose_l (a int, b int)
INSERT INTO loose_l VALUES (1, 2)
BEGIN
ALTER TABLE loose_l DROP COLUMN a
SELECT s.*, q.*, 1 FROM loose_l s, (SELECT l.* FROM lodgers l OFFSET 0) q ORDER BY 2
ROLLBACK
DROP TABLE loose_l
RESET search_path
== a copy of a table that a namesake of other columns is not
SET search_path = let_b, public
COPY lodgers TO STDOUT
COPY lodgers (id, name) TO STDOUT
COPY lodgers (id, code) TO STDOUT
COPY (SELECT l.* FROM lodgers l) TO STDOUT
RESET search_path
== a copy of a namesake that is another by then
SET search_path = archive
SET search_path = let_b; COPY lodgers (id, name) TO STDOUT
RESET search_path
== a copy of many readings
SET search_path = let_b, public
COPY (SELECT l.id, l.name, l.code FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1) TO STDOUT
RESET search_path
== a cursor of many readings
SET search_path = let_b, public
BEGIN
DECLARE several CURSOR FOR SELECT l.id, l.name, l.code || '' FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
FETCH ALL FROM several
ROLLBACK
RESET search_path
== a prepared statement of many readings, run under another search path
SET search_path = archive, public
PREPARE severally AS SELECT l.id, l.name FROM lodgers l WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
SET search_path = let_b, public
EXECUTE severally
DEALLOCATE severally
RESET search_path
== what is written by many readings
SET search_path = archive, public
BEGIN
UPDATE lodgers l SET note = k.code FROM let_b.lodgers k WHERE k.id = l.id AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1
SELECT id, note FROM archive.lodgers ORDER BY id
ROLLBACK
RESET search_path
== rows that are chosen for a write by many readings
SET search_path = archive, let_b
BEGIN
UPDATE archive.lodgers l SET note = 'x' FROM let_b.lodgers k WHERE k.id = l.id AND k.code < '8' AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1
SELECT id, note FROM archive.lodgers ORDER BY id
ROLLBACK
RESET search_path
== a guess in a namesake that meets a column of many readings
SET search_path = let_b, public
SELECT k.id FROM lodgers k JOIN archive.lodgers l ON l.id || '' < k.code WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 ORDER BY 1
RESET search_path
== a column of many readings beside values of the client's choice
SET search_path = let_b, public
SELECT q.code || '' FROM (SELECT code FROM lodgers WHERE (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1 UNION ALL SELECT note FROM archive.lodgers) q ORDER BY 1
RESET search_path
== an explanation of many readings
SET search_path = let_b, public
EXPLAIN SELECT l.id FROM lodgers l WHERE l.code = '{{SELECT code FROM let_b.lodgers ORDER BY id LIMIT 1}}' AND (SELECT count(*) FROM lodgers a, lodgers b, lodgers c, lodgers d, lodgers e, lodgers f WHERE a.id = 1 AND b.id = 1 AND c.id = 1 AND d.id = 1 AND e.id = 1 AND f.id = 1) = 1
RESET search_path
