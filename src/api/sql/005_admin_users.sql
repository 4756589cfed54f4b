-- SPDX-License-Identifier: Apache-2.0
-- Administrators: one row per source of names.
CREATE TABLE admin_users (
	id integer NOT NULL PRIMARY KEY,
	source text,
	users text DEFAULT '[]',
	last_updated_at text
);
CREATE UNIQUE INDEX uq_source ON admin_users (source);
