#!/usr/bin/env bash
# Regenerates src/catalog/pg_catalog_functions.txt, the list of the functions
# of pg_catalog that are transparent: what they return depends on their
# arguments and on the catalogs only. A function that is not listed is opaque.
#
#   scripts/catalog-functions.sh 'host=… port=5413' 'host=… port=5414' …
#
# Give one connection string for each major version that bauta supports; the
# list is the union over all of them, less the families below.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: $0 CONNECTION-STRING…" >&2; exit 2; }

# One extended regular expression a line; each says why.
opaque=$(grep -v '^#' <<'FAMILIES'
# run SQL that is handed to them as text, or read a relation named in a text
^(query|cursor|table|schema|database)_to_xml
^ts_(stat|rewrite)$
^currtid2?$
# reach around SQL: files, large objects, WAL
^(lo_.*|loread|lowrite)$
^pg_(read|ls)_
^pg_stat_file$
^pg_logical_
^pg_(create|copy)_logical_replication_slot$
# evaluate a type's or an index's own code for a name given as text
^(domain|record|array|range|multirange)_(in|recv)$
^pg_input_(is_valid|error_info)$
^brin_(de)?summarize_
^gin_clean_pending_list$
# what pg_locks shows, which rows among it; what pg_stat_progress_copy shows
^pg_lock_status$
^pg_stat_get_progress_info$
# how a value is stored: long values of the same row make PostgreSQL compress it
^pg_column_(compression|size|toast_chunk_id)$
# for the server's own programs
^binary_upgrade_
^pg_(restore|clear)_(relation|attribute)_stats$
^pg_stop_making_pinned_objects$
FAMILIES
)

sql="SELECT DISTINCT proname FROM pg_catalog.pg_proc
     WHERE pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND oid < 16384"
for connection in "$@"; do
    psql -XAtq -v ON_ERROR_STOP=1 -d "$connection" -c "$sql"
done | sort -u | grep -Ev "$(paste -sd'|' <<<"$opaque")" > src/catalog/pg_catalog_functions.txt
wc -l src/catalog/pg_catalog_functions.txt
