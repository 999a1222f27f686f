-- What is true and no event: keys and sealed secrets, throttles, and work that waits. Strangers
-- write here and cannot fill history.

-- One for each stream, wrapped by the master key. Destroying it erases the person from history.
CREATE TABLE data_keys (
    owner_id uuid    NOT NULL,
    key_id   integer NOT NULL,
    wrapped  bytea   NOT NULL,
    CONSTRAINT data_keys_pkey PRIMARY KEY (owner_id)
);

-- Password hashes and TOTP secrets, each under a key of its own that goes with it.
CREATE TABLE secrets (
    account_id    uuid  NOT NULL,
    credential_id uuid  NOT NULL,
    kind          text  NOT NULL,
    wrapped_key   bytea NOT NULL,
    sealed        bytea NOT NULL,
    CONSTRAINT secrets_pkey PRIMARY KEY (account_id, credential_id),
    CONSTRAINT secrets_kind_check CHECK (kind IN ('password', 'totp'))
);

-- Browsers that once completed a sign-in: their failed attempts count apart. Opens nothing.
CREATE TABLE devices (
    account_id uuid        NOT NULL,
    device_id  uuid        NOT NULL,
    -- The token is an HMAC over it, so that it can be issued again at each sign-in.
    nonce      bytea       NOT NULL,
    key_id     integer     NOT NULL,
    expires_at timestamptz NOT NULL,
    failures   text        NOT NULL,
    version    bigint      NOT NULL,
    CONSTRAINT devices_pkey PRIMARY KEY (account_id, device_id)
);
CREATE INDEX devices_expires_at_idx ON devices (expires_at);

-- Counters by HMAC of an address or a source, whether or not the address has an account.
CREATE TABLE throttles (
    kind       text        NOT NULL,
    key        bytea       NOT NULL,
    state      text        NOT NULL,
    version    bigint      NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT throttles_pkey PRIMARY KEY (kind, key)
) WITH (fillfactor = 70);
CREATE INDEX throttles_updated_at_idx ON throttles (updated_at);

-- Addresses that wait for their owner to choose a password.
CREATE TABLE registrations (
    registration_id uuid        NOT NULL,
    address_hash    bytea       NOT NULL,
    token_hash      bytea       NOT NULL,
    key_id          integer     NOT NULL,
    -- The address itself, sealed under the master key: there is no account key yet.
    address         bytea       NOT NULL,
    expires_at      timestamptz NOT NULL,
    CONSTRAINT registrations_pkey PRIMARY KEY (registration_id)
);
CREATE INDEX registrations_address_idx ON registrations (address_hash);
CREATE INDEX registrations_expires_at_idx ON registrations (expires_at);

-- Requests for mail by visitors. A request only inserts one, the same for every address; a worker
-- finds out what it means.
CREATE TABLE jobs (
    job_id   uuid        NOT NULL,
    key_id   integer     NOT NULL,
    sealed   bytea       NOT NULL,
    due_at   timestamptz NOT NULL,
    attempts integer     NOT NULL DEFAULT 0,
    CONSTRAINT jobs_pkey PRIMARY KEY (job_id)
);
CREATE INDEX jobs_due_at_idx ON jobs (due_at);

-- Mail that was promised by a commit. Sealed until sent, gone once sent.
CREATE TABLE outbox (
    mail_id    uuid        NOT NULL,
    key_id     integer     NOT NULL,
    sealed     bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    due_at     timestamptz NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    CONSTRAINT outbox_pkey PRIMARY KEY (mail_id)
);
CREATE INDEX outbox_due_at_idx ON outbox (due_at);

-- First answers to calls that may be repeated with the same Idempotency-Key.
CREATE TABLE idempotent_answers (
    staff_id     uuid        NOT NULL,
    key_hash     bytea       NOT NULL,
    account_id   uuid        NOT NULL,
    request_hash bytea       NOT NULL,
    -- Sealed under the account's data key.
    answer       bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT idempotent_answers_pkey PRIMARY KEY (staff_id, key_hash)
);
CREATE INDEX idempotent_answers_created_at_idx ON idempotent_answers (created_at);
