-- The new tables take the place of the present ones, which are gone with the commit.
DO $swap$
DECLARE
    name text;
BEGIN
    DROP TABLE public.staff, public.logins, public.sessions, public.settings, public.tokens,
        public.states;
    FOREACH name IN ARRAY '{staff, logins, sessions, settings, tokens, states}'::text[] LOOP
        EXECUTE format('ALTER TABLE countersign_rebuild.%I SET SCHEMA public', name);
    END LOOP;
    DROP SCHEMA countersign_rebuild CASCADE;
END
$swap$
