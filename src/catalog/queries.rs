//! The SQL that reads the catalogs of PostgreSQL 13 to 18. Every statement
//! reads one kind of object for the whole database; none runs per relation.
//!
//! They run with `search_path = pg_catalog`, so that what PostgreSQL prints
//! (`pg_get_viewdef` …) qualifies every name. `$1` is the list of relations
//! under an AccessExclusiveLock: printing a definition that reads one of
//! these would wait for somebody's DDL, maybe for a session that waits for us.

/// Operator → functions that it may run: its own, and those of its negator and
/// commutator, which the planner may put in its place (`negate_clause` in
/// `prepqual.c`, `CommuteOpExpr` in `clauses.c`).
macro_rules! operator_functions {
    () => {
        "(SELECT DISTINCT o.oid AS operator, r.oprcode::oid AS function
          FROM pg_operator o
          LEFT JOIN pg_operator n ON n.oid = o.oprnegate
          LEFT JOIN pg_operator c ON c.oid = o.oprcom
          CROSS JOIN LATERAL
              (VALUES (o.oid), (o.oprnegate), (o.oprcom), (n.oprcom), (c.oprnegate)) v (oid)
          JOIN pg_operator r ON r.oid = v.oid
          WHERE o.oid >= 16384 AND r.oprcode::oid <> 0)"
    };
}

/// `pg_depend`, and for each operator in it the functions that it may run.
macro_rules! dependence {
    () => {
        concat!(
            "(SELECT classid, objid, refclassid, refobjid, deptype FROM pg_depend
              UNION ALL
              SELECT d.classid, d.objid, 'pg_proc'::regclass, f.function, d.deptype
              FROM pg_depend d JOIN ",
            operator_functions!(),
            " f ON f.operator = d.refobjid
              WHERE d.refclassid = 'pg_operator'::regclass)"
        )
    };
}

/// Relations that DDL holds, or waits for.
pub(super) const HELD: &str = "
SELECT DISTINCT l.relation
FROM pg_locks l
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";

pub(super) const DATABASE: &str = "
SELECT current_setting('server_version_num')::int4, current_database()::text, oid
FROM pg_database WHERE datname = current_database()";

/// A line that changes with what comes with the server: most of a catalog, and
/// nearly never another one.
pub(super) const BUILTINS: &str = "
SELECT concat_ws(' ',
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_namespace WHERE oid < 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_class WHERE oid < 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_attribute WHERE attrelid < 16384 AND attnum > 0),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_proc WHERE oid < 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_type WHERE oid < 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_collation WHERE oid < 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_language),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_extension))";

/// Of `{part}`: what comes with the server.
pub(super) const OF_SERVER: &str = "< 16384";
/// Of `{part}`: what users made.
pub(super) const OF_USERS: &str = ">= 16384";

pub(super) const RELATIONS: &str = "
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.reltoastrelid,
       pg_get_userbyid(c.relowner)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid {part} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 't')";

/// Collations 100, 950 and 951 are "default", "C" and "POSIX" (`pg_collation.dat`).
/// A column without a default of its own has its domain's (`build_column_default`
/// in `rewriteHandler.c`).
pub(super) const COLUMNS: &str = "
SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, a.atttypmod, a.attnotnull,
       a.attcollation IN (SELECT oid FROM pg_collation WHERE NOT collisdeterministic),
       a.atthasmissing,
       CASE WHEN a.attfdwoptions IS NOT NULL THEN
           (SELECT o.option_value FROM pg_options_to_table(a.attfdwoptions) o
            WHERE o.option_name = 'column_name') END,
       a.attcollation NOT IN (0, 100, 950, 951),
       a.attidentity <> '',
       (SELECT pg_get_expr(t.typdefaultbin, 0) FROM pg_type t WHERE t.oid = a.atttypid AND t.typtype = 'd')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attrelid {part} AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 't')
ORDER BY a.attrelid, a.attnum";

/// What a generated column reads is recorded for the column up to version 14,
/// for its default from 15 on (`StoreAttrDefault` in `heap.c`).
pub(super) const DEFAULTS: &str = "
SELECT d.adrelid, d.adnum, a.attgenerated <> '',
       CASE WHEN d.adrelid = ANY ($1) THEN '' ELSE pg_get_expr(d.adbin, d.adrelid) END,
       ARRAY(SELECT p.refobjsubid::int2 FROM pg_depend p
             WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = d.adrelid
               AND p.refobjsubid > 0 AND p.refobjsubid <> d.adnum
               AND (p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
                    OR p.classid = 'pg_class'::regclass AND p.objid = d.adrelid AND p.objsubid = d.adnum))
FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum";

/// Sequences that a column has as its identity, owns, or has in its default,
/// or in that of its domain.
pub(super) const SEQUENCES: &str = "
SELECT d.refobjid, d.refobjsubid::int2, s.oid
FROM pg_class s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
WHERE s.relkind = 'S'
UNION
SELECT a.adrelid, a.adnum, s.oid
FROM pg_class s JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
JOIN pg_attrdef a ON a.oid = d.objid
WHERE s.relkind = 'S'
UNION
SELECT a.attrelid, a.attnum, s.oid
FROM pg_class s JOIN pg_depend d ON d.classid = 'pg_type'::regclass
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
JOIN pg_attribute a ON a.atttypid = d.objid
WHERE s.relkind = 'S' AND a.attnum > 0";

/// The server's own views can't read what users made.
pub(super) const VIEWS: &str = "
SELECT c.oid, r.xmin::text::int8,
       CASE WHEN c.oid = ANY ($1) OR EXISTS (
                SELECT FROM pg_depend d
                WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1))
            THEN NULL ELSE pg_get_viewdef(c.oid) END
FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
WHERE c.relkind IN ('v', 'm') AND c.oid >= 16384";

/// What rewrite rules depend on; the first flag tells a view's own rule, the
/// second functions from relations.
pub(super) const RULES: &str = concat!(
    "
SELECT DISTINCT r.ev_class, r.rulename = '_RETURN', d.refclassid = 'pg_proc'::regclass, d.refobjid
FROM pg_rewrite r
LEFT JOIN ",
    dependence!(),
    " d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass) AND d.refobjid <> r.ev_class
WHERE r.oid >= 16384"
);

/// `ev_qual` of a rule without a condition is an empty node.
pub(super) const CONDITIONAL_RULES: &str = "
SELECT ev_class, rulename::text, pg_get_ruledef(oid)
FROM pg_rewrite
WHERE oid >= 16384 AND rulename <> '_RETURN' AND ev_qual::text <> '<>'";

/// Where the tables of `postgres_fdw` lead, whatever its wrapper is called. A
/// name that the options leave out is the table's own.
pub(super) const FOREIGN_TABLES: &str = "
SELECT f.ftrelid,
       (SELECT o.option_value FROM pg_options_to_table(s.srvoptions) o WHERE o.option_name = 'dbname'),
       coalesce((SELECT o.option_value FROM pg_options_to_table(f.ftoptions) o
                 WHERE o.option_name = 'schema_name'), n.nspname::text),
       coalesce((SELECT o.option_value FROM pg_options_to_table(f.ftoptions) o
                 WHERE o.option_name = 'table_name'), c.relname::text)
FROM pg_foreign_table f
JOIN pg_class c ON c.oid = f.ftrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_foreign_server s ON s.oid = f.ftserver
JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
JOIN pg_proc p ON p.oid = w.fdwhandler
WHERE p.prosrc = 'postgres_fdw_handler'";

pub(super) const INHERITANCE: &str = "SELECT inhrelid, inhparent FROM pg_inherits";

/// A trigger's function, and those that its WHEN calls; what fires it; its
/// arguments, which are stored with a byte of zero behind each, one a line; whether
/// it may be put off to the end of the transaction.
pub(super) const TRIGGERS: &str = concat!(
    r"
SELECT t.tgrelid, t.tgfoid, t.tgtype,
       CASE WHEN t.tgnargs > 0 THEN
           convert_from(decode(replace(regexp_replace(encode(t.tgargs, 'hex'), '(..)', E'\\1 ', 'g'), '00 ', '0a '),
                               'hex'), getdatabaseencoding()) END, t.tgdeferrable
FROM pg_trigger t WHERE NOT t.tgisinternal
UNION
SELECT t.tgrelid, d.refobjid, t.tgtype, NULL, t.tgdeferrable
FROM pg_trigger t
JOIN ",
    dependence!(),
    " d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
    AND d.refclassid = 'pg_proc'::regclass
WHERE NOT t.tgisinternal"
);

/// What policies, defaults, CHECKs, statistics and indexes of a table depend
/// on: `f` a function, `t` a type, `r` a relation; the flag tells what policies
/// do. Of triggers and rules the types alone. What a generated column calls is
/// recorded for the column up to version 14, as automatic. The functions of
/// operator classes and ranges are recorded for these, not for the tables; those
/// of the server's own are recorded nowhere.
pub(super) const DEPENDENCIES: &str = concat!(
    "
SELECT DISTINCT o.relation,
       CASE d.refclassid WHEN 'pg_proc'::regclass THEN 'f' WHEN 'pg_type'::regclass THEN 't' ELSE 'r' END,
       o.class = 'pg_policy'::regclass, d.refobjid
FROM (SELECT 'pg_policy'::regclass AS class, oid, polrelid AS relation FROM pg_policy
      UNION ALL
      SELECT 'pg_attrdef'::regclass, oid, adrelid FROM pg_attrdef
      UNION ALL
      SELECT 'pg_class'::regclass, oid, oid FROM pg_class WHERE relkind IN ('r', 'p', 'f') AND oid >= 16384
      UNION ALL
      SELECT 'pg_constraint'::regclass, oid, conrelid FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0
      UNION ALL
      SELECT 'pg_statistic_ext'::regclass, oid, stxrelid FROM pg_statistic_ext
      UNION ALL
      SELECT 'pg_class'::regclass, indexrelid, indrelid FROM pg_index
      WHERE indexprs IS NOT NULL OR indpred IS NOT NULL) o
JOIN ",
    dependence!(),
    " d ON d.classid = o.class AND d.objid = o.oid
    AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
    AND d.refobjid <> o.relation
WHERE d.deptype = 'n' OR d.refclassid <> 'pg_class'::regclass
UNION
SELECT e.relation, 'f', false, f.called[1]::oid
FROM (SELECT adrelid AS relation, adbin::text AS expression FROM pg_attrdef
      UNION ALL
      SELECT conrelid, conbin::text FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0
      UNION ALL
      SELECT indrelid, concat(indexprs, indpred) FROM pg_index
      WHERE indrelid >= 16384 AND (indexprs IS NOT NULL OR indpred IS NOT NULL)
      UNION ALL
      SELECT tgrelid, tgqual::text FROM pg_trigger WHERE NOT tgisinternal AND tgqual IS NOT NULL
      UNION ALL
      SELECT ev_class, concat(ev_qual, ev_action) FROM pg_rewrite
      WHERE oid >= 16384 AND rulename <> '_RETURN') e
CROSS JOIN LATERAL regexp_matches(e.expression, ':funcid ([0-9]+) ', 'g') f (called)
WHERE f.called[1]::oid < 16384
UNION
SELECT o.relation, 't', false, d.refobjid
FROM (SELECT 'pg_trigger'::regclass AS class, oid, tgrelid AS relation FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL
      SELECT 'pg_rewrite'::regclass, oid, ev_class FROM pg_rewrite
      WHERE oid >= 16384 AND rulename <> '_RETURN') o
JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid AND d.refclassid = 'pg_type'::regclass
UNION
SELECT i.indrelid, 'f', false, p.amproc::oid
FROM pg_index i
JOIN pg_opclass o ON o.oid = ANY (i.indclass::oid[])
JOIN pg_amproc p ON p.amprocfamily = o.opcfamily
WHERE p.amproc::oid >= 16384
UNION
SELECT a.attrelid, 'f', false, f.function
FROM pg_range r
CROSS JOIN LATERAL (VALUES (r.rngcanonical::oid), (r.rngsubdiff::oid)) f (function)
JOIN pg_attribute a ON a.atttypid = r.rngtypid
WHERE f.function >= 16384 AND a.attnum > 0"
);

/// Functions of the server's own that policies call: `pg_depend` leaves them out.
pub(super) const POLICY_BUILTINS: &str = r"
SELECT DISTINCT p.polrelid, f.called[1]::oid
FROM pg_policy p, regexp_matches(concat(p.polqual, p.polwithcheck), ':funcid ([0-9]+) ', 'g') f (called)
WHERE f.called[1]::oid < 16384";

/// Constraints, and unique indexes that are none. An index has also the columns
/// that its expressions and predicate read; where one, or a CHECK, reads the
/// whole row, all of the table's. The flag in the middle: a NULL can make it
/// fail. The list behind it: of which of them a CHECK, or an index's expressions
/// and predicate, read more than whether they are NULL; none where that is all
/// of them. The flag behind it: rows that are there may not satisfy it, being NOT
/// VALID. The last flag: it is DEFERRABLE. The last list: what policies ask so of each row that is updated,
/// whatever is written. Its new form is asked what WITH CHECK says, or else what
/// USING said when it was found (`add_with_check_options` in `rowsecurity.c`):
/// where no WITH CHECK is another, it satisfies them.
/// `{null_tests}`: IS NULL of a column, as `outfuncs.c` writes it.
/// Kind `k` is what the server computes of a row that changes: another index's
/// expression or predicate, a policy, statistics of an expression, the key by
/// which it goes to a partition. `{nulls_not_distinct}` and `{expressions}`:
/// whether an index has that, and statistics have those; versions before 15
/// and 14 don't know them. `{enforced}`: NOT ENFORCED is not VALID either, and
/// never asked, so that such a CHECK is none; new in 18.
pub(super) const CONSTRAINTS: &str = "
WITH indexes AS (
    SELECT i.indexrelid, i.indrelid, i.indisunique, i.indisexclusion, i.indisvalid,
           i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR {nulls_not_distinct} AS nulls_tell,
           CASE WHEN i.indexprs IS NULL AND i.indpred IS NULL THEN i.indkey::int2[] ELSE
               ARRAY(SELECT a.attnum FROM pg_attribute a
                     WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
                       AND (a.attnum = ANY (i.indkey::int2[])
                            OR concat(i.indexprs, i.indpred) ~ ':varattno 0 '
                            OR EXISTS (SELECT FROM pg_depend d
                                       WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                                         AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
                                         AND d.refobjsubid = a.attnum))) END AS columns,
           ARRAY(SELECT a.attnum FROM pg_attribute a
                 WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
                   AND regexp_replace(concat(i.indexprs, i.indpred), '{null_tests}', '', 'g')
                       ~ concat(':varattno (0|', a.attnum, ') ')) AS computed
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.oid >= 16384 AND t.relkind <> 't'
      AND (i.indisunique OR i.indisexclusion OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)),
others AS (
    SELECT polrelid FROM pg_policy
    WHERE polcmd IN ('w', '*') AND polwithcheck IS NOT NULL
      AND regexp_replace(polwithcheck::text, ':location -?[0-9]+', '', 'g')
          IS DISTINCT FROM regexp_replace(polqual::text, ':location -?[0-9]+', '', 'g'))
SELECT c.conrelid, c.conname::text, c.contype::text,
       CASE WHEN c.contype = 'x' AND i.columns IS NOT NULL THEN i.columns
            WHEN c.contype = 'c' AND 0 = ANY (c.conkey) THEN
                ARRAY(SELECT a.attnum FROM pg_attribute a
                      WHERE a.attrelid = c.conrelid AND a.attnum > 0 AND NOT a.attisdropped)
            ELSE coalesce(c.conkey, '{}') END,
       c.confrelid, coalesce(c.confkey, '{}'),
       c.confdeltype::text, c.confupdtype::text,
       c.contype = 'p' AND NOT c.condeferrable AND coalesce(i.indisvalid, false),
       c.contype = 'c' OR c.contype <> 'f' AND coalesce(i.nulls_tell, false),
       CASE WHEN c.contype = 'x' AND i.columns IS NOT NULL THEN
                ARRAY(SELECT k.attnum FROM unnest(i.columns) k (attnum)
                      WHERE k.attnum = ANY (i.computed)
                         OR NOT coalesce((SELECT bool_and(o.operator < 16384 AND EXISTS
                                (SELECT FROM pg_amop a JOIN pg_am m ON m.oid = a.amopmethod
                                 WHERE a.amopopr = o.operator AND a.amopstrategy = 3 AND m.amname = 'btree'))
                             FROM unnest(c.conkey, c.conexclop) o (attnum, operator)
                             WHERE o.attnum = k.attnum), false))
            WHEN c.contype IN ('u', 'p', 'f') AND i.indisexclusion THEN c.conkey[cardinality(c.conkey):]
            WHEN c.contype IN ('u', 'p') THEN coalesce(i.computed, '{}') WHEN c.contype = 'f' THEN '{}'
            WHEN c.contype = 'c' THEN
                ARRAY(SELECT a.attnum FROM pg_attribute a
                      WHERE a.attrelid = c.conrelid AND a.attnum > 0 AND NOT a.attisdropped
                        AND regexp_replace(c.conbin::text, '{null_tests}', '', 'g')
                            ~ concat(':varattno (0|', a.attnum, ') ')) END,
       NOT c.convalidated AND {enforced}, '{}'::int2[], c.condeferrable
FROM pg_constraint c LEFT JOIN indexes i ON i.indexrelid = c.conindid
WHERE c.conrelid <> 0 AND c.contype IN ('c', 'u', 'p', 'x', 'f') AND ({enforced} OR c.contype <> 'c')
UNION ALL
SELECT i.indrelid, n.relname::text, 'u', i.columns, 0::oid, '{}'::int2[], '', '', false, i.nulls_tell, i.computed,
       false, '{}', false
FROM indexes i JOIN pg_class n ON n.oid = i.indexrelid
WHERE i.indisunique
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('u', 'p', 'x'))
UNION ALL
SELECT i.indrelid, n.relname::text, 'k', i.columns, 0::oid, '{}'::int2[], '', '', false, true, i.computed,
       false, '{}', false
FROM indexes i JOIN pg_class n ON n.oid = i.indexrelid
WHERE NOT i.indisunique AND NOT i.indisexclusion
UNION ALL
SELECT o.relation, o.name, 'k',
       CASE WHEN o.whole THEN
           ARRAY(SELECT a.attnum FROM pg_attribute a
                 WHERE a.attrelid = o.relation AND a.attnum > 0 AND NOT a.attisdropped)
       ELSE ARRAY(SELECT d.refobjsubid::int2 FROM pg_depend d
                  WHERE d.classid = o.class AND d.objid = o.oid
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = o.relation
                    AND d.refobjsubid > 0) END,
       0::oid, '{}'::int2[], '', '', false, true, NULL, false,
       ARRAY(SELECT a.attnum FROM pg_attribute a
             WHERE a.attrelid = o.relation AND a.attnum > 0 AND NOT a.attisdropped
               AND o.again ~ concat(':varattno (0|', a.attnum, ') ')),
       false
FROM (SELECT 'pg_policy'::regclass AS class, oid, polrelid AS relation, polname::text AS name,
             concat(polqual, polwithcheck) ~ ':varattno 0 ' AS whole,
             CASE WHEN polcmd IN ('w', '*') AND EXISTS (SELECT FROM others WHERE others.polrelid = p.polrelid) THEN
                 regexp_replace(coalesce(polwithcheck, polqual)::text, '{null_tests}', '', 'g') END AS again
      FROM pg_policy p
      UNION ALL
      SELECT 'pg_statistic_ext'::regclass, oid, stxrelid, stxname::text, {expressions_whole}, NULL
      FROM pg_statistic_ext WHERE {expressions}) o
UNION ALL
SELECT p.partrelid, c.relname::text, 'k',
       array_remove(p.partattrs::int2[], 0::int2)
           || ARRAY(SELECT d.objsubid::int2 FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = p.partrelid AND d.objsubid > 0
                      AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.partrelid AND d.refobjsubid = 0
                      AND d.deptype = 'i'),
       0::oid, '{}'::int2[], '', '', false, true, NULL, false, '{}', false
FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid";

/// `{atomic}`: whether the function has a `BEGIN ATOMIC` body, `{body}`: that
/// body printed. Versions before 14 have neither.
pub(super) const FUNCTIONS: &str = "
SELECT p.oid, n.nspname::text, p.proname::text, l.lanname::text, p.provolatile::text, p.prokind::text,
       p.proretset, p.prorettype, p.proargtypes::oid[], e.extname::text,
       CASE WHEN p.oid < 16384 OR l.lanname = 'c' THEN ''
            WHEN {atomic} THEN CASE WHEN held.oid IS NULL THEN {body} END
            ELSE p.prosrc END,
       CASE WHEN p.proargmodes IS NULL THEN '{}'
            ELSE ARRAY(SELECT coalesce(p.proargnames[place], '')
                       FROM generate_subscripts(p.proargmodes, 1) place
                       WHERE p.proargmodes[place] IN ('o', 'b', 't') ORDER BY place) END
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN pg_depend x ON x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e'
    AND x.refclassid = 'pg_extension'::regclass
LEFT JOIN pg_extension e ON e.oid = x.refobjid
LEFT JOIN (SELECT DISTINCT objid AS oid FROM pg_depend
           WHERE classid = 'pg_proc'::regclass AND refclassid = 'pg_class'::regclass
             AND refobjid = ANY ($1)) held ON held.oid = p.oid
WHERE p.oid {part}";

/// What `BEGIN ATOMIC` bodies and the defaults of arguments depend on; of the
/// server's own functions, which `pg_depend` leaves out, those that defaults call.
pub(super) const FUNCTION_DEPENDENCIES: &str = concat!(
    r"
SELECT DISTINCT d.objid, d.refobjid
FROM ",
    dependence!(),
    r" d
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'n'
  AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
UNION
SELECT p.oid, f.called[1]::oid
FROM pg_proc p, regexp_matches(p.proargdefaults, ':funcid ([0-9]+) ', 'g') f (called)
WHERE p.oid >= 16384 AND f.called[1]::oid < 16384"
);

pub(super) const AGGREGATES: &str = "
SELECT a.aggfnoid::oid,
       array_remove(ARRAY[a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid, a.aggserialfn::oid,
             a.aggdeserialfn::oid, a.aggmtransfn::oid, a.aggminvtransfn::oid, a.aggmfinalfn::oid], 0::oid),
       array_remove(ARRAY[a.aggtranstype, a.aggmtranstype], 0::oid)
FROM pg_aggregate a WHERE a.aggfnoid::oid >= 16384";

pub(super) const TYPES: &str = "
SELECT t.oid, n.nspname::text, t.typname::text, t.typtype::text, t.typcategory::text, t.typelem,
       t.typbasetype, t.typtypmod, t.typrelid, e.extname::text
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_depend x ON x.classid = 'pg_type'::regclass AND x.objid = t.oid AND x.deptype = 'e'
    AND x.refclassid = 'pg_extension'::regclass
LEFT JOIN pg_extension e ON e.oid = x.refobjid
WHERE t.oid {part}";

/// What CHECKs and defaults of domains call (`f`), types that they cast to, and
/// types that ranges are of (`t`). `pg_depend` leaves out the server's own
/// functions.
pub(super) const TYPE_CODE: &str = concat!(
    r"
WITH code AS (
    SELECT 'pg_constraint'::regclass AS class, oid, contypid AS domain, conbin AS expression,
           '{}'::oid[] AS of_type
    FROM pg_constraint WHERE contypid <> 0
    UNION ALL
    SELECT 'pg_type'::regclass, oid, oid, typdefaultbin,
           ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze]::oid[]
    FROM pg_type WHERE typtype = 'd' AND typdefaultbin IS NOT NULL)
SELECT c.domain, CASE d.refclassid WHEN 'pg_proc'::regclass THEN 'f' ELSE 't' END, d.refobjid
FROM code c
JOIN ",
    dependence!(),
    r" d ON d.classid = c.class AND d.objid = c.oid
    AND d.refclassid IN ('pg_proc'::regclass, 'pg_type'::regclass)
WHERE d.refobjid <> c.domain AND d.refobjid <> ALL (c.of_type)
UNION
SELECT t.oid, 't', d.refobjid
FROM pg_type t
JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.refclassid = 'pg_type'::regclass
WHERE t.typtype IN ('r', 'm')
UNION
SELECT c.domain, 'f', f.called[1]::oid
FROM code c, regexp_matches(c.expression, ':funcid ([0-9]+) ', 'g') f (called)
WHERE f.called[1]::oid < 16384"
);

/// Functions of users in operator families, and the types whose values they take.
pub(super) const SUPPORT_FUNCTIONS: &str = "
SELECT DISTINCT p.amproc::oid, t.type
FROM pg_amproc p CROSS JOIN LATERAL (VALUES (p.amproclefttype), (p.amprocrighttype)) t (type)
WHERE p.amproc::oid >= 16384";

pub(super) const OPERATORS: &str = concat!(
    "
SELECT o.oid, n.nspname::text, o.oprname::text, o.oprleft, o.oprright,
       ARRAY(SELECT f.function FROM ",
    operator_functions!(),
    " f WHERE f.operator = o.oid ORDER BY f.function <> o.oprcode::oid)
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE o.oid >= 16384"
);

pub(super) const CASTS: &str =
    "SELECT c.castsource, c.casttarget, c.castfunc, c.castmethod = 'b' FROM pg_cast c WHERE c.oid >= 16384";

pub(super) const COLLATIONS: &str = "
SELECT DISTINCT c.collname::text
FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE n.nspname <> 'pg_catalog'";

/// Schemas that hold what is no relation, function or type: an expression may stand on
/// it, and goes with it.
pub(super) const HOLDING_OTHERS: &str = "
SELECT DISTINCT n.nspname::text
FROM pg_namespace n JOIN (
    SELECT collnamespace FROM pg_collation WHERE oid >= 16384
    UNION ALL SELECT oprnamespace FROM pg_operator WHERE oid >= 16384
    UNION ALL SELECT opcnamespace FROM pg_opclass WHERE oid >= 16384
    UNION ALL SELECT opfnamespace FROM pg_opfamily WHERE oid >= 16384
    UNION ALL SELECT connamespace FROM pg_conversion WHERE oid >= 16384
    UNION ALL SELECT cfgnamespace FROM pg_ts_config WHERE oid >= 16384
    UNION ALL SELECT dictnamespace FROM pg_ts_dict WHERE oid >= 16384
    UNION ALL SELECT prsnamespace FROM pg_ts_parser WHERE oid >= 16384
    UNION ALL SELECT tmplnamespace FROM pg_ts_template WHERE oid >= 16384) o (schema) ON o.schema = n.oid";

pub(super) const EXTENSIONS: &str = "SELECT extname::text FROM pg_extension";

/// Every role, with itself as long as it is a member of nothing. Who may only hand
/// a role on, as who made it may from version 16 on, is no member of it.
pub(super) const MEMBERSHIPS: &str = "
SELECT m.rolname::text, r.rolname::text
FROM pg_roles m
LEFT JOIN pg_auth_members a ON a.member = m.oid
  AND coalesce((to_jsonb(a)->>'inherit_option')::bool OR (to_jsonb(a)->>'set_option')::bool, true)
LEFT JOIN pg_roles r ON r.oid = a.roleid";

/// What a transaction that becomes visible changes.
pub(super) const VISIBLE: &str = "SELECT pg_current_snapshot()::text";

/// One line that changes whenever a user's object does: for each catalog the
/// number of rows and the sum of their `xmin`. A changed or new row's xmin is
/// greater than any older one, so at equal counts the sum grows. Temporary
/// objects are only visible to the session that made them, and left out.
pub(super) const PROBE: &str = "
WITH temporary AS (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast_)?temp_'),
     passing AS (SELECT oid FROM pg_class WHERE relpersistence = 't')
SELECT concat_ws(' ',
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_namespace WHERE oid NOT IN (SELECT oid FROM temporary)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_class
  WHERE oid >= 16384 AND relpersistence <> 't' AND relkind NOT IN ('i', 'I')),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_attribute
  WHERE attrelid >= 16384 AND attnum > 0 AND attrelid NOT IN (SELECT oid FROM passing)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_attrdef WHERE adrelid NOT IN (SELECT oid FROM passing)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_index WHERE indrelid >= 16384
  AND indrelid NOT IN (SELECT oid FROM passing)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_inherits WHERE inhrelid NOT IN (SELECT oid FROM passing)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_rewrite WHERE oid >= 16384
  AND ev_class NOT IN (SELECT oid FROM passing)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_trigger WHERE oid >= 16384 AND NOT tgisinternal),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_policy),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_constraint WHERE oid >= 16384
  AND conrelid NOT IN (SELECT oid FROM passing)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_proc WHERE oid >= 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_aggregate WHERE aggfnoid::oid >= 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_type WHERE oid >= 16384
  AND typnamespace NOT IN (SELECT oid FROM temporary)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_operator WHERE oid >= 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_amproc WHERE oid >= 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_cast WHERE oid >= 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_collation WHERE oid >= 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_statistic_ext),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_sequence WHERE seqrelid NOT IN (SELECT oid FROM passing)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_partitioned_table WHERE partrelid NOT IN (SELECT oid FROM passing)),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_range WHERE rngtypid >= 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_opclass WHERE oid >= 16384),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_extension),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_foreign_table),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_foreign_server),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_foreign_data_wrapper),
 (SELECT row(count(*), sum(xmin::text::int8)) FROM pg_auth_members),
 (SELECT row(count(*), sum(hashtext(rolname)::int8)) FROM pg_roles))";
