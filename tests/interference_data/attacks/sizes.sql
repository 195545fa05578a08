## Group: how long values are, by what the server says of others.
== how the neighbour of a value is stored
BEGIN
UPDATE sized SET note = repeat('x', 1976)
SELECT id, pg_column_size(note) FROM sized ORDER BY id
ROLLBACK
== the size of a row's neighbours
BEGIN
UPDATE sized SET note = repeat('x', 1976)
SELECT id, pg_column_size((SELECT note)) FROM sized ORDER BY id
ROLLBACK
== how the neighbour of a value is compressed since 14
BEGIN
UPDATE sized SET note = repeat('x', 1976)
SELECT id, pg_column_compression(note) FROM sized ORDER BY id
ROLLBACK
== whether the neighbour of a value is stored outside since 17
BEGIN
UPDATE sized SET note = (SELECT string_agg(substr(md5(g::text), 1, 26), '') FROM generate_series(1, 76) g)
SELECT id, pg_column_toast_chunk_id(note) IS NULL FROM sized ORDER BY id
ROLLBACK
== a copy of the neighbour of a value
BEGIN
UPDATE sized SET note = repeat('x', 1976)
CREATE TEMP TABLE sized_copy AS SELECT id, note FROM sized
SELECT id, pg_column_size(note) FROM sized_copy ORDER BY id
ROLLBACK
== a function that is given the neighbour of a value
BEGIN
UPDATE sized SET note = repeat('x', 1976)
CREATE FUNCTION zsize(t text) RETURNS int LANGUAGE sql AS 'SELECT pg_column_size($1)'
SELECT id, zsize(note) FROM sized ORDER BY id
ROLLBACK
== a function of a DBA's that is given the neighbour of a value
BEGIN
UPDATE sized SET note = repeat('x', 1976)
SELECT id, stored_size(note) FROM sized ORDER BY id
ROLLBACK
== the length of values, as COPY passes, read by a function that names nothing else since 14
BEGIN
CREATE FUNCTION zpassed() RETURNS bigint LANGUAGE sql AS $$ SELECT bytes_processed FROM pg_stat_progress_copy WHERE pid = pg_backend_pid() $$
COPY (SELECT id, secret, zpassed() FROM sized) TO STDOUT
ROLLBACK
== by a view that names nothing else since 14
BEGIN
CREATE TEMP VIEW zpassing AS SELECT bytes_processed AS b FROM pg_stat_progress_copy WHERE pid = pg_backend_pid()
COPY (SELECT id, secret, (SELECT b FROM zpassing WHERE s.id > 0) FROM sized s) TO STDOUT
ROLLBACK
