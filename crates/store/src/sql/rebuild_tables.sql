-- Makes the new tables, empty, in a schema of their own, which an earlier rebuild may have left half
-- done. They are just what the present ones are, under the same names: columns, options, keys,
-- indexes, owner and grants, as the catalogue has them.
DO $make$
DECLARE
    tables CONSTANT text[] := '{staff, logins, sessions, settings, tokens, states}';
    name text;
    like_the_present text;
BEGIN
    DROP SCHEMA IF EXISTS countersign_rebuild CASCADE;
    CREATE SCHEMA countersign_rebuild;
    FOREACH name IN ARRAY tables LOOP
        EXECUTE format(
            'CREATE TABLE countersign_rebuild.%1$I
                (LIKE public.%1$I INCLUDING ALL EXCLUDING INDEXES)', name
        );
    END LOOP;

    -- Streams whose damage left their rows as they were.
    CREATE TABLE countersign_rebuild.carried (
        aggregate_type text, aggregate_id text, what text,
        PRIMARY KEY (aggregate_type, aggregate_id)
    );
    -- Sessions whose row in use had this MAC and has another one now.
    CREATE TABLE countersign_rebuild.unlike (
        account_id uuid, session_id uuid, last_seen_at timestamptz, mac bytea,
        PRIMARY KEY (account_id, session_id)
    );

    FOR like_the_present IN
        WITH read_model AS (
            SELECT c.oid, c.relname, c.relowner, c.relacl, c.reloptions,
                format('countersign_rebuild.%I', c.relname) AS made
            FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (tables) AND c.relkind = 'r'
        ),
        granted AS (
            SELECT made, 1 AS part, item.ordinal, acl.*, '' AS of_column, relowner
            FROM read_model, unnest(relacl) WITH ORDINALITY AS item (acl, ordinal),
                aclexplode(ARRAY[item.acl]) AS acl
            UNION ALL
            SELECT made, 2, a.attnum * 1000 + item.ordinal, acl.*, format(' (%I)', a.attname), relowner
            FROM read_model JOIN pg_attribute a ON a.attrelid = read_model.oid AND a.attnum > 0,
                unnest(a.attacl) WITH ORDINALITY AS item (acl, ordinal),
                aclexplode(ARRAY[item.acl]) AS acl
            WHERE NOT a.attisdropped
        )
        SELECT statement FROM (
            SELECT 1 AS step, 0::bigint AS place,
                format('ALTER TABLE %s SET (%s)', made, array_to_string(reloptions, ', ')) AS statement
            FROM read_model WHERE reloptions IS NOT NULL
            UNION ALL
            SELECT 2, k.oid::bigint,
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', made, k.conname, pg_get_constraintdef(k.oid))
            FROM read_model JOIN pg_constraint k ON k.conrelid = read_model.oid
            WHERE k.contype IN ('p', 'u', 'x')
            UNION ALL
            SELECT 3, i.indexrelid::bigint,
                regexp_replace(pg_get_indexdef(i.indexrelid), ' ON public\.', ' ON countersign_rebuild.')
            FROM read_model JOIN pg_index i ON i.indrelid = read_model.oid
            WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
            UNION ALL
            SELECT 4, 0, format('ALTER TABLE %s OWNER TO %I', made, pg_get_userbyid(relowner))
            FROM read_model
            UNION ALL
            SELECT 4 + part, ordinal,
                format(
                    'GRANT %s%s ON %s TO %s%s', privilege_type, of_column, made,
                    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                )
            FROM granted WHERE grantee <> relowner
        ) AS ordered
        ORDER BY step, place
    LOOP
        EXECUTE like_the_present;
    END LOOP;
END
$make$
