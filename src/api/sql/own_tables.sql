-- SPDX-License-Identifier: Apache-2.0
-- What this program keeps beyond CEEMS 0.10.2, which ignores it: run at every start. Its indexes on
-- tables of CEEMS 0.10.2 are in store_sql.c, as each takes a while and is a step of its own.

-- The end of the last window that was stored for each cluster. label is the latest text that was
-- written as usage.last_updated_at; a later one there was written by another program.
CREATE TABLE IF NOT EXISTS ceems_watermarks (
	cluster_id text NOT NULL PRIMARY KEY,
	end_ms integer NOT NULL,
	label text NOT NULL
) WITHOUT ROWID;

-- Windows that are stored but for the metrics of some updaters. A lane is a set of updaters that
-- answer together ("a+b"); lanes of a window leave ceems_queue one by one, and with the last one
-- goes the window.
CREATE TABLE IF NOT EXISTS ceems_windows (
	id integer PRIMARY KEY,
	cluster_id text NOT NULL,
	start_ms integer NOT NULL,
	since_ms integer NOT NULL,
	end_ms integer NOT NULL,
	n_units integer NOT NULL,
	UNIQUE (cluster_id, start_ms)
);
CREATE TABLE IF NOT EXISTS ceems_queue (
	window_id integer NOT NULL,
	lane text NOT NULL,
	attempts integer NOT NULL,
	not_before_ms integer NOT NULL,
	PRIMARY KEY (window_id, lane)
) WITHOUT ROWID;
-- The units of such a window in the order in which they were stored, with the account that they
-- were counted for and with their times in the window.
CREATE TABLE IF NOT EXISTS ceems_window_units (
	window_id integer NOT NULL,
	seq integer NOT NULL,
	unit_id integer NOT NULL,
	account integer NOT NULL,
	walltime real NOT NULL,
	alloc_cputime real NOT NULL,
	alloc_cpumemtime real NOT NULL,
	alloc_gputime real NOT NULL,
	alloc_gpumemtime real NOT NULL,
	PRIMARY KEY (window_id, seq)
) WITHOUT ROWID;
-- What of the times of a row belongs to windows of the queue, so that averages of the row don't
-- hold it yet. kind 0: row_id is one of units, 1: an account's row of usage, 2: an account's of
-- daily_usage in the UTC day (since 1970).
CREATE TABLE IF NOT EXISTS ceems_missing (
	lane text NOT NULL,
	kind integer NOT NULL,
	row_id integer NOT NULL,
	day integer NOT NULL,
	n integer NOT NULL,
	alloc_cputime real NOT NULL,
	alloc_cpumemtime real NOT NULL,
	alloc_gputime real NOT NULL,
	alloc_gpumemtime real NOT NULL,
	PRIMARY KEY (lane, kind, row_id, day)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ceems_missing_none ON ceems_missing (n) WHERE n <= 0;

-- Triggers keep tables of ours right whoever writes. They use nothing that a stock SQLite lacks.

-- projects.users, one row for each name; but not yet of the projects in ceems_projects_changed. (A
-- trigger that opened the JSON lists would need functions, which a careful connection denies it.)
CREATE TABLE IF NOT EXISTS ceems_members (
	username text NOT NULL,
	cluster_id text NOT NULL,
	project text NOT NULL,
	PRIMARY KEY (username, cluster_id, project)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ceems_members_project ON ceems_members (cluster_id, project);
CREATE TABLE IF NOT EXISTS ceems_projects_changed (
	cluster_id text NOT NULL,
	project text NOT NULL,
	PRIMARY KEY (cluster_id, project)
) WITHOUT ROWID;

-- Once, when the table is new.
INSERT OR IGNORE INTO ceems_projects_changed (cluster_id, project)
SELECT cluster_id, name FROM projects WHERE NOT EXISTS (SELECT 1 FROM ceems_members);

CREATE TRIGGER IF NOT EXISTS ceems_project_added AFTER INSERT ON projects
WHEN new.cluster_id IS NOT NULL AND new.name IS NOT NULL BEGIN
	DELETE FROM ceems_projects_changed WHERE cluster_id = new.cluster_id AND project = new.name;
	INSERT INTO ceems_projects_changed (cluster_id, project) VALUES (new.cluster_id, new.name);
END;
CREATE TRIGGER IF NOT EXISTS ceems_project_removed AFTER DELETE ON projects BEGIN
	DELETE FROM ceems_members WHERE cluster_id = old.cluster_id AND project = old.name;
END;
CREATE TRIGGER IF NOT EXISTS ceems_project_changed AFTER UPDATE ON projects
WHEN (old.users IS NOT new.users OR old.name IS NOT new.name
	OR old.cluster_id IS NOT new.cluster_id)
	AND new.cluster_id IS NOT NULL AND new.name IS NOT NULL BEGIN
	DELETE FROM ceems_members WHERE cluster_id = old.cluster_id AND project = old.name;
	DELETE FROM ceems_projects_changed WHERE cluster_id = new.cluster_id AND project = new.name;
	INSERT INTO ceems_projects_changed (cluster_id, project) VALUES (new.cluster_id, new.name);
END;

-- The accounts that units were ever stored for, with the numbers of their units.
CREATE TABLE IF NOT EXISTS ceems_accounts (
	id integer NOT NULL PRIMARY KEY,
	cluster_id text NOT NULL,
	project text NOT NULL,
	username text NOT NULL,
	groupname text NOT NULL DEFAULT '',
	resource_manager text NOT NULL DEFAULT '',
	num_units integer NOT NULL DEFAULT 0,
	num_ended integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS ceems_accounts_names
	ON ceems_accounts (cluster_id, project, username);

-- Once, when the table is new: the join goes through no units otherwise.
INSERT INTO ceems_accounts (cluster_id, project, username, groupname, resource_manager,
	num_units, num_ended)
SELECT coalesce(cluster_id, ''), coalesce(project, ''), coalesce(username, ''),
	coalesce(max(groupname), ''), coalesce(max(resource_manager), ''), count(*),
	count(CASE WHEN ended_at_ts > 0 THEN 1 END)
FROM (SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM ceems_accounts)) CROSS JOIN units GROUP BY 1, 2, 3;

CREATE TRIGGER IF NOT EXISTS ceems_unit_added AFTER INSERT ON units BEGIN
	INSERT INTO ceems_accounts (cluster_id, project, username, groupname, resource_manager,
		num_units, num_ended)
	VALUES (coalesce(new.cluster_id, ''), coalesce(new.project, ''), coalesce(new.username, ''),
		coalesce(new.groupname, ''), coalesce(new.resource_manager, ''), 1,
		coalesce(new.ended_at_ts > 0, 0))
	ON CONFLICT (cluster_id, project, username) DO UPDATE SET num_units = num_units + 1,
		num_ended = num_ended + excluded.num_ended;
END;
CREATE TRIGGER IF NOT EXISTS ceems_unit_removed AFTER DELETE ON units BEGIN
	UPDATE ceems_accounts SET num_units = num_units - 1,
		num_ended = num_ended - coalesce(old.ended_at_ts > 0, 0)
	WHERE cluster_id = coalesce(old.cluster_id, '') AND project = coalesce(old.project, '')
		AND username = coalesce(old.username, '');
END;
CREATE TRIGGER IF NOT EXISTS ceems_unit_ended AFTER UPDATE OF ended_at_ts ON units
WHEN coalesce(old.ended_at_ts > 0, 0) <> coalesce(new.ended_at_ts > 0, 0) BEGIN
	UPDATE ceems_accounts SET num_ended = num_ended + coalesce(new.ended_at_ts > 0, 0)
		- coalesce(old.ended_at_ts > 0, 0)
	WHERE cluster_id = coalesce(new.cluster_id, '') AND project = coalesce(new.project, '')
		AND username = coalesce(new.username, '');
END;

-- Usage by time: what the units of an account used in a day of the configured zone, or in a
-- quarter of an hour, that began at start_s (Unix seconds). num_new units came in it, num_earlier
-- were there before. Metrics are JSON objects as in usage, but with averages as sums of values
-- times weights, beside the sums of these weights.
CREATE TABLE IF NOT EXISTS ceems_usage_days (
	account integer NOT NULL,
	start_s integer NOT NULL,
	num_new integer NOT NULL,
	num_earlier integer NOT NULL,
	total_time_seconds text,
	avg_cpu_usage text,
	avg_cpu_mem_usage text,
	total_cpu_energy_usage_kwh text,
	total_cpu_emissions_gms text,
	avg_gpu_usage text,
	avg_gpu_mem_usage text,
	total_gpu_energy_usage_kwh text,
	total_gpu_emissions_gms text,
	total_io_write_stats text,
	total_io_read_stats text,
	total_ingress_stats text,
	total_egress_stats text,
	weight_cpu_usage text,
	weight_cpu_mem_usage text,
	weight_gpu_usage text,
	weight_gpu_mem_usage text,
	PRIMARY KEY (account, start_s)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS ceems_usage_quarters (
	account integer NOT NULL,
	start_s integer NOT NULL,
	num_new integer NOT NULL,
	num_earlier integer NOT NULL,
	total_time_seconds text,
	avg_cpu_usage text,
	avg_cpu_mem_usage text,
	total_cpu_energy_usage_kwh text,
	total_cpu_emissions_gms text,
	avg_gpu_usage text,
	avg_gpu_mem_usage text,
	total_gpu_energy_usage_kwh text,
	total_gpu_emissions_gms text,
	total_io_write_stats text,
	total_io_read_stats text,
	total_ingress_stats text,
	total_egress_stats text,
	weight_cpu_usage text,
	weight_cpu_mem_usage text,
	weight_gpu_usage text,
	weight_gpu_mem_usage text,
	PRIMARY KEY (account, start_s)
) WITHOUT ROWID;

-- Units that were stored without the two tables above (by CEEMS 0.10.2), whose usage is put there
-- little by little: those from next_id to last_id are still to come, but for the ones in
-- ceems_backfilled. ceems_estimates says which time of a cluster is filled in so.
CREATE TABLE IF NOT EXISTS ceems_backfills (
	id integer PRIMARY KEY,
	next_id integer NOT NULL,
	last_id integer NOT NULL
);
CREATE TABLE IF NOT EXISTS ceems_estimates (
	backfill integer NOT NULL,
	cluster_id text NOT NULL,
	from_ms integer NOT NULL,
	to_ms integer NOT NULL,
	PRIMARY KEY (backfill, cluster_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ceems_backfilled (
	backfill integer NOT NULL,
	unit_id integer NOT NULL,
	PRIMARY KEY (backfill, unit_id)
) WITHOUT ROWID;
