-- SPDX-License-Identifier: Apache-2.0
-- Administrators become one row per name, in the form of users. A name that several sources have
-- keeps the later source.
ALTER TABLE admin_users RENAME TO admin_users_by_source;
CREATE TABLE admin_users (
	id integer NOT NULL PRIMARY KEY,
	uid text DEFAULT '',
	cluster_id text DEFAULT 'all',
	resource_manager text DEFAULT '',
	name text,
	projects text DEFAULT '[]',
	tags text DEFAULT '[]',
	last_updated_at text
);
CREATE UNIQUE INDEX uq_cluster_id_admin_user ON admin_users (cluster_id, name);
INSERT INTO admin_users (name, tags, last_updated_at)
	SELECT u.value, json_array(s.source), s.last_updated_at
	FROM admin_users_by_source s,
		json_each(CASE WHEN json_valid(s.users) THEN s.users ELSE '[]' END) u
	WHERE u.type = 'text' AND u.value <> ''
	ORDER BY s.id, u.key
ON CONFLICT (cluster_id, name) DO UPDATE SET
	tags = excluded.tags, last_updated_at = excluded.last_updated_at;
DROP TABLE admin_users_by_source;
