-- The history. Everything else in this database follows from it, waits to become part of it, or
-- is a secret that it must not hold.

CREATE TABLE events (
    -- The first seven columns are those of postgres-es, whose readers work on this table.
    aggregate_id   text   NOT NULL,
    aggregate_type text   NOT NULL,
    sequence       bigint NOT NULL,
    event_type     text   NOT NULL,
    event_version  text   NOT NULL,
    -- json, not jsonb: the text that was hashed is the text that is kept.
    payload        json   NOT NULL,
    metadata       json   NOT NULL,
    -- UTC with microseconds, as the text that was hashed: its order as text is its order in time.
    recorded_at    text   NOT NULL COLLATE "C",
    -- Over the previous event's hash and everything above; see the store's event_row.rs.
    hash           bytea  NOT NULL,
    -- Under a key that is not in this database: a correct hash alone makes no event.
    mac            bytea  NOT NULL,
    key_id         integer NOT NULL,
    -- Order of insertion, for the work list; not the order of the log, which is `position`.
    id             bigint GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT events_pkey PRIMARY KEY (aggregate_id, aggregate_type, sequence),
    CONSTRAINT events_sequence_check CHECK (sequence > 0),
    CONSTRAINT events_hash_check CHECK (octet_length(hash) = 32 AND octet_length(mac) = 32)
);

-- Whoever owns the table could still change it: say no to mistakes as well.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER events_are_for_ever BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Committed events that have no position yet. The append takes no global lock: the sequencer
-- empties this list behind it.
CREATE TABLE unsequenced (
    id             bigint NOT NULL,
    aggregate_id   text   NOT NULL,
    aggregate_type text   NOT NULL,
    sequence       bigint NOT NULL,
    CONSTRAINT unsequenced_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The one order of all events: positions are dense, never change and never skip.
CREATE TABLE log (
    position       bigint NOT NULL,
    aggregate_id   text   NOT NULL,
    aggregate_type text   NOT NULL,
    sequence       bigint NOT NULL,
    -- What the Merkle tree's leaf is made of; equal to the event's.
    hash           bytea  NOT NULL,
    CONSTRAINT log_pkey PRIMARY KEY (position),
    CONSTRAINT log_event_key UNIQUE (aggregate_id, aggregate_type, sequence)
);

-- The next position to give: a fence, should two sequencers ever believe that they lead.
CREATE TABLE log_head (
    only_row boolean NOT NULL DEFAULT true,
    next     bigint  NOT NULL,
    CONSTRAINT log_head_pkey PRIMARY KEY (only_row),
    CONSTRAINT log_head_only_row_check CHECK (only_row)
);
INSERT INTO log_head (next) VALUES (0);

-- The state of each stream after its last event, from which commands are decided: an image that
-- can be folded anew from the events, authenticated because decisions rest on it.
CREATE TABLE states (
    aggregate_id   text    NOT NULL,
    aggregate_type text    NOT NULL,
    version        bigint  NOT NULL,
    -- Hash and time of the last event.
    tip            bytea   NOT NULL,
    recorded_at    text    NOT NULL COLLATE "C",
    -- The shape of `state`: another one is folded anew.
    shape          integer NOT NULL,
    state          text    NOT NULL,
    mac            bytea   NOT NULL,
    key_id         integer NOT NULL,
    CONSTRAINT states_pkey PRIMARY KEY (aggregate_id, aggregate_type)
) WITH (fillfactor = 70);

-- What the keys in use are recognised by: a server with another master key refuses to start.
CREATE TABLE key_checks (
    key_id      integer NOT NULL,
    check_value bytea   NOT NULL,
    CONSTRAINT key_checks_pkey PRIMARY KEY (key_id)
);

-- For a commit whose premises no longer hold: the whole statement fails as a conflict.
CREATE FUNCTION require_fresh(fresh boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF fresh IS NOT TRUE THEN
        RAISE EXCEPTION 'a row changed since it was read' USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;
