-- The request log. Every key starts with the source, and numbers are given per source: what a batch
-- writes of a source lies side by side.

-- What is kept of a source, and when it was last heard of. Whoever writes to the log of a source, or
-- deletes from it, locks its row first and until the end of the transaction: so numbers are in the
-- order of the commits, and who follows them never misses one that comes late. Source 0 has the
-- requests to slugs that don't exist.
CREATE TABLE request_source (
    source_id BIGINT NOT NULL,
    -- The number that was given last; it never goes back.
    last BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    last_request BIGINT,
    last_success BIGINT,
    -- What it may take, once somebody has said so.
    most_bytes BIGINT,
    -- Up to which number all is deleted: behind it the oldest is looked for.
    deleted_to BIGINT NOT NULL DEFAULT 0,
    -- A source that is gone. Its row stays, so that no replica writes down what comes late.
    forgotten BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (source_id)
);

CREATE TABLE request (
    source_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    status BIGINT NOT NULL,
    operation BIGINT NOT NULL,
    is_write BIGINT NOT NULL,
    changes BIGINT NOT NULL,
    -- About what the request takes in all tables.
    bytes BIGINT NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    query TEXT COLLATE "C",
    address TEXT COLLATE "C" NOT NULL,
    user_agent TEXT COLLATE "C",
    token_id BYTEA,
    scim_type TEXT COLLATE "C",
    error TEXT COLLATE "C",
    resource_type TEXT COLLATE "C",
    resource_id BYTEA,
    display TEXT COLLATE "C",
    outcomes TEXT COLLATE "C",
    PRIMARY KEY (source_id, sequence)
);
-- Ids begin with their time: the index finds a request, and where a time is.
CREATE INDEX request_id ON request (source_id, id);
CREATE INDEX request_error ON request (source_id, sequence) WHERE status >= 400;
CREATE INDEX request_write ON request (source_id, sequence) WHERE is_write = 1;

CREATE TABLE request_body (
    source_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    request_headers TEXT COLLATE "C" NOT NULL,
    request_body TEXT COLLATE "C",
    request_note TEXT COLLATE "C",
    response_headers TEXT COLLATE "C" NOT NULL,
    response_body TEXT COLLATE "C",
    response_note TEXT COLLATE "C",
    PRIMARY KEY (source_id, sequence)
);

-- The requests that name a resource.
CREATE TABLE request_resource (
    source_id BIGINT NOT NULL,
    resource_id BYTEA NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (source_id, resource_id, sequence)
);
-- By this the oldest go.
CREATE INDEX request_resource_by_sequence ON request_resource (source_id, sequence);

CREATE TABLE request_hour (
    source_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    changes BIGINT NOT NULL,
    PRIMARY KEY (source_id, hour)
);

CREATE TABLE milestone (
    source_id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (source_id, name)
);
