-- One command, one statement, one round trip: events and everything that follows from them.
--
-- Rows are images of the new state, or lists of new and kept keys, and never increments. No row
-- is touched by two of these parts: all of them see the database as it was before.
--
-- A statement is made of the parts that a commit needs, in this order (`statement.rs`): PostgreSQL
-- prepares each part of each execution, whether or not it then finds a row.

-- part: events
appended AS (
    INSERT INTO events (
        aggregate_id, aggregate_type, sequence, event_type, event_version,
        payload, metadata, recorded_at, hash, mac, key_id
    )
    SELECT $1, $2, $3 + ordinal, type, version, payload::json, metadata::json, at, hash, mac, $11
    FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::bytea[])
        WITH ORDINALITY AS new (type, version, payload, metadata, at, hash, mac, ordinal)
    ORDER BY ordinal
    RETURNING id, aggregate_id, aggregate_type, sequence
),
listed AS (
    INSERT INTO unsequenced (id, aggregate_id, aggregate_type, sequence)
    SELECT id, aggregate_id, aggregate_type, sequence FROM appended
),
imaged AS (
    INSERT INTO states (
        aggregate_id, aggregate_type, version, tip, recorded_at, shape, state, mac, key_id
    )
    SELECT $1, $2, $12::bigint, $14::bytea, $15::text, $16::integer, $13::text, $17::bytea, $90::integer
    WHERE $13 IS NOT NULL
    ON CONFLICT (aggregate_id, aggregate_type) DO UPDATE SET
        version = excluded.version, tip = excluded.tip, recorded_at = excluded.recorded_at,
        shape = excluded.shape, state = excluded.state, mac = excluded.mac, key_id = excluded.key_id
    RETURNING 1
)

-- part: erasure
-- An erasure removes every row of the account by itself, once it has the stream: no other part
-- touches one then.
erased AS (
    SELECT erase_account($18::uuid) AS done FROM imaged
    WHERE $98::boolean AND EXISTS (SELECT FROM appended)
)

-- part: hold
-- What is added to an account without an event is in no erasure's way but for this.
held AS (
    SELECT FROM logins WHERE account_id = $18 FOR KEY SHARE
)

-- part: opened login
login_opened AS (
    INSERT INTO logins (account_id, address_hash, key_id)
    SELECT $18, $19::bytea, $89::integer WHERE $19 IS NOT NULL
)

-- part: used login
login_used AS (
    UPDATE logins SET last_signed_in_at = $20::timestamptz
    WHERE account_id = $18 AND $20 IS NOT NULL
)

-- part: settings
settings_imaged AS (
    INSERT INTO settings (
        account_id, email, created_at, password_changed_at,
        two_factor, enabled_at, enrollment_expires_at
    )
    SELECT $18, $21::text, $22::timestamptz, $23::timestamptz,
        $24::text, $25::timestamptz, $26::timestamptz
    WHERE $21 IS NOT NULL
    ON CONFLICT (account_id) DO UPDATE SET
        password_changed_at = excluded.password_changed_at, two_factor = excluded.two_factor,
        enabled_at = excluded.enabled_at, enrollment_expires_at = excluded.enrollment_expires_at
)

-- part: ended sessions
-- What the new state no longer has is gone in the same instant.
sessions_ended AS (
    DELETE FROM sessions WHERE account_id = $18 AND NOT session_id = ANY ($27::uuid[])
)

-- part: ended tokens
tokens_ended AS (
    DELETE FROM tokens
    WHERE account_id = $18 AND kind <> 'unblock' AND NOT token_id = ANY ($28::uuid[])
)

-- part: destroyed secrets
secrets_destroyed AS (
    DELETE FROM secrets WHERE account_id = $18 AND NOT credential_id = ANY ($29::uuid[])
)

-- part: spent unblock link
unblock_spent AS (
    DELETE FROM tokens
    WHERE account_id = $18 AND token_id = $30::uuid AND kind = 'unblock' RETURNING 1
)

-- part: new session
-- What it has anew.
sessions_begun AS (
    INSERT INTO sessions (
        account_id, session_id, token_hash, created_at, last_seen_at, expires_at,
        factors, ip, user_agent, mac, key_id
    )
    SELECT $18, id, hash, created_at, created_at, expires_at, factors, ip, user_agent, mac, key
    FROM unnest(
        $31::uuid[], $32::bytea[], $33::timestamptz[], $34::timestamptz[],
        $35::text[], $36::text[], $37::text[], $38::bytea[], $91::integer[]
    ) AS new (id, hash, created_at, expires_at, factors, ip, user_agent, mac, key)
)

-- part: changed session
session_changed AS (
    UPDATE sessions
    SET factors = $40::text, last_seen_at = $41::timestamptz, mac = $42::bytea
    WHERE account_id = $18 AND session_id = $39::uuid
)

-- part: new tokens
tokens_issued AS (
    INSERT INTO tokens (account_id, token_id, kind, token_hash, key_id, expires_at)
    SELECT $18, id, kind, hash, key, expires_at
    FROM unnest($43::text[], $44::uuid[], $45::bytea[], $46::timestamptz[], $92::integer[])
        AS new (kind, id, hash, expires_at, key)
)

-- part: new secrets
secrets_kept AS (
    INSERT INTO secrets (account_id, credential_id, kind, wrapped_key, sealed)
    SELECT $18, id, kind, wrapped_key, sealed
    FROM unnest($47::uuid[], $48::text[], $49::bytea[], $50::bytea[])
        AS new (id, kind, wrapped_key, sealed)
)

-- part: new data key
data_key_kept AS (
    INSERT INTO data_keys (owner_id, key_id, wrapped)
    SELECT $51::uuid, $93::integer, $52::bytea WHERE $52 IS NOT NULL
)

-- part: forgotten devices
-- Known devices: a new one makes room for itself, a reset voids all others, a recovery all.
devices_forgotten AS (
    DELETE FROM devices
    WHERE account_id = $18 AND ($56::boolean OR $53::uuid IS NOT NULL AND device_id IN (
        SELECT device_id FROM devices
        WHERE account_id = $18 ORDER BY expires_at DESC, device_id OFFSET 19
    ))
)

-- part: new device
device_remembered AS (
    INSERT INTO devices (account_id, device_id, nonce, key_id, expires_at, failures, version)
    SELECT $18, $53, $54::bytea, $94::integer, $55::timestamptz, '{}', 1 WHERE $53 IS NOT NULL
)

-- part: used device
device_changed AS (
    UPDATE devices SET failures = $58::text, expires_at = $59::timestamptz, version = version + 1
    WHERE account_id = $18 AND device_id = $57::uuid AND version = $60::bigint
        AND $58 IS NOT NULL
    RETURNING 1
),
device_dropped AS (
    DELETE FROM devices
    WHERE account_id = $18 AND device_id = $57 AND version = $60 AND $58 IS NULL
    RETURNING 1
)

-- part: lifted devices
devices_lifted AS (
    UPDATE devices SET failures = '{}', version = version + 1 WHERE account_id = $18 AND $87::boolean
)

-- part: throttles
-- Beside the log.
throttled AS (
    INSERT INTO throttles AS present (kind, key, state, version, updated_at)
    SELECT kind, key, state, expected + 1, $65::timestamptz
    FROM unnest($61::text[], $62::bytea[], $63::text[], $64::bigint[])
        AS new (kind, key, state, expected)
    ORDER BY kind, key
    ON CONFLICT (kind, key) DO UPDATE SET
        state = excluded.state, version = excluded.version, updated_at = excluded.updated_at
    WHERE present.version = excluded.version - 1
    RETURNING 1
)

-- part: mails
mailed AS (
    INSERT INTO outbox (mail_id, key_id, sealed, created_at, due_at)
    SELECT id, key, sealed, $65, $65
    FROM unnest($66::uuid[], $67::bytea[], $95::integer[]) AS new (id, sealed, key)
)

-- part: new registration
registered AS (
    INSERT INTO registrations (
        registration_id, address_hash, token_hash, key_id, address, expires_at
    )
    SELECT $68::uuid, $69::bytea, $70::bytea, $96::integer, $71::bytea, $72::timestamptz
    WHERE $68 IS NOT NULL
)

-- part: spent registration
registrations_spent AS (
    DELETE FROM registrations
    WHERE address_hash = $19 RETURNING registration_id
)

-- part: done job
job_done AS (
    DELETE FROM jobs WHERE job_id = $74::uuid RETURNING 1
)

-- part: first answer
answered AS (
    INSERT INTO idempotent_answers (
        staff_id, key_hash, account_id, request_hash, answer, created_at
    )
    SELECT $75::uuid, $76::bytea, $18, $77::bytea, $78::bytea, $65 WHERE $75 IS NOT NULL
)

-- part: staff
staff_imaged AS (
    INSERT INTO staff (
        staff_id, name, role, token_hash, issued_at, expires_at, revoked_at, mac, key_id
    )
    SELECT $79::uuid, $80::text, $81::text, $82::bytea,
        $83::timestamptz, $84::timestamptz, $85::timestamptz, $86::bytea, $97::integer
    WHERE $79 IS NOT NULL
    ON CONFLICT (staff_id) DO UPDATE SET
        revoked_at = excluded.revoked_at, mac = excluded.mac
)
