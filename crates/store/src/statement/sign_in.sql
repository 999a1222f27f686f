WITH appended AS (
    INSERT INTO events (
        aggregate_id, aggregate_type, sequence, event_type, event_version,
        payload, metadata, recorded_at, hash, mac, key_id
    ) VALUES ($1, $2, $3, $4, $5, $6::json, $7::json, $8, $9, $10, $11)
    RETURNING id, aggregate_id, aggregate_type, sequence
),
listed AS (
    INSERT INTO unsequenced (id, aggregate_id, aggregate_type, sequence)
    SELECT id, aggregate_id, aggregate_type, sequence FROM appended
),
imaged AS (
    INSERT INTO states (
        aggregate_id, aggregate_type, version, tip, recorded_at, shape, state, mac, key_id
    ) VALUES ($12, $13, $14, $15, $16, $17, $18, $19, $20)
    ON CONFLICT (aggregate_id, aggregate_type) DO UPDATE SET
        version = excluded.version, tip = excluded.tip, recorded_at = excluded.recorded_at,
        shape = excluded.shape, state = excluded.state, mac = excluded.mac, key_id = excluded.key_id
    RETURNING 1
),
login_used AS (
    UPDATE logins SET last_signed_in_at = $21 WHERE account_id = $22
),
session_begun AS (
    INSERT INTO sessions (
        account_id, session_id, token_hash, created_at, last_seen_at, expires_at,
        factors, ip, user_agent, mac, key_id
    )
    VALUES ($23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)
),
device_used AS (
    UPDATE devices SET failures = $34, expires_at = $35, version = version + 1
    WHERE account_id = $36 AND device_id = $37 AND version = $38 RETURNING 1
),
throttled AS (
    INSERT INTO throttles AS present (kind, key, state, version, updated_at)
    VALUES ($39, $40, $41, $42, $43)
    ON CONFLICT (kind, key) DO UPDATE SET
        state = excluded.state, version = excluded.version, updated_at = excluded.updated_at
    WHERE present.version = excluded.version - 1
    RETURNING 1
),
all_throttled AS (
    SELECT count(*) = $44 AS are_all FROM throttled
)
SELECT require_fresh(count(*) = 1
    AND EXISTS (SELECT FROM device_used)
    AND (SELECT are_all FROM all_throttled)) FROM imaged
