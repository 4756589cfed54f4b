// SPDX-License-Identifier: Apache-2.0
#include "host/amd_smi.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "basic/macros.h"

enum { ENTRIES_MAX = 4096, BEGINNINGS_MAX = 16 };

/* A device or partition as a tool lists it. The texts belong to the JSON. */
struct entry {
	uint64_t number; /* N of cardN, 'gpu' */
	const char *address, *serial, *partition_mode;
	char partition_id[GPU_INDEX_MAX]; /* "" = not told */
};

static const char *text_or_empty(const json_t *value)
{
	const char *text = json_string_value(value);

	return text ? text : "";
}

/* Newer releases wrap some values: {"value": 0, "unit": ""}. */
static const json_t *unwrap(const json_t *value)
{
	const json_t *inner = json_object_get(value, "value");

	return inner ? inner : value;
}

static const json_t *member(const json_t *object, const char *group, const char *name)
{
	return unwrap(json_object_get(json_object_get(object, group), name));
}

static bool is_told(const char *text)
{
	return text[0] && strcasecmp(text, "N/A") != 0;
}

/*
 * What the tools warn of comes before the JSON, which begins at a line: "[WARNING] ..." may look
 * like its beginning.
 */
static json_t *load(struct slice text, struct err *err)
{
	json_error_t error = { .text = "nothing that begins it" };
	json_t *json = NULL;
	struct slice line;

	for (int tries = 0; !json && tries < BEGINNINGS_MAX && slice_next_line(&text, &line);) {
		struct slice from = slice_trim(line);

		if (!from.n || (from.p[0] != '{' && from.p[0] != '['))
			continue;
		tries++;
		from.n = (size_t)((text.p ? text.p + text.n : line.p + line.n) - from.p);
		json = json_loadb(from.p, from.n, JSON_DISABLE_EOF_CHECK, &error);
	}
	if (!json)
		err_set(err, -EBADMSG, "no JSON: %s", error.text);
	return json;
}

/* A number, or one as text. */
static bool number_of(const json_t *value, uint64_t *ret_number)
{
	const char *text = json_string_value(value);

	if (text)
		return slice_to_u64(slice_from(text), ret_number) >= 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret_number = (uint64_t)json_integer_value(value);
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static bool is_cut(const struct entry *e)
{
	static const char *const modes[] = { "DPX", "TPX", "QPX", "CPX" };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcasecmp(e->partition_mode, modes[i]) == 0)
			return true;
	}
	return false;
}

/*
 * Entries of one serial number are one device. Where there is none it is the address that tells,
 * as partitions are functions of their device.
 */
static struct gpu_device *find(struct gpu_list *list, size_t first, const struct entry *e,
	const struct pci_address *address)
{
	for (size_t i = first; i < list->n; i++) {
		struct gpu_device *d = &list->v[i];

		if (is_told(e->serial) ? slice_eq(slice_from(e->serial), d->uuid)
				       : address && d->has_address &&
					pci_address_same_slot(&d->address, address))
			return d;
	}
	return NULL;
}

/* Which of its functions is the device itself: the lowest. */
static void set_address(struct gpu_device *d, const struct pci_address *address)
{
	if (!address)
		return;
	if (!d->has_address ||
		(pci_address_same_slot(&d->address, address) &&
			address->function < d->address.function))
		d->address = *address;
	d->has_address = true;
}

static int add_instance(
	struct gpu_device *d, const struct entry *e, const char *index, bool count_ids)
{
	struct gpu_instance *instance;
	const size_t n = d->n_instances;
	int r = gpu_list_add_instance(d, &instance);

	if (r < 0)
		return r;
	d->is_cut = true;
	d->index[0] = '\0';
	snprintf(instance->index, sizeof(instance->index), "%s", index);
	if (count_ids || !e->partition_id[0])
		snprintf(instance->id, sizeof(instance->id), "%zu", n);
	else
		snprintf(instance->id, sizeof(instance->id), "%s", e->partition_id);
	return 0;
}

static int add_entry(struct gpu_list *list, size_t first, const struct entry *e, const char *index,
	bool count_ids)
{
	struct pci_address parsed, *address = NULL;
	struct gpu_device *d;
	int r = 0;

	if (pci_address_parse(slice_from(e->address), &parsed) >= 0)
		address = &parsed;
	d = find(list, first, e, address);
	if (!d) {
		r = gpu_list_add(list, &d);
		if (r < 0)
			return r;
		d->vendor = GPU_VENDOR_AMD;
		d->minor = (uint32_t)(list->n - 1 - first);
		gpu_text_set(d->uuid, slice_from(e->serial));
		snprintf(d->index, sizeof(d->index), "%s", index);
	}
	set_address(d, address);
	/* Only the first partition may tell the mode. */
	if (is_cut(e) || d->is_cut)
		r = add_instance(d, e, index, count_ids);
	return r;
}

static int add_entries(
	struct gpu_list *list, struct entry *entries, size_t n, bool is_rocm, struct err *err)
{
	const size_t first = list->n;
	int r = 0;

	qsort(entries, n, sizeof(*entries), by_number);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		char index[GPU_INDEX_MAX];

		snprintf(index, sizeof(index), "%" PRIu64, is_rocm ? i : entries[i].number);
		r = add_entry(list, first, &entries[i], index, is_rocm);
	}
	return r < 0 ? err_errno(err, r, "listing GPUs") : 0;
}

/* ROCm 6.4 renamed it. */
static const char *partition_mode(const json_t *item)
{
	const char *mode = text_or_empty(member(item, "partition", "compute_partition"));

	return is_told(mode) ? mode
			     : text_or_empty(member(item, "partition", "accelerator_partition"));
}

static bool amd_entry(const json_t *item, struct entry *ret)
{
	const json_t *id = member(item, "partition", "partition_id");
	uint64_t number;

	*ret = (struct entry){
		.address = text_or_empty(member(item, "bus", "bdf")),
		.serial = text_or_empty(member(item, "board", "product_serial")),
		.partition_mode = partition_mode(item),
	};
	if (!number_of(unwrap(json_object_get(item, "gpu")), &ret->number))
		return false;
	if (number_of(id, &number))
		snprintf(ret->partition_id, sizeof(ret->partition_id), "%" PRIu64, number);
	return true;
}

int amd_smi_parse(struct slice text, struct gpu_list *list, struct err *err)
{
	CLEANUP(json_decrefp) json_t *json = load(text, err);
	const json_t *items = json_is_object(json) ? json_object_get(json, "gpu_data") : json;
	struct entry *entries;
	size_t n = 0;
	int r;

	if (!json)
		return -EBADMSG;
	if (!json_is_array(items))
		return err_set(err, -EBADMSG, "amd-smi's JSON lists no devices");
	if (json_array_size(items) > ENTRIES_MAX)
		return err_set(err, -E2BIG, "more than %d devices", ENTRIES_MAX);
	entries = calloc(json_array_size(items) + 1, sizeof(*entries));
	if (!entries)
		return err_errno(err, -ENOMEM, "listing GPUs");
	for (size_t i = 0; i < json_array_size(items); i++)
		n += amd_entry(json_array_get(items, i), &entries[n]);
	r = add_entries(list, entries, n, false, err);
	free(entries);
	return r;
}

static bool rocm_entry(const char *name, const json_t *item, struct entry *ret)
{
	struct slice number = slice_from(name);

	if (!str_starts(name, "card"))
		return false;
	number.p += 4;
	number.n -= 4;
	*ret = (struct entry){
		.address = text_or_empty(json_object_get(item, "PCI Bus")),
		.serial = text_or_empty(json_object_get(item, "Serial Number")),
		.partition_mode = text_or_empty(json_object_get(item, "Compute Partition")),
	};
	return slice_to_u64(number, &ret->number) >= 0;
}

int rocm_smi_parse(struct slice text, struct gpu_list *list, struct err *err)
{
	CLEANUP(json_decrefp) json_t *json = load(text, err);
	struct entry *entries;
	const char *name;
	json_t *item;
	size_t n = 0;
	int r;

	if (!json)
		return -EBADMSG;
	if (!json_is_object(json))
		return err_set(err, -EBADMSG, "rocm-smi's JSON lists no cards");
	if (json_object_size(json) > ENTRIES_MAX)
		return err_set(err, -E2BIG, "more than %d cards", ENTRIES_MAX);
	entries = calloc(json_object_size(json) + 1, sizeof(*entries));
	if (!entries)
		return err_errno(err, -ENOMEM, "listing GPUs");
	json_object_foreach(json, name, item) n += rocm_entry(name, item, &entries[n]);
	r = add_entries(list, entries, n, true, err);
	free(entries);
	return r;
}
