-- The administrator's side: accounts, sessions, API tokens, settings, and what is needed to look
-- back. The acts of administrators stand in the journal like everything else, under the source 0,
-- which is the server itself.

-- Which identity provider the source is for, and what of its requests is kept.
ALTER TABLE source ADD COLUMN provider TEXT NOT NULL DEFAULT 'other';
ALTER TABLE source ADD COLUMN log_bodies INTEGER NOT NULL DEFAULT 1;
ALTER TABLE source ADD COLUMN log_days INTEGER NOT NULL DEFAULT 30;
ALTER TABLE source ADD COLUMN log_megabytes INTEGER NOT NULL DEFAULT 256;

ALTER TABLE token ADD COLUMN created_by BLOB;
-- The secret under the server's key, as long as it may be copied.
ALTER TABLE token ADD COLUMN sealed BLOB;
ALTER TABLE token ADD COLUMN copyable_until INTEGER;

-- The source that an act of an administrator is about.
ALTER TABLE change ADD COLUMN about INTEGER;
CREATE INDEX change_about ON change (source_id, about, sequence) WHERE about IS NOT NULL;
CREATE INDEX change_by_resource ON change (source_id, resource_id, sequence);
CREATE INDEX change_member_by_member ON change_member (source_id, member_id, sequence);

CREATE TABLE administrator (
    id BLOB NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    -- The e-mail address in comparable form.
    email_key TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT,
    disabled INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    last_login INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX administrator_by_email ON administrator (email_key);

-- One-time links. Without an administrator it is the one that makes the first.
CREATE TABLE link (
    hash BLOB NOT NULL PRIMARY KEY,
    administrator_id BLOB,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    hash BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    administrator_id BLOB NOT NULL,
    csrf_token TEXT NOT NULL,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_administrator ON session (administrator_id);

-- Failed logins in a row, by whom they were for and by where they came from.
CREATE TABLE failed_login (
    key TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX failed_login_by_last ON failed_login (last);

CREATE TABLE api_token (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash BLOB NOT NULL,
    created INTEGER NOT NULL,
    created_by BLOB NOT NULL,
    expires INTEGER,
    last_used INTEGER,
    revoked INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_token_by_hash ON api_token (hash);

CREATE TABLE setting (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers that are given again when a creation is sent again under the same key.
CREATE TABLE idempotent_answer (
    actor BLOB NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    created INTEGER NOT NULL,
    -- Empty while the first is still being worked on. The body is kept without secrets.
    status INTEGER,
    body BLOB,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
