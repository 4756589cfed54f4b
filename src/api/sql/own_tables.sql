-- SPDX-License-Identifier: Apache-2.0
-- What this program keeps beyond CEEMS 0.10.2, which ignores it: run at every start.

-- The end of the last window that was stored for each cluster. label is the latest text that was
-- written as usage.last_updated_at; a later one there was written by another program.
CREATE TABLE IF NOT EXISTS ceems_watermarks (
	cluster_id text NOT NULL PRIMARY KEY,
	end_ms integer NOT NULL,
	label text NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS ceems_units_user_ended ON units (username, ended_at);
CREATE INDEX IF NOT EXISTS ceems_units_ended ON units (ended_at);
CREATE INDEX IF NOT EXISTS ceems_units_uuid ON units (uuid);
CREATE INDEX IF NOT EXISTS ceems_units_updated ON units (last_updated_at);
CREATE INDEX IF NOT EXISTS ceems_units_running ON units (username) WHERE ended_at_ts = 0;
