// SPDX-License-Identifier: Apache-2.0
#include "exporter/gpu/gpus.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "basic/macros.h"
#include "exporter/gpu/gpu_bindings.h"
#include "exporter/gpu/gpu_pod.h"
#include "exporter/gpu/gpu_power.h"
#include "exporter/gpu/gpu_samples.h"
#include "exporter/gpu/gpu_scan.h"
#include "exporter/gpu/slurm_gpus.h"
#include "exporter/poller.h"
#include "exporter/units/unit_metrics.h"

#define SLURM "slurm"

enum {
	MANAGERS_MAX = 8,
	SAMPLES_MAX_BYTES = 16 << 20,
	SCAN_MAX_MS = 180 * 1000, /* of all tools together */
};

static const int64_t S_NS = 1000000000, LOOK_S = 15, RETRY_MAX_S = 600, FOLLOW_AGAIN_S = 15;

struct gpus {
	struct gpus_config config;
	struct gpu_tools tools;
	struct slurm_gpus slurm;
	struct poller *scanner, *reader;
	/* Of the scanner alone, once it runs. */
	unsigned vendors;
	uint64_t signature;
	int64_t retry_at_ns, retry_ns;
	int scan_result;
	struct err scan_err;
	struct arena samples; /* of the ledger alone */
	pthread_mutex_t lock; /* of what follows */
	struct gpu_list list;
	struct gpu_reading *readings; /* one for each device */
	uint64_t generation;
	struct gpu_bindings managers[MANAGERS_MAX];
	size_t n_managers;
};

static const struct slurm_gpus *slurm_of(const struct gpus *gpus, const char *manager)
{
	return str_eq(manager, SLURM) ? &gpus->slurm : NULL;
}

/* Readings stay with their devices. */
static void keep_readings(
	const struct gpus *gpus, const struct gpu_list *list, struct gpu_reading *readings)
{
	for (size_t i = 0; i < list->n; i++) {
		for (size_t j = 0; j < gpus->list.n; j++) {
			if (list->v[i].vendor == gpus->list.v[j].vendor && list->v[i].uuid[0] &&
				str_eq(list->v[i].uuid, gpus->list.v[j].uuid))
				readings[i] = gpus->readings[j];
		}
	}
}

/* Takes the list over; what units hold is looked for in it at once. -ENOMEM: nothing changed. */
static int replace_locked(struct gpus *gpus, struct gpu_list *list)
{
	struct gpu_reading *readings;

	if (gpus->generation && gpu_list_eq(&gpus->list, list))
		return 0;
	readings = calloc(list->n + 1, sizeof(*readings));
	if (!readings)
		return -ENOMEM;
	keep_readings(gpus, list, readings);
	free(gpus->readings);
	gpus->readings = readings;
	gpu_list_done(&gpus->list);
	gpus->list = *list;
	*list = (struct gpu_list){ 0 };
	gpus->generation++;
	slurm_gpus_find_caps(&gpus->slurm, gpus->config.host);
	for (size_t i = 0; i < gpus->n_managers; i++) {
		struct gpu_bindings *b = &gpus->managers[i];

		/* What was held refers to the old list. */
		if (gpu_bindings_resolve(b, &gpus->list, slurm_of(gpus, b->manager)) < 0)
			b->n_holds = 0;
	}
	return 0;
}

/* A list of before is better than a part of the new one. */
static int scan(
	struct gpus *gpus, unsigned vendors, int64_t timeout_ms, int cancel_fd, struct err *err)
{
	struct gpu_list list = { 0 };
	int r = gpu_scan_run(
		gpus->config.host, &gpus->tools, vendors, timeout_ms, cancel_fd, &list, err);
	int replaced = 0;

	pthread_mutex_lock(&gpus->lock);
	if (r >= 0 || !gpus->list.n)
		replaced = replace_locked(gpus, &list);
	pthread_mutex_unlock(&gpus->lock);
	gpu_list_done(&list);
	if (r >= 0 && replaced < 0)
		r = err_errno(err, replaced, "listing GPUs");
	return r;
}

static void scan_and_note(struct gpus *gpus, int64_t timeout_ms, int cancel_fd)
{
	const uint64_t signature = gpu_scan_signature(gpus->config.host);

	gpus->vendors = gpu_scan_vendors(gpus->config.host, gpus->config.vendor);
	gpus->scan_err.text[0] = '\0';
	gpus->scan_result = scan(gpus, gpus->vendors, timeout_ms, cancel_fd, &gpus->scan_err);
	if (signature != gpus->signature || gpus->scan_result >= 0)
		gpus->retry_ns = LOOK_S * S_NS;
	else
		gpus->retry_ns = MIN(gpus->retry_ns * 2, RETRY_MAX_S * S_NS);
	gpus->signature = signature;
	gpus->retry_at_ns = clock_monotonic_ns(gpus->config.clock) + gpus->retry_ns;
}

/* Looks whether the hardware changed; only then, or after a failure, tools are run. */
static int poll_scan(void *ctx, int cancel_fd, struct err *err)
{
	struct gpus *gpus = ctx;
	bool changed = gpu_scan_signature(gpus->config.host) != gpus->signature;
	bool again = gpus->scan_result < 0 &&
		clock_monotonic_ns(gpus->config.clock) >= gpus->retry_at_ns;

	if (changed || again)
		scan_and_note(gpus, SCAN_MAX_MS, cancel_fd);
	if (gpus->scan_result < 0)
		return err_set(err, gpus->scan_result, "%s", gpus->scan_err.text);
	return 0;
}

/* A cluster is of use only to nodes with GPUs; one that can't be asked costs what it would tell. */
static void open_pod(struct gpus *gpus)
{
	struct err err = { 0 };
	int r;

	if (!gpus->config.node_name || !gpu_scan_vendors(gpus->config.host, gpus->config.vendor))
		return;
	r = gpu_pod_new(gpus->config.kube, gpus->config.node_name, &gpus->tools.pod, &err);
	gpus->config.node_name = NULL; /* copied; it may end with the call of gpus_open() */
	if (r < 0 && (r != -ENOENT || gpus->config.kube))
		log_warn(gpus->config.log, "GPU tools can't be run in pods", LOG_ERR(&err));
}

int gpus_open(const struct gpus_config *config, struct gpus **ret_gpus, struct err *err)
{
	struct gpus *gpus = calloc(1, sizeof(*gpus));

	if (!gpus)
		return err_errno(err, -ENOMEM, "looking for GPUs");
	gpus->config = *config;
	gpus->tools = (struct gpu_tools){ config->nvidia_smi_path, config->rocm_smi_path,
		config->amd_smi_path, NULL };
	pthread_mutex_init(&gpus->lock, NULL);
	arena_init(&gpus->samples, SAMPLES_MAX_BYTES);
	if (config->vendor != GPU_NONE)
		open_pod(gpus);
	if (config->vendor != GPU_NONE)
		scan_and_note(gpus,
			config->start_wait_ms ? config->start_wait_ms : GPUS_START_WAIT_MS, -1);
	*ret_gpus = gpus;
	return 0;
}

int gpus_set_slurm(struct gpus *gpus, const char *gpu_order_map, const char *gres_path)
{
	int r;

	slurm_gpus_done(&gpus->slurm);
	r = slurm_gpus_init(&gpus->slurm, gpu_order_map, gres_path, gpus->config.hostname);
	if (r >= 0)
		slurm_gpus_find_caps(&gpus->slurm, gpus->config.host);
	return r;
}

int gpus_start(struct gpus *gpus, struct err *err)
{
	const struct poller_config config = {
		.name = "gpus",
		.what = "listing GPUs",
		.clock = gpus->config.clock,
		.log = gpus->config.log,
		.period_ns = LOOK_S * S_NS,
		.poll = poll_scan,
		.ctx = gpus,
		.account = gpus->config.scan_account,
	};

	if (gpus->config.vendor == GPU_NONE || gpus->scanner)
		return 0;
	return poller_start(&config, 0, &gpus->scanner, err);
}

static struct gpu_reading *reading_locked(struct gpus *gpus, struct slice uuid)
{
	for (size_t i = 0; i < gpus->list.n; i++) {
		if (gpus->list.v[i].vendor == GPU_VENDOR_NVIDIA &&
			slice_eq(uuid, gpus->list.v[i].uuid))
			return &gpus->readings[i];
	}
	return NULL;
}

static void take(void *ctx, const struct nvidia_smi_reading *told)
{
	struct gpus *gpus = ctx;
	struct gpu_reading *reading;

	if (!told->power_known)
		return;
	pthread_mutex_lock(&gpus->lock);
	reading = reading_locked(gpus, told->uuid);
	if (reading)
		*reading = (struct gpu_reading){
			.power = { .sample_ns = clock_monotonic_ns(gpus->config.clock),
				.power_known = true,
				.power_uw = told->power_uw },
			.use_known = told->use_known,
			.use_ppm = told->use_ppm,
		};
	pthread_mutex_unlock(&gpus->lock);
}

static bool has_nvidia(struct gpus *gpus)
{
	bool found = false;

	pthread_mutex_lock(&gpus->lock);
	for (size_t i = 0; i < gpus->list.n; i++)
		found |= gpus->list.v[i].vendor == GPU_VENDOR_NVIDIA;
	pthread_mutex_unlock(&gpus->lock);
	return found;
}

/*
 * An nvidia-smi that can't go on by itself may still list the power with everything else. In a pod
 * it isn't asked: the API server has better to do than to start programs all the time.
 */
static void read_list(struct gpus *gpus, int cancel_fd)
{
	const struct gpu_tools here = { .nvidia_smi_path = gpus->tools.nvidia_smi_path };
	struct gpu_list list = { 0 };

	if (gpu_scan_run(gpus->config.host, &here, 1 << GPU_VENDOR_NVIDIA, SCAN_MAX_MS, cancel_fd,
		    &list, NULL) >= 0) {
		for (size_t i = 0; i < list.n; i++)
			take(gpus,
				&(struct nvidia_smi_reading){
					.uuid = slice_from(list.v[i].uuid),
					.power_known = list.v[i].has_power,
					.power_uw = list.v[i].power_uw,
				});
	}
	gpu_list_done(&list);
}

static int poll_power(void *ctx, int cancel_fd, struct err *err)
{
	struct gpus *gpus = ctx;
	int r;

	if (!has_nvidia(gpus))
		return 0;
	r = gpu_power_follow_nvidia(gpus->config.nvidia_smi_path, cancel_fd, take, gpus, err);
	if (r < 0 && r != -ECANCELED)
		read_list(gpus, cancel_fd);
	return r;
}

int gpus_start_readings(struct gpus *gpus, struct err *err)
{
	const struct poller_config config = {
		.name = "gpu-power",
		.what = "reading the power of GPUs",
		.clock = gpus->config.clock,
		.log = gpus->config.log,
		.period_ns = FOLLOW_AGAIN_S * S_NS,
		.retry_ns = S_NS,
		.poll = poll_power,
		.ctx = gpus,
		.account = gpus->config.power_account,
	};

	if (gpus->config.vendor == GPU_NONE || gpus->config.vendor == GPU_AMD || gpus->reader)
		return 0;
	return poller_start(&config, 0, &gpus->reader, err);
}

void gpus_stop(struct gpus *gpus)
{
	if (!gpus)
		return;
	poller_stop(gpus->scanner);
	poller_stop(gpus->reader);
	gpus->scanner = NULL;
	gpus->reader = NULL;
}

void gpus_close(struct gpus *gpus)
{
	if (!gpus)
		return;
	gpus_stop(gpus);
	for (size_t i = 0; i < gpus->n_managers; i++)
		gpu_bindings_done(&gpus->managers[i]);
	gpu_pod_free(gpus->tools.pod);
	gpu_list_done(&gpus->list);
	free(gpus->readings);
	slurm_gpus_done(&gpus->slurm);
	arena_done(&gpus->samples);
	pthread_mutex_destroy(&gpus->lock);
	free(gpus);
}

bool gpus_any(struct gpus *gpus)
{
	bool any;

	pthread_mutex_lock(&gpus->lock);
	any = gpus->list.n > 0;
	pthread_mutex_unlock(&gpus->lock);
	return any;
}

uint64_t gpus_generation(struct gpus *gpus)
{
	uint64_t generation;

	pthread_mutex_lock(&gpus->lock);
	generation = gpus->generation;
	pthread_mutex_unlock(&gpus->lock);
	return generation;
}

static struct gpu_bindings *bindings_locked(struct gpus *gpus, const char *manager)
{
	for (size_t i = 0; i < gpus->n_managers; i++) {
		if (str_eq(gpus->managers[i].manager, manager))
			return &gpus->managers[i];
	}
	return NULL;
}

static int bind_locked(struct gpus *gpus, struct gpu_bindings *fresh)
{
	struct gpu_bindings *old = bindings_locked(gpus, fresh->manager);
	int r = gpu_bindings_resolve(fresh, &gpus->list, slurm_of(gpus, fresh->manager));

	if (r < 0)
		return r;
	if (!old && gpus->n_managers == MANAGERS_MAX)
		return -ENOMEM;
	if (old)
		gpu_bindings_done(old);
	else
		old = &gpus->managers[gpus->n_managers++];
	*old = *fresh;
	*fresh = (struct gpu_bindings){ 0 };
	return 0;
}

int gpus_bind(struct gpus *gpus, const char *manager, const struct gpu_request *requests, size_t n)
{
	struct gpu_bindings fresh;
	int r = gpu_bindings_init(&fresh, manager, requests, n);

	if (r < 0)
		return r;
	pthread_mutex_lock(&gpus->lock);
	r = bind_locked(gpus, &fresh);
	pthread_mutex_unlock(&gpus->lock);
	gpu_bindings_done(&fresh);
	return r;
}

/* Label values live as long as the answer. */
static int add_hold(const struct gpus *gpus, const struct gpu_hold *h, struct scrape *s)
{
	const struct unit_key *key = &h->request->key;
	const struct gpu_device *d = &gpus->list.v[h->device];
	const struct gpu_instance *part = h->instance < 0 ? NULL : &d->instances[h->instance];
	const struct slurm_gpus *slurm = slurm_of(gpus, key->manager);
	const char *index = slurm ? slurm_gpus_index(slurm, d, h->instance)
		: part            ? part->index
				  : d->index;
	const uint64_t units = part ? part->units : d->units;
	const char *labels[] = { arena_strdup(s->arena, key->manager), s->env->hostname,
		arena_strdup(s->arena, key->cgrouphostname), arena_strdup(s->arena, key->uuid),
		arena_strdup(s->arena, index),
		arena_printf(s->arena, "%s/gpu-%s", s->env->hostname, index),
		arena_strdup(s->arena, d->uuid), arena_strdup(s->arena, part ? part->id : "") };
	int r;

	if (!index[0])
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		if (!labels[i])
			return -ENOMEM;
	}
	r = exposition_add(
		s->out, &unit_metrics[UNIT_METRIC_GPU_FLAG], gpu_hold_fraction(h), labels);
	if (r >= 0 && units)
		r = exposition_add(
			s->out, &unit_metrics[UNIT_METRIC_GPU_UNITS], (double)units, labels);
	return r;
}

int gpus_collect(struct gpus *gpus, const char *manager, struct scrape *s)
{
	const struct gpu_bindings *b;
	int r = 0;

	pthread_mutex_lock(&gpus->lock);
	b = bindings_locked(gpus, manager);
	for (size_t i = 0; r >= 0 && b && i < b->n_holds; i++)
		r = add_hold(gpus, &b->holds[i], s);
	pthread_mutex_unlock(&gpus->lock);
	return r;
}

static void read_amd_locked(struct gpus *gpus)
{
	for (size_t i = 0; i < gpus->list.n; i++) {
		const struct gpu_device *d = &gpus->list.v[i];

		if (d->vendor == GPU_VENDOR_AMD && d->has_address)
			(void)gpu_power_read_amd(gpus->config.host, &d->address, gpus->config.clock,
				&gpus->readings[i]);
	}
}

int gpus_sample(struct gpus *gpus, const struct gpu_sample **ret_samples, size_t *ret_n)
{
	struct gpu_sample *samples;
	size_t n;
	int r;

	arena_reset(&gpus->samples);
	pthread_mutex_lock(&gpus->lock);
	read_amd_locked(gpus);
	r = gpu_samples_make(&gpus->list, gpus->readings, gpus->managers, gpus->n_managers,
		&gpus->samples, &samples, &n);
	pthread_mutex_unlock(&gpus->lock);
	if (r < 0)
		return r;
	if (!n)
		return -ENODATA;
	*ret_samples = samples;
	*ret_n = n;
	return 0;
}
