-- Where the new tables are not what the present ones are: one line a difference. A migration that
-- came in the meantime shows here, and so does a grant that could not be repeated.
WITH described AS (
    SELECT n.nspname, c.relname || ': ' || line AS line
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace,
    LATERAL (
        SELECT concat_ws(' ', 'table', c.relacl, c.reloptions, c.relpersistence,
            pg_get_userbyid(c.relowner), c.relrowsecurity) AS line
        UNION ALL
        SELECT concat_ws(' ', 'column', row_number() OVER (ORDER BY a.attnum), a.attname,
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation, a.attstorage,
            a.attacl, pg_get_expr(d.adbin, d.adrelid))
        FROM pg_attribute a
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE conrelid = c.oid
        UNION ALL
        SELECT replace(pg_get_indexdef(indexrelid), n.nspname || '.', '')
        FROM pg_index WHERE indrelid = c.oid
        UNION ALL
        SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal
    ) AS part
    WHERE c.relname = ANY ($1) AND c.relkind = 'r'
        AND n.nspname IN ('public', 'countersign_rebuild')
)
SELECT line FROM described GROUP BY line
HAVING count(*) FILTER (WHERE nspname = 'public')
    <> count(*) FILTER (WHERE nspname = 'countersign_rebuild')
ORDER BY line
