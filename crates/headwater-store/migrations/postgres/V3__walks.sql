-- Where pages by index ended, for ten minutes: the page that begins there goes on behind that
-- resource, on whichever replica. `place` is how many resources come before it, `position` the value
-- that is sorted by and the id.
CREATE TABLE walk (
    source_id BIGINT NOT NULL,
    client BYTEA NOT NULL,
    list BYTEA NOT NULL,
    place BIGINT NOT NULL,
    position BYTEA NOT NULL,
    noted BIGINT NOT NULL,
    -- How many walks are here, or may ask again.
    open BIGINT NOT NULL,
    -- The place that the page began at, until somebody goes on from here.
    came_from BIGINT,
    PRIMARY KEY (source_id, client, list, place, position)
);
CREATE INDEX walk_by_noted ON walk (source_id, noted);
