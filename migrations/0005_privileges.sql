-- Least privilege: what a role is not granted, no fault of the service can do.

GRANT USAGE ON SCHEMA public TO countersign_app, countersign_sequencer, countersign_reader;

GRANT SELECT, INSERT ON events TO countersign_app;
GRANT SELECT, INSERT ON unsequenced TO countersign_app;
GRANT SELECT ON log, log_head TO countersign_app;
GRANT SELECT, INSERT ON key_checks TO countersign_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    states, logins, settings, sessions, tokens, staff,
    data_keys, secrets, devices, throttles, registrations, jobs, outbox, idempotent_answers
    TO countersign_app;

GRANT SELECT ON events TO countersign_sequencer;
GRANT SELECT, DELETE ON unsequenced TO countersign_sequencer;
GRANT SELECT, INSERT ON log TO countersign_sequencer;
GRANT SELECT, UPDATE ON log_head TO countersign_sequencer;

-- Not the sealed secrets and keys: nothing that a reader does needs them.
GRANT SELECT ON
    events, unsequenced, log, log_head, states, logins, settings, throttles
    TO countersign_reader;
GRANT SELECT (staff_id, name, role, issued_at, expires_at, revoked_at) ON staff TO countersign_reader;
GRANT SELECT (account_id, session_id, created_at, last_seen_at, expires_at, factors)
    ON sessions TO countersign_reader;
GRANT SELECT (mail_id, created_at, due_at, attempts) ON outbox TO countersign_reader;

ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION require_fresh(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION require_fresh(boolean) TO countersign_app;

-- Whether migrations are current is part of being ready.
DO $$
BEGIN
    IF to_regclass('public._sqlx_migrations') IS NOT NULL THEN
        GRANT SELECT ON _sqlx_migrations TO countersign_app, countersign_sequencer, countersign_reader;
    END IF;
END
$$;
