-- The rows of a POST: the resource, its keys, its line in the journal; a round trip.
\set n random(1000000000, 9000000000000000000)
\startpipeline
BEGIN;
INSERT INTO bench_resource
SELECT source_id, int8send(1) || int8send(:n::BIGINT), type, version, created, last_modified, display,
       has_references, member_count, document
FROM sample_resource;
INSERT INTO bench_key
SELECT source_id, path, key || :n::TEXT, int8send(1) || int8send(:n::BIGINT), is_unique, whole FROM sample_key;
INSERT INTO bench_change
SELECT source_id, :n::BIGINT, at, actor, request_id, kind, resource_type, int8send(1) || int8send(:n::BIGINT), version,
       before, after, about
FROM sample_change;
COMMIT;
\endpipeline
