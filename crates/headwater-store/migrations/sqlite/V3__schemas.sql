-- What a source adds to the schemas, and the switches of the protocol.

-- Counts the changes that plans depend on: a change that was computed before one is computed anew.
ALTER TABLE source ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
-- Whether secrets that clients set (password) are kept, as hashes.
ALTER TABLE source ADD COLUMN keep_passwords INTEGER NOT NULL DEFAULT 0;
-- Which profile is obeyed where it is stricter than the RFC.
ALTER TABLE source ADD COLUMN profile TEXT NOT NULL DEFAULT 'rfc';
-- What is left out of /Schemas: a JSON list of paths and URNs.
ALTER TABLE source ADD COLUMN hidden TEXT NOT NULL DEFAULT '[]';

-- Schemas of a source (RFC 7643 §7): its own, and attributes that it adds to others.
CREATE TABLE source_schema (
    source_id INTEGER NOT NULL,
    -- The URN in lower case; the definition has it as it was given.
    urn TEXT NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (source_id, urn)
) STRICT, WITHOUT ROWID;

-- Resource types of a source (RFC 7643 §6): its own, and extensions that it adds to others.
CREATE TABLE source_resource_type (
    source_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (source_id, name)
) STRICT, WITHOUT ROWID;

-- Attributes that clients send and no schema knows.
CREATE TABLE unknown_attribute (
    source_id INTEGER NOT NULL,
    resource_type TEXT NOT NULL,
    path TEXT NOT NULL,
    -- What its values look like: an attribute definition as JSON.
    shape TEXT NOT NULL,
    seen INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (source_id, resource_type, path)
) STRICT, WITHOUT ROWID;

-- Secrets that clients set, as hashes.
CREATE TABLE secret (
    source_id INTEGER NOT NULL,
    resource_id BLOB NOT NULL,
    attribute TEXT NOT NULL,
    hash TEXT NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (source_id, resource_id, attribute)
) STRICT, WITHOUT ROWID;

-- How many resources stand from one id to the next of these: what is needed to find the n-th, and to
-- know how many there are, without counting them.
CREATE TABLE stretch (
    source_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    first_id BLOB NOT NULL,
    resources INTEGER NOT NULL,
    PRIMARY KEY (source_id, type, first_id)
) STRICT, WITHOUT ROWID;
INSERT INTO stretch (source_id, type, first_id, resources)
    SELECT source_id, type, CASE part WHEN 0 THEN x'' ELSE MIN(id) END, COUNT(*)
    FROM (SELECT source_id, type, id, (ROW_NUMBER() OVER (PARTITION BY source_id, type ORDER BY id) - 1) / 512 AS part
          FROM resource)
    GROUP BY source_id, type, part;

-- The searchable values of each resource in comparable form. Paths are numbers now, and many more
-- attributes are searchable: the program fills it anew.
DROP TABLE resource_key;
CREATE TABLE resource_key (
    source_id INTEGER NOT NULL,
    path INTEGER NOT NULL,
    key TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    is_unique INTEGER NOT NULL,
    PRIMARY KEY (source_id, path, key, resource_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX resource_key_unique ON resource_key (source_id, path, key) WHERE is_unique = 1;
PRAGMA user_version = 0;
