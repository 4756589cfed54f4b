// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/capture_configs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "host/domain_xml.h"

#define SUFFIX ".xml"

static void put_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text))
			buffer_printf(out, "&#%d;", *text);
		else
			buffer_putc(out, *text);
	}
}

static void put_hostdev(struct buffer *out, const struct domain_hostdev *dev)
{
	unsigned domain, bus, slot, function;

	if (dev->kind == DOMAIN_HOSTDEV_MDEV)
		buffer_printf(out,
			"<hostdev mode='subsystem' type='mdev'><source><address uuid='%s'/>"
			"</source></hostdev>\n",
			dev->text);
	else if (sscanf(dev->text, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4)
		buffer_printf(out,
			"<hostdev mode='subsystem' type='pci'><source><address domain='0x%04x' "
			"bus='0x%02x' slot='0x%02x' function='0x%x'/></source></hostdev>\n",
			domain, bus, slot, function);
}

static void put_domain(struct buffer *out, const struct domain *domain)
{
	buffer_puts(out, "<domain");
	if (domain->has_id)
		buffer_printf(out, " id='%llu'", (unsigned long long)domain->id);
	buffer_puts(out, ">\n<name>");
	put_escaped(out, domain->name);
	buffer_puts(out, "</name>\n<uuid>");
	put_escaped(out, domain->uuid);
	buffer_puts(out, "</uuid>\n<devices>\n");
	for (size_t i = 0; i < domain->n_hostdevs; i++)
		put_hostdev(out, &domain->hostdevs[i]);
	buffer_puts(out, "</devices>\n</domain>\n");
}

static bool is_there(const struct capture_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->n; i++)
		if (str_eq(tree->v[i].path, path))
			return true;
	return false;
}

static int add_anonymised(struct capture_tree *tree, const struct anonymiser *anonymiser,
	const char *path, const struct buffer *text)
{
	CLEANUP(buffer_done) struct buffer out = { 0 }, name = { 0 };

	anonymise(anonymiser, (struct slice){ buffer_text(text), text->len }, &out);
	anonymise(anonymiser, slice_from(path), &name);
	if (buffer_error(text) || buffer_error(&out) || buffer_error(&name))
		return -ENOMEM;
	if (is_there(tree, buffer_text(&name)))
		return 0;
	return capture_tree_add(tree, TAR_FILE, buffer_text(&name), NULL,
		(struct slice){ buffer_text(&out), out.len });
}

static int add_domain(
	struct capture_tree *tree, int dir_fd, const char *file, struct domain *domain)
{
	CLEANUP(buffer_done) struct buffer text = { 0 }, reduced = { 0 };
	/* Names of machines stay, as in their control groups, where libvirt has run words together.
	 */
	struct anonymiser anonymiser = *tree->anonymiser;
	char path[NAME_MAX + 16];
	int r = file_read(dir_fd, file, DOMAIN_XML_MAX_BYTES, &text);

	snprintf(path, sizeof(path), "libvirt/%s", file);
	if (r >= 0)
		r = domain_xml_parse((struct slice){ buffer_text(&text), text.len }, domain, NULL);
	if (r < 0) {
		capture_tree_failed(tree, path, r);
		return r == -ENOMEM ? r : 0;
	}
	put_domain(&reduced, domain);
	anonymiser.host[0] = '\0';
	r = add_anonymised(tree, &anonymiser, path, &reduced);
	explicit_bzero(&anonymiser, sizeof(anonymiser));
	return r;
}

static int add_folder(struct capture_tree *tree, const char *path, struct domain *domain)
{
	DIR *dir = opendir(path);
	const struct dirent *d;
	int r = 0;

	if (!dir) {
		if (errno != ENOENT)
			capture_tree_failed(tree, "libvirt", -errno);
		return 0;
	}
	while (r >= 0 && (d = readdir(dir)))
		if (d->d_name[0] != '.' && str_ends(d->d_name, SUFFIX))
			r = add_domain(tree, dirfd(dir), d->d_name, domain);
	closedir(dir);
	return r;
}

/* What runs, then what is defined: of the same name the running one counts, as for the exporter. */
static int add_domains(struct capture_tree *tree, const char *xml_dir)
{
	static const char *const usual[] = { "/run/libvirt/qemu", "/etc/libvirt/qemu" };
	struct domain *domain = calloc(1, sizeof(*domain));
	int r = domain ? 0 : -ENOMEM;

	if (r >= 0 && *xml_dir)
		r = add_folder(tree, xml_dir, domain);
	for (size_t i = 0; r >= 0 && !*xml_dir && i < ARRAY_SIZE(usual); i++)
		r = add_folder(tree, usual[i], domain);
	free(domain);
	return r;
}

static int add_gres(struct capture_tree *tree, const char *file)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r = file_read(AT_FDCWD, file, CAPTURE_FILE_MAX_BYTES, &text);

	if (r >= 0)
		return add_anonymised(tree, tree->anonymiser, "slurm/gres.conf", &text);
	if (r != -ENOENT)
		capture_tree_failed(tree, "slurm/gres.conf", r);
	return r == -ENOMEM ? r : 0;
}

int capture_configs_read(struct capture_tree *tree, const char *xml_dir, const char *gres_conf)
{
	int r = add_domains(tree, xml_dir);

	return r < 0 ? r : add_gres(tree, gres_conf);
}
