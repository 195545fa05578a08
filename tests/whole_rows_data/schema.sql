CREATE DOMAIN never_null AS text CHECK (VALUE IS NOT NULL);
CREATE TYPE address AS (street text, zip text);
CREATE TABLE people (
    id int PRIMARY KEY, gone text, name text, email text, born date, code varchar(8), fee numeric(8, 2), home address,
    tags text[], note json, loud text GENERATED ALWAYS AS (upper(name)) STORED, city char(6)
);
ALTER TABLE people DROP COLUMN gone;
ALTER TABLE people ADD COLUMN late int DEFAULT 7;
CREATE TABLE children (school text) INHERITS (people);
CREATE TABLE parts (kind int NOT NULL, secret text, label text) PARTITION BY LIST (kind);
CREATE TABLE part_1 (label text, secret text, kind int NOT NULL);
ALTER TABLE parts ATTACH PARTITION part_1 FOR VALUES IN (1);
CREATE TABLE "Odd ""Name" ("the id" int PRIMARY KEY, "Se cret" text, "select" text, "r" int);
CREATE TABLE orders (id int PRIMARY KEY, person int, total int);
CREATE TABLE strict (id int PRIMARY KEY, word never_null, other text);
CREATE TABLE keyless (a text, secret text, b text);
CREATE TABLE secrets (one text, two text);
CREATE VIEW seen AS SELECT id, name, email, fee FROM people;
INSERT INTO people (id, name, email, born, code, fee, home, tags, note, city)
SELECT i, 'name' || i, 'mail' || i || '@x.org', date '1990-01-01' + i, 'code' || i, i * 1.5, ROW ('street' || i, i)::address, ARRAY['t' || i], '{"a": 1}', 'Oslo'
FROM generate_series(1, 5) i;
INSERT INTO people (id, name) VALUES (6, NULL);
INSERT INTO children (id, name, email, fee, school) VALUES (11, 'kid', 'kid@x.org', 3, 'school');
INSERT INTO parts VALUES (1, 'hidden', 'shown');
INSERT INTO "Odd ""Name" VALUES (1, 'hidden', 'shown', 4);
INSERT INTO orders SELECT i, i % 7, i * 10 FROM generate_series(1, 9) i;
INSERT INTO strict VALUES (1, 'hidden', 'shown');
INSERT INTO secrets VALUES ('hidden', 'too'), (NULL, 'x'), ('y', NULL);
INSERT INTO keyless VALUES ('a', 'hidden', 'b');
