-- Copies of the tables of a directory, with ids that pgbench can make from a number, and the rows of one
-- user, from which those of others are made.
CREATE TABLE bench_resource (LIKE resource INCLUDING ALL);
CREATE TABLE bench_key (LIKE resource_key INCLUDING ALL);
CREATE TABLE bench_change (LIKE change INCLUDING ALL);
CREATE TABLE sample_resource AS SELECT * FROM resource WHERE type = 'User' LIMIT 1;
CREATE TABLE sample_key AS SELECT resource_key.* FROM resource_key JOIN sample_resource ON resource_id = id;
CREATE TABLE sample_change AS
    SELECT change.* FROM change JOIN sample_resource ON resource_id = id AND kind = 'create';
INSERT INTO bench_resource
SELECT source_id, int8send(0) || int8send(row_number() OVER ()), type, version, created, last_modified, display,
       has_references, member_count, document
FROM resource WHERE type = 'User';
VACUUM ANALYZE;
