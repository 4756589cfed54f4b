// SPDX-License-Identifier: Apache-2.0
/*
 * Virtual machines of libvirt on this node: what their control groups counted, v1, v2 and hybrid.
 * The uuid is that of the domain's definition. Guests are not asked.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>

#include "exporter/collector.h"
#include "exporter/managers/libvirt_domains.h"
#include "exporter/managers/libvirt_units.h"
#include "exporter/units/unit_collector.h"
#include "exporter/units/unit_metrics.h"

#define DEFINITIONS "/etc/libvirt/qemu"
/* Only libvirt's state of running domains has what was plugged in later. */
#define RUNNING "/run/libvirt/qemu"

struct libvirt_options {
	bool swap, blkio, pressure;
	const char *xml_dir;
};

#define LIBVIRT_OPTION(member) offsetof(struct libvirt_options, member)

static const struct option_def options[] = {
	{ .name = "collector.libvirt.blkio-metrics",
		.type = OPTION_BOOL,
		.offset = LIBVIRT_OPTION(blkio),
		.help = "Show the block device use of virtual machines." },
	{ .name = "collector.libvirt.psi-metrics",
		.type = OPTION_BOOL,
		.offset = LIBVIRT_OPTION(pressure),
		.help = "Show the pressure stall information of virtual machines (cgroup v2)." },
	{ .name = "collector.libvirt.swap-memory-metrics",
		.type = OPTION_BOOL,
		.offset = LIBVIRT_OPTION(swap),
		.help = "Show the swap of virtual machines." },
	{ .name = "collector.libvirt.xml-dir",
		.type = OPTION_STRING,
		.offset = LIBVIRT_OPTION(xml_dir),
		.fallback = DEFINITIONS,
		.help = "Folder of libvirt's definitions; with the default " RUNNING
			" comes before it.",
		.flags = OPTION_HIDDEN },
};

struct libvirt {
	struct libvirt_domains *domains;
	struct unit_table *table;
	unsigned sets;
};

static capability_set libvirt_capabilities(const void *opts)
{
	return CAPABILITY(CAP_DAC_READ_SEARCH); /* only root may read definitions */
}

static void libvirt_close(void *state)
{
	struct libvirt *libvirt = state;

	unit_table_free(libvirt->table);
	libvirt_domains_free(libvirt->domains);
	free(libvirt);
}

static unsigned sets_of(const struct libvirt_options *o)
{
	return (o->swap ? UNIT_FILES_SWAP : 0) | (o->blkio ? UNIT_FILES_BLKIO : 0) |
		(o->pressure ? UNIT_FILES_PRESSURE : 0);
}

static int libvirt_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	const struct libvirt_options *o = opts;
	const char *const usual[] = { RUNNING, DEFINITIONS };
	bool is_usual = str_eq(o->xml_dir, DEFINITIONS);
	struct libvirt *libvirt = calloc(1, sizeof(*libvirt));
	int r;

	if (!libvirt)
		return err_errno(err, -ENOMEM, "libvirt");
	libvirt->sets = sets_of(o);
	r = libvirt_domains_new(
		is_usual ? usual : &o->xml_dir, is_usual ? 2 : 1, env->clock, &libvirt->domains);
	if (r < 0)
		err_errno(err, r, "libvirt");
	else
		r = unit_collector_open(env, &libvirt_unit_manager, libvirt->domains, libvirt->sets,
			&libvirt->table, err);
	if (r < 0) {
		libvirt_close(libvirt);
		return r;
	}
	*ret_state = libvirt;
	return 0;
}

static int libvirt_collect(void *state, struct scrape *s)
{
	struct libvirt *libvirt = state;

	return unit_collector_collect(libvirt->table, libvirt_unit_manager.name, libvirt->sets, s);
}

const struct collector collector_libvirt = {
	.name = "libvirt",
	.help = "virtual machines of libvirt",
	.needs = COLLECTOR_NEEDS_PROCFS,
	.metrics = unit_metrics,
	.n_metrics = N_UNIT_METRICS,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct libvirt_options),
	.capabilities = libvirt_capabilities,
	.open = libvirt_open,
	.collect = libvirt_collect,
	.close = libvirt_close,
};
