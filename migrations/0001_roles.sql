-- Who may do what in this database. Grants follow in 0005; the names are permanent.
--
--   owner      whoever runs the migrations
--   app        the service: reads and inserts events, never updates or deletes one
--   sequencer  gives events their positions
--   reader     psql, monitoring, backups
--
-- The embedded database has made these roles already, with logins. Elsewhere they are groups that
-- the service's own user is a member of, and that each connection takes on.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY
        ARRAY['countersign_app', 'countersign_sequencer', 'countersign_reader']
    LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            END IF;
        EXCEPTION
            -- Another database of this cluster is being migrated at this moment.
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the role % is missing and % may not create it', role_name, current_user
                    USING HINT = 'Have an administrator run: CREATE ROLE ' || role_name
                        || ' NOLOGIN; GRANT ' || role_name || ' TO ' || quote_ident(current_user::text);
        END;
        IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        END IF;
    END LOOP;
END
$$;
