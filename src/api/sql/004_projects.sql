-- SPDX-License-Identifier: Apache-2.0
-- Projects and the users that belong to them.
CREATE TABLE projects (
	id integer NOT NULL PRIMARY KEY,
	uid text,
	cluster_id text,
	resource_manager text,
	name text,
	users text DEFAULT '[]',
	tags text DEFAULT '[]',
	last_updated_at text
);
CREATE UNIQUE INDEX uq_cluster_id_project ON projects (cluster_id, name);
