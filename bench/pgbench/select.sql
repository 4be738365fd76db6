\set n random(1, :users)
SELECT document, version, created, last_modified FROM bench_resource
WHERE source_id = 1 AND id = int8send(0) || int8send(:n::BIGINT);
