-- SPDX-License-Identifier: Apache-2.0
-- Users and the projects that they belong to.
CREATE TABLE users (
	id integer NOT NULL PRIMARY KEY,
	uid text,
	cluster_id text,
	resource_manager text,
	name text,
	projects text DEFAULT '[]',
	tags text DEFAULT '[]',
	last_updated_at text
);
CREATE UNIQUE INDEX uq_cluster_id_user ON users (cluster_id, name);
