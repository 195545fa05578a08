## Documents: values at protected paths, in every spelling and beside every accessor.
== document whole
SELECT body, raw, list FROM docs ORDER BY id
== document by a member
SELECT body->'user', raw->'user', body->'items', raw->'codes' FROM docs ORDER BY id
== document value as text
SELECT body->'user'->>'email', raw->'user'->>'email', body->'user'->>'pin' FROM docs ORDER BY id
== document value as JSON
SELECT body->'user'->'email', raw->'user'->'email', body->'user'->'pin' FROM docs ORDER BY id
== document path operator
SELECT body #>> '{user,email}', body #> '{user,email}', raw #>> '{user,email}', body #>> '{items,0,price}' FROM docs ORDER BY id
== document path operator with blanks and quotes
SELECT body #>> '{ user , "email"}', body #>> ARRAY['user', 'email'], body #>> '{user,em}' || '' FROM docs ORDER BY id
== document path with a number as text
SELECT body #>> '{items, 0 ,price}', body #>> '{items,+0,price}', body #>> '{items,-1,0,price}' FROM docs ORDER BY id
== document subscripts since 14
SELECT body['user']['email'], body['items'][0]['price'], body['codes'][0], body['codes']['0'] FROM docs ORDER BY id
== document subscript of an array of documents
SELECT list[1]->'user'->>'email', list[1:1], cardinality(list) FROM docs ORDER BY id
== document extract functions
SELECT jsonb_extract_path(body, 'user', 'email'), jsonb_extract_path_text(body, 'user', 'email'), json_extract_path_text(raw, 'user', 'email') FROM docs ORDER BY id
== document extract function with an array
SELECT jsonb_extract_path_text(body, VARIADIC ARRAY['user', 'email']) FROM docs ORDER BY id
== document key computed
SELECT body->('us' || 'er')->>'email', body->'user'->>concat('e', 'mail') FROM docs ORDER BY id
== document key from a table
SELECT d.body->k.key FROM docs d, (VALUES ('user'), ('items')) k (key) ORDER BY d.id, k.key
== document that contains a protected value
SELECT id, body @> '{"user": {"email": "a1@one.org"}}', body->'user' @> '{"email": "zz50@two.net"}' FROM docs ORDER BY id
== document that contains what is inside a protected value
SELECT id, body @> '{"user": {"email": {"x": 3}}}', body @> '{"user": {"email": {}}}', body @> '{"codes": [{"deep": [1]}]}' FROM docs ORDER BY id
== document that contains an element of a protected list
SELECT id, body @> '{"codes": ["c"]}', body @> '{"codes": "c"}', body->'codes' @> '["c"]', body->'codes' @> '"c"', body->'codes' ? 'c' FROM docs ORDER BY id
== document that contains a protected value in nested lists
SELECT id, body @> '{"items": [{"price": 1030}]}', body @> '{"items": [[{"price": 2998}]]}' FROM docs ORDER BY id
== document contained in one of the client's
SELECT id, body->'user'->'email' <@ '"a1@one.org"', '{"user": {"pin": 7}}' <@ body FROM docs ORDER BY id
== document that has a protected key
SELECT id, body->'user'->'email' ? 'x', body->'user'->'email' ?| ARRAY['x'], body->'user'->'email' ?& '{x}' FROM docs ORDER BY id
== document that contains a protected list of any shape
SELECT id, body @> '{"codes": "x"}', body @> '{"codes": {"x": 1}}', body->'codes' ? 'x' FROM doc_codes ORDER BY id
== document inside a protected value
SELECT body->'user'->'email'->'x', body->'user'->'email'->>'x', raw->'codes'->0->'deep', body->'codes'->0->'deep'->>0 FROM docs ORDER BY id
== document inside a protected value is there
SELECT id FROM docs WHERE body->'user'->'email'->'x' IS NOT NULL ORDER BY id
== document element of a protected list
SELECT body->'codes'->>0, body->'codes'->0, body->'codes'->-1, body->'codes'->>2 FROM docs ORDER BY id
== document element is there
SELECT id FROM docs WHERE body->'codes'->0->'deep' IS NULL ORDER BY id
== document element of what is no list
SELECT body->'codes'->0, body->'codes'->>0, body->'codes'->-1 FROM doc_codes ORDER BY id
== document element of what is no list is there
SELECT body->'codes'->0 IS NULL, raw->'codes'->0 IS NULL FROM doc_codes ORDER BY id
== document element of what is no list chooses rows
SELECT id FROM doc_codes WHERE body->'codes'->>0 IS NOT NULL ORDER BY id
== document elements of what is no list counted
SELECT count(body->'codes'->0), count(body #> ARRAY['codes'] -> 0), count(body #> '{codes}' -> 0) FROM doc_codes WHERE id < 3
== document as text
SELECT body::text, raw::text, (body->'user')::text, body->>'user' FROM docs ORDER BY id
== document length
SELECT length(body::text), length(body->>'user'), pg_column_size(body) FROM docs ORDER BY id
== document type of a value
SELECT jsonb_typeof(body->'user'->'email'), json_typeof(raw->'user'->'email') FROM docs ORDER BY id
== document predicate on a value
SELECT id FROM docs WHERE body->'user'->>'email' LIKE 'a%' ORDER BY id
== document equality with a guess
SELECT id FROM docs WHERE body->'user'->>'email' = 'a1@one.org'
== document equality with a guess of a hash
SELECT id FROM docs WHERE body->'user'->>'pin' = '7' ORDER BY id
== document containment
SELECT id FROM docs WHERE body @> '{"user": {"email": "a1@one.org"}}'
== document contained
SELECT id FROM docs WHERE body->'user' <@ '{"email": "a1@one.org", "name": "n1", "pin": 7}' OR body->'codes' @> '["c"]' ORDER BY id
== document has a key
SELECT id FROM docs WHERE body->'user'->'email' ? 'x' ORDER BY id
== document jsonpath predicate
SELECT id FROM docs WHERE body @@ '$.user.email starts with "a"' OR body @? '$.codes[*].deep' ORDER BY id
== document jsonpath query
SELECT jsonb_path_query(body, '$.user.email'), jsonb_path_query_first(body, '$.**.price') FROM docs ORDER BY id
== document taken apart
SELECT d.id, e.key, e.value FROM docs d, jsonb_each(d.body) e ORDER BY d.id, e.key
== document taken apart as text
SELECT d.id, e.key, e.value FROM docs d, jsonb_each_text(d.body->'user') e ORDER BY d.id, e.key
== document elements
SELECT d.id, e FROM docs d, jsonb_array_elements(d.body->'items') e ORDER BY d.id
== document elements in an output
SELECT id, jsonb_array_elements(body->'codes') FROM docs ORDER BY id
== document elements counted
SELECT id, jsonb_array_length(body->'codes'->0->'deep') FROM docs ORDER BY id
== document to a record
SELECT r.email FROM docs d, jsonb_to_record(d.body->'user') r (email text) ORDER BY d.id
== document to a record set
SELECT (jsonb_populate_record(NULL::docs, jsonb_build_object('body', body))).body->'user'->>'email' FROM docs ORDER BY id
== document rebuilt
SELECT jsonb_set(body, '{user,email}', body->'user'->'email'), body || jsonb_build_object('copy', body->'user'), jsonb_strip_nulls(body) FROM docs ORDER BY id
== document through jsonb
SELECT raw::jsonb->'user'->>'email', to_jsonb(raw)->'user', body::json->'user' FROM docs ORDER BY id
== document cut
SELECT body - 'kind', body #- '{user,name}' FROM docs ORDER BY id
== document aggregated
SELECT jsonb_agg(body ORDER BY id), json_object_agg(id, body->'user'), string_agg(body->'user'->>'email', ',' ORDER BY id) FROM docs
== document in a whole row
SELECT to_jsonb(d)->'body'->'user', row_to_json(d), d::text FROM docs d ORDER BY d.id
== document order
SELECT id FROM docs ORDER BY body->'user'->>'email'
== document order as JSON
SELECT id FROM docs ORDER BY body->'user'->'email', id
== document minimum
SELECT min(body->'user'->>'email'), max(raw->'user'->>'pin') FROM docs
== document grouping
SELECT count(*) FROM docs GROUP BY body->'user'->>'email' ORDER BY 1
== document grouping by a list
SELECT body->'codes', count(*) FROM docs GROUP BY body->'codes' ORDER BY 2
== document distinct as JSON
SELECT count(DISTINCT body->'user'->'email'), count(DISTINCT body) FROM docs
== document grouping by a hash
SELECT body->'user'->>'pin', count(*) FROM docs GROUP BY body->'user'->>'pin' ORDER BY min(id)
== document joined by a value
SELECT a.id, b.id FROM docs a JOIN docs b ON a.body->'user'->>'email' < b.body->'user'->>'email' ORDER BY a.id, b.id
== document set operation
SELECT body->'user'->>'email' FROM docs UNION SELECT 'a1@one.org' ORDER BY 1
== document branches
SELECT coalesce(body->'user'->>'email', 'x'), CASE WHEN id > 3 THEN body->'user'->'email' ELSE '1' END, nullif(body->'user'->>'email', 'a1@one.org') FROM docs ORDER BY id
== document upper case
SELECT upper(body->'user'->>'email'), lower(body->'user'->>'pin'), trim(raw->'user'->>'email') FROM docs ORDER BY id
== document in an error
SELECT (body->'user'->>'email')::int FROM docs
== document value as a number
SELECT (body->'items'->0->>'price')::numeric, (body->'items'->0->'price')::int FROM docs ORDER BY id
== document view
SELECT who, mail, kind, size, who->>'email', who->'pin' FROM v_docs ORDER BY id
== document view predicate
SELECT id FROM v_docs WHERE mail > 'b' ORDER BY id
== document view computed
SELECT id FROM v_docs WHERE size > 9 ORDER BY id
== document CTE
WITH u AS MATERIALIZED (SELECT id, body->'user' AS who FROM docs) SELECT who->>'email', x.w->'email' FROM u, LATERAL (SELECT who AS w) x ORDER BY u.id
== document recursive CTE
WITH RECURSIVE r (id, v) AS (SELECT id, body FROM docs UNION ALL SELECT id, v->'user' FROM r WHERE v ? 'user') SELECT id, v FROM r ORDER BY id, v
== document copied out
COPY docs TO STDOUT
== document copied out as binary
COPY (SELECT body->'user', list FROM docs ORDER BY id) TO STDOUT (FORMAT binary)
== document cursor
BEGIN
DECLARE c SCROLL CURSOR FOR SELECT body, body->'user'->>'email' FROM docs ORDER BY id
FETCH 2 FROM c
FETCH ABSOLUTE 7 FROM c
ROLLBACK
== document prepared
PREPARE d (text) AS SELECT body->$1 FROM docs ORDER BY id
EXECUTE d ('user')
== document returned by a write
BEGIN
UPDATE docs SET id = id + 100 WHERE id = 1 RETURNING body, body->'user'->>'email', raw
ROLLBACK
== document written from itself
BEGIN
UPDATE docs SET body = jsonb_set(body, '{kind}', body->'user'->'email') WHERE id = 2 RETURNING body->>'kind'
ROLLBACK
== document index as an oracle
BEGIN
CREATE UNIQUE INDEX ON docs ((body->'user'->>'email'))
ROLLBACK
== document statistics
SELECT tablename, attname, n_distinct, most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename IN ('docs', 'docs_email') ORDER BY 1, 2
== document subscript written since 14
BEGIN
UPDATE docs SET body['kind'] = body['user']['email'] WHERE id = 3 RETURNING body['kind']
ROLLBACK
== document with a client's own operator
BEGIN
CREATE FUNCTION seen(jsonb, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text'
CREATE OPERATOR ->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = seen)
SELECT body OPERATOR(public.->>) 'kind' FROM docs ORDER BY id
ROLLBACK
