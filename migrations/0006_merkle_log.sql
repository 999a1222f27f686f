-- The log as a Merkle tree (RFC 6962), so that its history can be proved to whoever kept a
-- checkpoint. Written by the sequencer alone.

-- Numbered as tlog-tiles stores them: the tree grows by appending nodes, and never changes one.
CREATE TABLE log_nodes (
    number bigint NOT NULL,
    hash   bytea  NOT NULL,
    CONSTRAINT log_nodes_pkey PRIMARY KEY (number),
    CONSTRAINT log_nodes_hash_check CHECK (octet_length(hash) = 32)
);

-- What the events table called the event when it was logged: no column of an event can change
-- unnoticed, even the one that no hash covers.
ALTER TABLE log ADD COLUMN event_id bigint;
UPDATE log l SET event_id = e.id FROM events e
    WHERE e.aggregate_id = l.aggregate_id AND e.aggregate_type = l.aggregate_type
        AND e.sequence = l.sequence;

ALTER TABLE log_head
    -- Names the log in its checkpoints: two databases are never mistaken for one another.
    ADD COLUMN log_id     uuid    NOT NULL DEFAULT gen_random_uuid(),
    -- Goes up when the log continues from a restored backup.
    ADD COLUMN epoch      integer NOT NULL DEFAULT 1,
    -- Of the tree; less than `next` only until positions given by an older version are in it.
    ADD COLUMN size       bigint  NOT NULL DEFAULT 0,
    -- The signed checkpoint of this size; none of an empty log.
    ADD COLUMN checkpoint text;

-- Checkpoints that were handed to their sinks.
CREATE TABLE checkpoints (
    epoch        integer     NOT NULL,
    size         bigint      NOT NULL,
    note         text        NOT NULL,
    published_at timestamptz NOT NULL,
    CONSTRAINT checkpoints_pkey PRIMARY KEY (epoch, size)
);

GRANT SELECT, INSERT ON log_nodes, checkpoints TO countersign_sequencer;
GRANT SELECT ON log_nodes, checkpoints TO countersign_app, countersign_reader;
