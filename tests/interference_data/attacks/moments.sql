## Group: what is described in one moment and read in another, behind code or settings of the client's.
== a copy described under one search path and run under another
SET search_path = archive
SET search_path = public; COPY (SELECT code FROM wages) TO STDOUT
== a copy behind a function that sets the search path
SET search_path = archive
SELECT set_config('search_path', 'public', false); COPY (SELECT code FROM wages) TO STDOUT
== a copy behind the end of a transaction that had set the search path
SET search_path = public
BEGIN
SET search_path = archive
ROLLBACK; COPY (SELECT code FROM wages) TO STDOUT
== a copy of a table under one search path and another
SET search_path = archive
SET search_path = public; COPY wages TO STDOUT
== a copy of a table's columns under one search path and another
SET search_path = archive
SELECT set_config('search_path', 'public', false); COPY wages (id, code) TO STDOUT (FORMAT csv)
== a copy of stars under one search path and another
SET search_path = archive
SET search_path = public; COPY (SELECT * FROM wages) TO STDOUT
== an execute whose argument sets the search path
SET search_path = archive
PREPARE mow(text) AS SELECT code FROM wages
EXECUTE mow(set_config('search_path', 'public', false))
== an execute whose argument sets the search path, beside a column without a mask
SET search_path = archive
PREPARE mox(text) AS SELECT code::varchar, id FROM wages
EXECUTE mox(set_config('search_path', 'public', false))
== an execute whose argument makes guesses those of a domain
SELECT code FROM public.wages ORDER BY id
SET search_path = public
PREPARE moy(text) AS SELECT code FROM wages ORDER BY id
EXECUTE moy(set_config('search_path', 'archive', false))
== an execute that sets the search path before its rows are described
SET search_path = public
PREPARE moz AS SELECT code, set_config('search_path', 'archive', false) FROM wages
EXECUTE moz
== letters of several bytes without an encoding
SET client_encoding = 'SQL_ASCII'
SELECT id, s FROM short_names ORDER BY id
== a child's rows by the rule of its parent
SELECT * FROM kin ORDER BY id
== a partition's rows by the rule of the whole
SELECT * FROM shelves ORDER BY id
== a child's rows by the rule of another child
SELECT count(*) FROM elders WHERE s LIKE 'l%' AND id = 1
