-- The request log. Numbers are given over all sources, so that each table grows at its end: what a
-- batch writes lies side by side.

-- The number that was given last; kept apart, so that it never goes back when rows go.
CREATE TABLE numbering (
    last INTEGER NOT NULL
);
INSERT INTO numbering (last) VALUES (0);

-- Source 0 has the requests to slugs that don't exist.
CREATE TABLE request (
    source_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    status INTEGER NOT NULL,
    operation INTEGER NOT NULL,
    is_write INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    -- About what the request takes in all tables.
    bytes INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT,
    address TEXT NOT NULL,
    user_agent TEXT,
    token_id BLOB,
    scim_type TEXT,
    error TEXT,
    resource_type TEXT,
    resource_id BLOB,
    display TEXT,
    outcomes TEXT,
    PRIMARY KEY (source_id, sequence)
) WITHOUT ROWID;

-- Ids begin with their time: the index finds a request, and where a time is.
CREATE INDEX request_id ON request (source_id, id);
CREATE INDEX request_error ON request (source_id, sequence) WHERE status >= 400;
CREATE INDEX request_write ON request (source_id, sequence) WHERE is_write = 1;

CREATE TABLE request_body (
    sequence INTEGER PRIMARY KEY,
    request_headers TEXT NOT NULL,
    request_body TEXT,
    request_note TEXT,
    response_headers TEXT NOT NULL,
    response_body TEXT,
    response_note TEXT
);

-- The requests that name a resource. A bucket is 4,096 numbers: without it, every entry would go
-- somewhere else in the index, and with it a search takes one step a bucket.
CREATE TABLE request_resource (
    source_id INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    resource_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (source_id, bucket, resource_id, sequence)
) WITHOUT ROWID;

CREATE TABLE request_hour (
    source_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    PRIMARY KEY (source_id, hour)
) WITHOUT ROWID;

CREATE TABLE milestone (
    source_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (source_id, name)
) WITHOUT ROWID;

-- What is kept of a source, and when it was last heard of.
CREATE TABLE source (
    source_id INTEGER PRIMARY KEY,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    last_request INTEGER NOT NULL,
    last_success INTEGER
);
