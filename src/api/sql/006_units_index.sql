-- SPDX-License-Identifier: Apache-2.0
-- For the units of a project in a period.
CREATE INDEX idx_cluster_id_project_user_ended ON units (cluster_id, project, username, ended_at);
