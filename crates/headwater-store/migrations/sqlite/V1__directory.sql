-- Every key starts with the source; only `source` itself is looked up without one.
-- Ids of resources are the 16 bytes of a UUID; moments are milliseconds since 1970.

CREATE TABLE source (
    -- A number is never given twice, so that nothing of a deleted source can come up in a new one.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    -- Whether two groups may not share a displayName.
    unique_display_names INTEGER NOT NULL,
    created INTEGER NOT NULL,
    -- A source that is being deleted: its rows go in portions, its slug is free at once.
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX source_by_slug ON source (slug) WHERE deleted = 0;

CREATE TABLE service_account (
    source_id INTEGER NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (source_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    source_id INTEGER NOT NULL,
    id BLOB NOT NULL,
    service_account_id BLOB NOT NULL,
    -- The first bytes of the hash: by these a token is found, by the whole hash it is compared.
    lookup BLOB NOT NULL,
    hash BLOB NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    last_used INTEGER,
    revoked INTEGER,
    PRIMARY KEY (source_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_lookup ON token (source_id, lookup);

CREATE TABLE resource (
    source_id INTEGER NOT NULL,
    id BLOB NOT NULL,
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    last_modified INTEGER NOT NULL,
    -- What people call it; shown where others refer to it.
    display TEXT,
    -- Whether the document refers to other resources, such as a manager.
    has_references INTEGER NOT NULL,
    -- How many members it has.
    member_count INTEGER NOT NULL,
    -- The resource as JSON, without what the server adds when it answers.
    document TEXT NOT NULL
) STRICT;
-- Names are read from the index alone: the lists of members need nothing else of a resource.
CREATE INDEX resource_by_id ON resource (source_id, id, type, display);
CREATE UNIQUE INDEX resource_by_type ON resource (source_id, type, id);
CREATE INDEX resource_by_last_modified ON resource (source_id, type, last_modified, id);

-- The searchable values of each resource in comparable form.
CREATE TABLE resource_key (
    source_id INTEGER NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    is_unique INTEGER NOT NULL,
    PRIMARY KEY (source_id, path, key, resource_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX resource_key_unique ON resource_key (source_id, path, key) WHERE is_unique = 1;

-- One row a member. A member that is no resource's id has its text behind 16 zero bytes and a one.
CREATE TABLE membership (
    source_id INTEGER NOT NULL,
    group_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    PRIMARY KEY (source_id, group_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_by_member ON membership (source_id, member_id, group_id);

-- The journal: append-only, numbered without gaps per source.
CREATE TABLE change (
    source_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor BLOB NOT NULL,
    request_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    -- Attributes before and after: all of them for create and delete, those that differ for update.
    before TEXT,
    after TEXT
) STRICT;
CREATE UNIQUE INDEX change_by_sequence ON change (source_id, sequence);

-- The members that a change added or removed.
CREATE TABLE change_member (
    source_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    member_id BLOB NOT NULL,
    added INTEGER NOT NULL,
    PRIMARY KEY (source_id, sequence, member_id)
) STRICT, WITHOUT ROWID;
