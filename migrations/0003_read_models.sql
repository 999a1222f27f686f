-- Read models: images of the state, written in the statement that appends the events. All can be
-- replayed from the events, but for what stands beside them: keyed token hashes and `last_seen_at`.

-- By which address is which account found?
CREATE TABLE logins (
    account_id        uuid    NOT NULL,
    -- HMAC of the canonical address, so that this table alone lists nobody.
    address_hash      bytea   NOT NULL,
    key_id            integer NOT NULL,
    last_signed_in_at timestamptz,
    CONSTRAINT logins_pkey PRIMARY KEY (account_id),
    CONSTRAINT logins_address_key UNIQUE (address_hash)
) WITH (fillfactor = 70);

CREATE TABLE settings (
    account_id            uuid NOT NULL,
    -- Sealed, as it stands in the event.
    email                 text NOT NULL,
    created_at            timestamptz NOT NULL,
    password_changed_at   timestamptz NOT NULL,
    two_factor            text NOT NULL,
    enabled_at            timestamptz,
    enrollment_expires_at timestamptz,
    CONSTRAINT settings_pkey PRIMARY KEY (account_id),
    CONSTRAINT settings_two_factor_check CHECK (two_factor IN ('disabled', 'enrolling', 'enabled'))
) WITH (fillfactor = 70);

CREATE TABLE sessions (
    account_id   uuid        NOT NULL,
    session_id   uuid        NOT NULL,
    -- HMAC of the token, which names account and session.
    token_hash   bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    -- Comma-separated, in the order in which they were proved.
    factors      text        NOT NULL,
    -- Sealed, as in the event.
    ip           text,
    user_agent   text,
    -- Over the columns above but the last two: a row that somebody inserts is no session.
    mac          bytea       NOT NULL,
    key_id       integer     NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (account_id, session_id)
) WITH (fillfactor = 70);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- What waits for a token besides sessions: challenges and reset links, which are images of the
-- state, and links that make a browser known, which are no part of the account.
CREATE TABLE tokens (
    account_id uuid        NOT NULL,
    token_id   uuid        NOT NULL,
    kind       text        NOT NULL,
    token_hash bytea       NOT NULL,
    key_id     integer     NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT tokens_pkey PRIMARY KEY (account_id, token_id),
    CONSTRAINT tokens_kind_check CHECK (kind IN ('challenge', 'reset', 'unblock'))
);
CREATE INDEX tokens_expires_at_idx ON tokens (expires_at);

-- Who of the staff may call, by their token.
CREATE TABLE staff (
    staff_id   uuid        NOT NULL,
    name       text        NOT NULL,
    role       text        NOT NULL,
    token_hash bytea       NOT NULL,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    mac        bytea       NOT NULL,
    key_id     integer     NOT NULL,
    CONSTRAINT staff_pkey PRIMARY KEY (staff_id),
    CONSTRAINT staff_role_check CHECK (role IN ('support', 'auditor'))
);
