// SPDX-License-Identifier: Apache-2.0
#include "host/nvidia_smi.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "basic/macros.h"
#include "format/xml.h"

#define ROOT "nvidia_smi_log"
#define GPU ROOT "/gpu"
#define MIG GPU "/mig_devices/mig_device"

static const uint64_t POWER_MAX_W = 1000000; /* beyond it is no power of a GPU */

uint64_t nvidia_smi_product_sms(struct slice product)
{
	static const struct {
		const char *token;
		uint64_t sms;
	} products[] = {
		{ "V100", 80 },
		{ "A10", 72 },
		{ "A16", 10 },
		{ "A100", 108 },
		{ "A2", 10 },
		{ "A30", 56 },
		{ "A40", 84 },
		{ "A800", 108 },
		{ "H100", 132 },
		{ "H200", 132 },
		{ "H800", 114 },
		{ "B100", 132 },
		{ "B200", 132 },
	};
	struct slice word, token;

	while (slice_next(&product, ' ', &word)) {
		while (slice_next(&word, '-', &token)) {
			for (size_t i = 0; i < ARRAY_SIZE(products); i++) {
				if (slice_eq(token, products[i].token))
					return products[i].sms;
			}
		}
	}
	return 0;
}

struct parse {
	struct gpu_list *list;
	struct gpu_device *device; /* the current one */
	struct gpu_instance *instance;
	unsigned ids; /* of the instance that were told */
	bool lacks_ids; /* an instance does, which ended the walk */
	bool found_root;
	uint32_t n; /* devices so far */
	uint64_t next_index;
	uint64_t whole_units;
};

enum { ID_POSITION = 1, ID_GPU_INSTANCE = 2, ID_COMPUTE_INSTANCE = 4, ALL_IDS = 7 };

static bool eq_nocase(struct slice text, const char *word)
{
	return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

static int device_begins(struct parse *p, const struct xml_attributes *attributes)
{
	const char *id = xml_attribute(attributes, "id");
	int r = gpu_list_add(p->list, &p->device);

	if (r < 0)
		return r;
	p->device->vendor = GPU_VENDOR_NVIDIA;
	p->device->minor = p->n++;
	p->whole_units = 0;
	p->device->has_address = id && pci_address_parse(slice_from(id), &p->device->address) >= 0;
	return 0;
}

static int start(void *ctx, const char *path, const struct xml_attributes *attributes)
{
	struct parse *p = ctx;
	int r = 0;

	if (str_eq(path, ROOT)) {
		p->found_root = true;
	} else if (str_eq(path, GPU)) {
		r = device_begins(p, attributes);
	} else if (str_eq(path, MIG)) {
		r = gpu_list_add_instance(p->device, &p->instance);
		p->ids = 0;
		if (r >= 0)
			p->instance->units = 1;
	}
	return r;
}

/* "73.42 W" */
static bool parse_watts(struct slice text, uint64_t *ret_uw)
{
	struct slice word;
	double watts;

	text = slice_trim(text);
	if (!slice_next_word(&text, &word) || slice_to_double(word, &watts) < 0 || watts < 0 ||
		watts > (double)POWER_MAX_W)
		return false;
	*ret_uw = (uint64_t)(watts * 1e6 + 0.5);
	return true;
}

static void id_ends(struct parse *p, unsigned which, struct slice text, uint64_t *ret_id)
{
	if (slice_to_u64(text, ret_id) >= 0)
		p->ids |= which;
}

static int instance_ends(struct parse *p)
{
	if (p->ids != ALL_IDS) {
		p->lacks_ids = true;
		return -EBADMSG;
	}
	snprintf(p->instance->id, sizeof(p->instance->id), "%" PRIu64, p->instance->gpu_instance);
	return 0;
}

static void element_of_instance(struct parse *p, const char *name, struct slice text)
{
	struct gpu_instance *i = p->instance;

	if (str_eq(name, "index"))
		id_ends(p, ID_POSITION, text, &i->position);
	else if (str_eq(name, "gpu_instance_id"))
		id_ends(p, ID_GPU_INSTANCE, text, &i->gpu_instance);
	else if (str_eq(name, "compute_instance_id"))
		id_ends(p, ID_COMPUTE_INSTANCE, text, &i->compute_instance);
	else if (str_eq(name, "device_attributes/shared/multiprocessor_count") &&
		slice_to_u64(text, &i->units) < 0)
		i->units = 1;
}

static void element_of_device(struct parse *p, const char *name, struct slice text)
{
	struct gpu_device *d = p->device;
	uint64_t number;

	if (str_eq(name, "uuid")) {
		gpu_text_set(d->uuid, text);
	} else if (str_eq(name, "product_name")) {
		p->whole_units = nvidia_smi_product_sms(text);
	} else if (str_eq(name, "minor_number")) {
		if (slice_to_u64(text, &number) >= 0 && number <= INT32_MAX)
			d->device_minor = (int64_t)number;
	} else if (str_eq(name, "mig_mode/current_mig")) {
		d->is_cut = eq_nocase(text, "enabled");
	} else if (str_eq(name, "gpu_virtualization_mode/virtualization_mode")) {
		d->is_vgpu = eq_nocase(text, "vgpu");
	} else if (str_eq(name, "gpu_power_readings/power_draw") ||
		str_eq(name, "gpu_power_readings/average_power_draw") ||
		str_eq(name, "gpu_power_readings/instant_power_draw") ||
		str_eq(name, "power_readings/power_draw")) {
		d->has_power |= parse_watts(text, &d->power_uw);
	}
}

/* A device takes the next number, or each of its MIG devices does. */
static void device_ends(struct parse *p)
{
	struct gpu_device *d = p->device;

	d->units = p->whole_units;
	if (!d->is_cut) {
		d->n_instances = 0;
		snprintf(d->index, sizeof(d->index), "%" PRIu64, p->next_index++);
		return;
	}
	for (size_t i = 0; i < d->n_instances; i++)
		snprintf(d->instances[i].index, sizeof(d->instances[i].index), "%" PRIu64,
			p->next_index++);
}

static int end(void *ctx, const char *path, struct slice text)
{
	struct parse *p = ctx;

	if (str_eq(path, GPU))
		device_ends(p);
	else if (str_eq(path, MIG))
		return instance_ends(p);
	else if (str_starts(path, MIG "/"))
		element_of_instance(p, path + strlen(MIG "/"), text);
	else if (str_starts(path, GPU "/"))
		element_of_device(p, path + strlen(GPU "/"), text);
	return 0;
}

/* Warnings of the driver stand before and behind the document, which they are no part of. */
static struct slice document_in(struct slice text)
{
	static const char declaration[] = "<?xml", root[] = "<" ROOT, root_end[] = "</" ROOT ">";
	const char *from = text.n ? memmem(text.p, text.n, declaration, strlen(declaration)) : NULL;
	const char *to;

	if (!from && text.n)
		from = memmem(text.p, text.n, root, strlen(root));
	if (!from)
		return text;
	text.n -= (size_t)(from - text.p);
	text.p = from;
	to = memmem(text.p, text.n, root_end, strlen(root_end));
	if (to)
		text.n = (size_t)(to - text.p) + strlen(root_end);
	return text;
}

int nvidia_smi_parse(struct slice xml, struct gpu_list *list, struct err *err)
{
	struct parse p = { .list = list };
	const struct xml_visitor visitor = { start, end, &p };
	int r;

	r = xml_walk(document_in(xml), &visitor, err);
	if (p.lacks_ids)
		return err_set(err, r, "a MIG device's ids are no numbers");
	if (r < 0)
		return r;
	return p.found_root ? 0 : err_set(err, -EBADMSG, "no <" ROOT ">");
}

/* What stands behind the key, up to a byte that no UUID has; false if that isn't a ')'. */
static bool uuid_behind(struct slice line, const char *key, const char *prefix, struct slice *ret)
{
	const char *at = line.n ? memmem(line.p, line.n, key, strlen(key)) : NULL;
	struct slice rest;
	size_t n = 0;

	if (!at)
		return false;
	rest.p = at + strlen(key);
	rest.n = line.n - (size_t)(rest.p - line.p);
	while (n < rest.n &&
		(isalnum((unsigned char)rest.p[n]) || rest.p[n] == '_' || rest.p[n] == '-'))
		n++;
	if (n == rest.n || rest.p[n] != ')' || n < strlen(prefix) ||
		memcmp(rest.p, prefix, strlen(prefix)) != 0)
		return false;
	*ret = (struct slice){ rest.p, n };
	return true;
}

/* "  MIG 1g.10gb     Device  0: (UUID: MIG-...)" */
static void mig_line(struct slice line, struct gpu_device *device)
{
	const char *at = memmem(line.p, line.n, "Device", strlen("Device"));
	struct slice uuid, rest, word;
	uint64_t position;

	if (!at || !uuid_behind(line, "(UUID: ", "MIG-", &uuid))
		return;
	rest.p = at + strlen("Device");
	rest.n = line.n - (size_t)(rest.p - line.p);
	rest = slice_trim(rest);
	if (!slice_next(&rest, ':', &word) || slice_to_u64(word, &position) < 0)
		return;
	for (size_t i = 0; i < device->n_instances; i++) {
		if (device->instances[i].position == position)
			gpu_text_set(device->instances[i].uuid, uuid);
	}
}

void nvidia_smi_parse_mig_uuids(struct slice text, struct gpu_list *list)
{
	struct gpu_device *device = NULL;
	struct slice line, uuid;

	while (slice_next_line(&text, &line)) {
		bool is_indented = line.n && (line.p[0] == ' ' || line.p[0] == '\t');

		if (is_indented && device && memmem(line.p, line.n, "MIG", 3)) {
			mig_line(line, device);
			continue;
		}
		if (is_indented || line.n < 4 || memcmp(line.p, "GPU ", 4) != 0)
			continue;
		device = NULL;
		if (!uuid_behind(line, "(UUID: ", "GPU-", &uuid))
			continue;
		for (size_t i = 0; i < list->n; i++) {
			if (slice_eq(uuid, list->v[i].uuid))
				device = &list->v[i];
		}
	}
}

/* "   Key   : value" */
static bool key_value(struct slice line, struct slice *ret_key, struct slice *ret_value)
{
	struct slice rest = line, key;

	if (!slice_next(&rest, ':', &key) || !rest.p)
		return false;
	*ret_key = slice_trim(key);
	*ret_value = slice_trim(rest);
	return true;
}

static bool device_by_address(const struct gpu_list *list, struct slice text, size_t *ret_device)
{
	struct pci_address address;

	if (pci_address_parse(text, &address) < 0)
		return false;
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].vendor == GPU_VENDOR_NVIDIA && list->v[i].has_address &&
			pci_address_eq(&list->v[i].address, &address)) {
			*ret_device = i;
			return true;
		}
	}
	return false;
}

/* To the whole GPU, or to the MIG devices of that GPU instance. */
static int add_mdev(
	struct gpu_list *list, size_t device, struct slice uuid, struct slice gpu_instance)
{
	const struct gpu_device *d = &list->v[device];
	uint64_t number;
	int r = 0;

	if (!d->is_cut)
		return gpu_list_add_mdev(list, uuid, device, -1);
	if (slice_to_u64(gpu_instance, &number) < 0)
		return 0;
	for (size_t i = 0; r >= 0 && i < d->n_instances; i++) {
		if (d->instances[i].gpu_instance == number)
			r = gpu_list_add_mdev(list, uuid, device, (int64_t)i);
	}
	return r;
}

int nvidia_smi_parse_mdevs(struct slice text, struct gpu_list *list)
{
	struct slice line, key, value, uuid = { 0 };
	bool in_device = false;
	size_t device = 0;
	int r = 0;

	while (r >= 0 && slice_next_line(&text, &line)) {
		if (line.n > 4 && memcmp(line.p, "GPU ", 4) == 0) {
			struct slice address = { line.p + 4, line.n - 4 };

			in_device = device_by_address(list, slice_trim(address), &device);
			uuid = (struct slice){ 0 };
			continue;
		}
		if (!in_device || !key_value(line, &key, &value))
			continue;
		if (slice_eq(key, "MDEV UUID")) {
			uuid = value;
		} else if (slice_eq(key, "GPU Instance ID") && uuid.n) {
			r = add_mdev(list, device, uuid, value);
			if (r == -EBADMSG)
				r = 0;
			uuid = (struct slice){ 0 };
		}
	}
	return r;
}

int nvidia_smi_parse_reading(struct slice line, struct nvidia_smi_reading *ret_reading)
{
	struct nvidia_smi_reading reading = { 0 };
	struct slice power, use;
	double percent;

	if (!slice_next(&line, ',', &reading.uuid) || !line.p || !slice_next(&line, ',', &power) ||
		!line.p || !slice_next(&line, ',', &use) || line.p)
		return -EBADMSG;
	reading.uuid = slice_trim(reading.uuid);
	if (reading.uuid.n < 4 || memcmp(reading.uuid.p, "GPU-", 4) != 0)
		return -EBADMSG;
	reading.power_known = parse_watts(power, &reading.power_uw);
	if (slice_to_double(slice_trim(use), &percent) >= 0 && percent >= 0 && percent <= 100) {
		reading.use_known = true;
		reading.use_ppm = (uint32_t)(percent * 1e4 + 0.5);
	}
	*ret_reading = reading;
	return 0;
}
