-- In which form the keys of the index are: that of all of them (`made`), and that in which everybody
-- has to read and write them (`wanted`). While they differ the index is made anew, and whoever makes
-- keys in another form than is wanted neither reads nor writes.
CREATE TABLE index_form (
    id BIGINT NOT NULL PRIMARY KEY,
    wanted BIGINT NOT NULL,
    made BIGINT NOT NULL
);
-- The form of all programs that have written here before there was this table.
INSERT INTO index_form (id, wanted, made) VALUES (1, 3, 3);

-- The sources whose keys are still to be made.
CREATE TABLE index_to_make (
    source_id BIGINT NOT NULL,
    -- Whether the old ones are gone.
    cleared BIGINT NOT NULL,
    -- The last resource whose new ones are there.
    made_to BYTEA NOT NULL,
    PRIMARY KEY (source_id)
);
