// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <errno.h>

#include "remote/gres_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_again(void *ctx, struct slice path, struct buffer *text)
{
	const struct slice *whole = ctx;

	buffer_append(text, whole->p, whole->n);
	return buffer_error(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct gres_conf conf = { 0 };
	struct mig_minor minor;
	int r = gres_conf_parse(text, "n1.example.org", read_again, &text, &conf);

	assert(r == 0 || r == -E2BIG);
	assert(conf.n_shares <= GRES_CONF_SHARES_MAX && (!conf.n_shares || conf.sharing));
	gres_conf_done(&conf);
	(void)mig_minors_find(text, 1, &minor);
	return 0;
}
