// SPDX-License-Identifier: Apache-2.0
/*
 * cacct's configuration and what is safe to do with it. The program may be setgid, so that users
 * can run it but not read the credentials in /etc/ceems: that file, and the files which it names,
 * are read with the program's rights; then those are given up for good; a configuration in the
 * user's own folders, and the files which it names, are read with the user's rights only.
 */
#ifndef CEEMS_CACCT_SETTINGS_H
#define CEEMS_CACCT_SETTINGS_H

#include "basic/arena.h"
#include "basic/err.h"
#include "net/http_client.h"

#define SETTINGS_SYSTEM_DIR "/etc/ceems"

struct settings_tsdb {
	const char *url;
	struct http_client_config client; /* all secrets inline */
	struct config_map queries; /* name -> PromQL with %s for the unit's id */
};

struct settings {
	const char *path; /* of the file */
	const char *cluster_id; /* "" = all */
	const char *user_header_name;
	const char *url;
	struct http_client_config client; /* all secrets inline */
	struct settings_tsdb tsdb; /* only if asked for; queries.n 0: there is none */
};

/* Where to look; NULL entries are skipped. */
struct settings_places {
	const char *system_dir;
	const char *test_dir; /* test builds only */
	const char *xdg_config_home, *home; /* the user's environment; NULL if not set */
	bool with_tsdb; /* whether its section is wanted, and the secrets in it */
};

/*
 * Finds and reads the configuration and gives up what the program has beyond the user's rights: on
 * return, even with an error, it has none of them. -ENOENT: there is no file; the sentence says
 * where it was looked for.
 */
int settings_load(const struct settings_places *places, struct arena *arena,
	struct settings *ret_settings, struct err *err);

/*
 * Gives up set-user-ID and set-group-ID rights for good, keeps other processes of the user out
 * (no core dump, no ptrace). -EPERM if that can't be done; then the program must not go on.
 */
int settings_drop_rights(struct err *err);

#endif
