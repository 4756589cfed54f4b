-- SPDX-License-Identifier: Apache-2.0
-- Totals of each user in each project.
CREATE TABLE usage (
	id integer NOT NULL PRIMARY KEY,
	resource_manager text DEFAULT '',
	cluster_id text,
	num_units integer,
	project text,
	groupname text,
	username text,
	total_time_seconds text DEFAULT '{}',
	avg_cpu_usage text DEFAULT '{}',
	avg_cpu_mem_usage text DEFAULT '{}',
	total_cpu_energy_usage_kwh text DEFAULT '{}',
	total_cpu_emissions_gms text DEFAULT '{}',
	avg_gpu_usage text DEFAULT '{}',
	avg_gpu_mem_usage text DEFAULT '{}',
	total_gpu_energy_usage_kwh text DEFAULT '{}',
	total_gpu_emissions_gms text DEFAULT '{}',
	total_io_write_stats text DEFAULT '{}',
	total_io_read_stats text DEFAULT '{}',
	total_ingress_stats text DEFAULT '{}',
	total_outgress_stats text DEFAULT '{}',
	num_updates integer DEFAULT 0,
	last_updated_at text
);
CREATE UNIQUE INDEX uq_cluster_id_project_usr ON usage (cluster_id, username, project);
