// SPDX-License-Identifier: Apache-2.0
#include "exporter/gpu/gpu_bindings.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "basic/macros.h"

enum { HOLDS_MAX = 1 << 16 };

static size_t texts_size(const struct gpu_request *q)
{
	size_t n = strlen(q->key.cgrouphostname) + strlen(q->key.uuid) + 2;

	for (size_t i = 0; i < q->n_refs; i++)
		n += strlen(q->refs[i].text) + 1;
	return n;
}

static const char *put(char **at, const char *text)
{
	char *copy = *at;

	*at = stpcpy(copy, text) + 1;
	return copy;
}

/* One block: requests, then references, then texts. */
static struct gpu_request *copy_requests(
	const char *manager, const struct gpu_request *requests, size_t n)
{
	size_t n_refs = 0, texts = 0;
	struct gpu_request *copy;
	struct gpu_ref *refs;
	char *at;

	for (size_t i = 0; i < n; i++) {
		n_refs += requests[i].n_refs;
		texts += texts_size(&requests[i]);
	}
	copy = malloc(n * sizeof(*copy) + n_refs * sizeof(*refs) + texts + 1);
	if (!copy)
		return NULL;
	refs = (struct gpu_ref *)(copy + n);
	at = (char *)(refs + n_refs);
	for (size_t i = 0; i < n; i++) {
		const struct gpu_request *q = &requests[i];

		copy[i] = *q;
		copy[i].key = (struct unit_key){ manager, put(&at, q->key.cgrouphostname),
			put(&at, q->key.uuid) };
		copy[i].refs = refs;
		for (size_t j = 0; j < q->n_refs; j++) {
			refs[j] = q->refs[j];
			refs[j].text = put(&at, q->refs[j].text);
		}
		refs += q->n_refs;
	}
	return copy;
}

int gpu_bindings_init(
	struct gpu_bindings *b, const char *manager, const struct gpu_request *requests, size_t n)
{
	*b = (struct gpu_bindings){ .manager = strdup(manager) };
	if (b->manager)
		b->requests = copy_requests(b->manager, requests, n);
	if (!b->requests) {
		gpu_bindings_done(b);
		return -ENOMEM;
	}
	b->n_requests = n;
	return 0;
}

void gpu_bindings_done(struct gpu_bindings *b)
{
	free(b->manager);
	free(b->requests);
	free(b->holds);
	*b = (struct gpu_bindings){ 0 };
}

/* One resolution under way. */
struct resolve {
	const struct gpu_list *list;
	const struct slurm_gpus *slurm;
	struct gpu_hold *holds;
	size_t n;
	size_t first; /* of the current request */
	const struct gpu_request *request;
};

static int hold(struct resolve *r, size_t device, int64_t instance, uint32_t count)
{
	struct gpu_hold *more;

	for (size_t i = r->first; i < r->n; i++) {
		if (r->holds[i].device == device && r->holds[i].instance == instance) {
			r->holds[i].count += count;
			return 0;
		}
	}
	if (r->n == HOLDS_MAX)
		return 0;
	if ((r->n & (r->n - 1)) == 0) {
		more = reallocarray(r->holds, r->n ? r->n * 2 : 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		r->holds = more;
	}
	r->holds[r->n++] = (struct gpu_hold){ r->request, device, instance, count, 0, 0 };
	return 0;
}

/* Who has a device that is cut has all of its parts. */
static int hold_device(struct resolve *r, size_t device, uint32_t count)
{
	const struct gpu_device *d = &r->list->v[device];
	int result = 0;

	if (!d->n_instances || !d->is_cut)
		return hold(r, device, -1, count);
	for (size_t i = 0; result >= 0 && i < d->n_instances; i++)
		result = hold(r, device, (int64_t)i, count);
	return result;
}

static const char *index_of(const struct resolve *r, const struct gpu_device *d, int64_t instance)
{
	if (r->slurm)
		return slurm_gpus_index(r->slurm, d, instance);
	return instance < 0 ? d->index : d->instances[instance].index;
}

static const char *uuid_of(const struct resolve *r, const struct gpu_device *d, int64_t instance)
{
	if (d->vendor != GPU_VENDOR_NVIDIA)
		return "";
	return instance < 0 ? d->uuid : d->instances[instance].uuid;
}

static const char *plugin_of(const struct resolve *r, const struct gpu_device *d, int64_t instance)
{
	if (d->vendor == GPU_VENDOR_NVIDIA)
		return uuid_of(r, d, instance);
	return instance < 0 ? d->plugin : d->instances[instance].plugin;
}

/* Every device and instance whose name by name_of() begins with the text, or is it. */
struct search {
	const char *(*name_of)(const struct resolve *, const struct gpu_device *, int64_t);
	struct slice text;
	bool prefix, nocase;
	size_t found, device;
	int64_t instance;
};

static bool is_named(const struct search *s, const char *name)
{
	size_t n = strlen(name);

	if (!n || (s->prefix ? n < s->text.n : n != s->text.n))
		return false;
	return s->nocase ? strncasecmp(name, s->text.p, s->text.n) == 0
			 : memcmp(name, s->text.p, s->text.n) == 0;
}

static int search(struct resolve *r, struct search *s, uint32_t count, bool take)
{
	int result = 0;

	for (size_t i = 0; result >= 0 && i < r->list->n; i++) {
		const struct gpu_device *d = &r->list->v[i];
		const int64_t n = d->is_cut ? (int64_t)d->n_instances : 0;

		for (int64_t at = -1; result >= 0 && at < n; at++) {
			if (!is_named(s, s->name_of(r, d, at)))
				continue;
			s->found++;
			s->device = i;
			s->instance = at;
			if (take)
				result = at < 0 ? hold_device(r, i, count) : hold(r, i, at, count);
		}
	}
	return result;
}

static int by_index(struct resolve *r, const struct gpu_ref *ref)
{
	struct search s = { .name_of = index_of, .text = slice_from(ref->text) };

	return s.text.n ? search(r, &s, ref->count, true) : 0;
}

/* CUDA takes a beginning of a UUID as well, as long as only one device has it. */
static int by_uuid(struct resolve *r, const struct gpu_ref *ref)
{
	struct search s = {
		.name_of = uuid_of, .text = slice_from(ref->text), .prefix = true, .nocase = true
	};

	if (s.text.n <= strlen("GPU-"))
		return 0;
	(void)search(r, &s, ref->count, false);
	if (s.found != 1)
		return 0;
	return s.instance < 0 ? hold_device(r, s.device, ref->count)
			      : hold(r, s.device, s.instance, ref->count);
}

/* A replica of a shared device: "ID::3". */
static int by_plugin(struct resolve *r, const struct gpu_ref *ref)
{
	const char *suffix = strstr(ref->text, "::");
	struct search s = { .name_of = plugin_of, .text = slice_from(ref->text), .nocase = true };

	if (suffix)
		s.text.n = (size_t)(suffix - ref->text);
	return s.text.n ? search(r, &s, ref->count, true) : 0;
}

static int by_address(struct resolve *r, const struct gpu_ref *ref)
{
	struct pci_address address;
	int result = 0;

	if (pci_address_parse(slice_from(ref->text), &address) < 0)
		return 0;
	for (size_t i = 0; result >= 0 && i < r->list->n; i++) {
		const struct gpu_device *d = &r->list->v[i];

		if (d->has_address && pci_address_eq(&d->address, &address))
			result = hold_device(r, i, ref->count);
	}
	return result;
}

static int by_mdev(struct resolve *r, const struct gpu_ref *ref)
{
	int result = 0;

	for (size_t i = 0; result >= 0 && i < r->list->n_mdevs; i++) {
		const struct gpu_mdev *m = &r->list->mdevs[i];

		if (strcasecmp(m->uuid, ref->text) == 0)
			result = hold(r, m->device, m->instance, ref->count);
	}
	return result;
}

static int (*const by_kind[])(struct resolve *, const struct gpu_ref *) = {
	[GPU_REF_INDEX] = by_index,
	[GPU_REF_UUID] = by_uuid,
	[GPU_REF_PCI] = by_address,
	[GPU_REF_MDEV] = by_mdev,
	[GPU_REF_PLUGIN] = by_plugin,
};

static int by_place(const void *a, const void *b)
{
	const struct gpu_hold *x = a, *y = b;

	if (x->request != y->request)
		return x->request < y->request ? -1 : 1;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->instance < y->instance ? -1 : x->instance > y->instance;
}

/* Few devices first; among equals the lower job number, which is the shorter or smaller text. */
static int by_size(const void *a, const void *b)
{
	const struct gpu_request *x = *(const struct gpu_request *const *)a,
				 *y = *(const struct gpu_request *const *)b;
	size_t nx = strlen(x->key.uuid), ny = strlen(y->key.uuid);

	if (x->n_refs != y->n_refs)
		return x->n_refs < y->n_refs ? -1 : 1;
	if (nx != ny)
		return nx < ny ? -1 : 1;
	return strcmp(x->key.uuid, y->key.uuid);
}

/* What is left to give of each device and instance. */
struct pot {
	size_t device;
	int64_t instance;
	uint64_t even; /* of what is left: as far as Slurm's split goes */
	uint64_t left, given;
};

static struct pot *pot_of(struct pot *pots, size_t n, const struct gpu_hold *h)
{
	for (size_t i = 0; i < n; i++) {
		if (pots[i].device == h->device && pots[i].instance == h->instance)
			return &pots[i];
	}
	return NULL;
}

/* A pot for everything that is held. At most as many as there are holds. */
static size_t make_pots(struct pot *pots, const struct resolve *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct gpu_hold *h = &r->holds[i];

		struct slurm_gpu_shares shares = { 0 };

		if (pot_of(pots, n, h))
			continue;
		if (r->slurm)
			shares = slurm_gpus_shares(r->slurm, r->list, h->device, h->instance);
		pots[n++] = (struct pot){ h->device, h->instance, .even = shares.even,
			.left = shares.count };
	}
	return n;
}

static void give(
	struct resolve *r, struct pot *pots, size_t n, const struct gpu_request *q, bool evenly)
{
	uint64_t wanted = q->shares;

	for (size_t i = 0; i < r->n; i++)
		if (r->holds[i].request == q)
			wanted -= r->holds[i].shares;
	for (size_t i = 0; i < r->n; i++) {
		struct gpu_hold *h = &r->holds[i];
		struct pot *pot;
		uint64_t shares;

		if (h->request != q)
			continue;
		pot = pot_of(pots, n, h);
		shares = MIN(wanted, evenly ? pot->even : pot->left);
		h->shares += shares;
		pot->given += shares;
		pot->even -= MIN(shares, pot->even);
		pot->left -= shares;
		wanted -= shares;
	}
}

static void share(struct resolve *r, struct pot *pots, size_t n, const struct gpu_bindings *b,
	const struct gpu_request **order)
{
	if (r->slurm) {
		for (size_t i = 0; i < b->n_requests; i++)
			order[i] = &b->requests[i];
		qsort(order, b->n_requests, sizeof(*order), by_size);
		/* More than Slurm's split has is no job's; the reference gives it up to the count.
		 */
		for (int evenly = 1; evenly >= 0; evenly--)
			for (size_t i = 0; i < b->n_requests; i++)
				give(r, pots, n, order[i], evenly);
	} else {
		for (size_t i = 0; i < r->n; i++) {
			r->holds[i].shares = r->holds[i].count;
			pot_of(pots, n, &r->holds[i])->given += r->holds[i].count;
		}
	}
	for (size_t i = 0; i < r->n; i++)
		r->holds[i].total = pot_of(pots, n, &r->holds[i])->given;
}

static int find_devices(struct resolve *r, const struct gpu_bindings *b)
{
	int result = 0;

	for (size_t i = 0; result >= 0 && i < b->n_requests; i++) {
		r->request = &b->requests[i];
		r->first = r->n;
		for (size_t j = 0; result >= 0 && j < r->request->n_refs; j++)
			result = by_kind[r->request->refs[j].kind](r, &r->request->refs[j]);
	}
	return result;
}

int gpu_bindings_resolve(
	struct gpu_bindings *b, const struct gpu_list *list, const struct slurm_gpus *slurm)
{
	struct resolve r = { .list = list, .slurm = slurm };
	const struct gpu_request **order = NULL;
	struct pot *pots = NULL;
	int result = find_devices(&r, b);

	if (result >= 0 && r.n) {
		qsort(r.holds, r.n, sizeof(*r.holds), by_place);
		pots = calloc(r.n, sizeof(*pots));
		order = calloc(b->n_requests, sizeof(*order));
		if (pots && order)
			share(&r, pots, make_pots(pots, &r), b, order);
		else
			result = -ENOMEM;
	}
	free(pots);
	free(order);
	if (result < 0) {
		free(r.holds);
		return result;
	}
	free(b->holds);
	b->holds = r.holds;
	b->n_holds = r.n;
	return 0;
}

double gpu_hold_fraction(const struct gpu_hold *hold)
{
	return hold->shares && hold->total ? (double)hold->shares / (double)hold->total : 1;
}
