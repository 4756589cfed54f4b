// SPDX-License-Identifier: Apache-2.0
/*
 * Configuration of resource managers that the exporter reads:
 *
 *     libvirt/NAME.xml    of a virtual machine, reduced to what counts: name, UUID, id, host
 * devices slurm/gres.conf     anonymised; files that it includes are left out
 */
#ifndef CEEMS_TOOL_CAPTURE_CAPTURE_CONFIGS_H
#define CEEMS_TOOL_CAPTURE_CAPTURE_CONFIGS_H

#include "tool/capture/capture_tree.h"

/* As the exporter's flags of these names; xml_dir "": where libvirt has them. -ENOMEM. */
int capture_configs_read(struct capture_tree *tree, const char *xml_dir, const char *gres_conf);

#endif
