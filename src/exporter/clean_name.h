// SPDX-License-Identifier: Apache-2.0
/* Names that come from firmware, made fit for a metric's name (spec exporter-node.md 8.5). */
#ifndef CEEMS_EXPORTER_CLEAN_NAME_H
#define CEEMS_EXPORTER_CLEAN_NAME_H

/*
 * Runs of characters that a metric's name cannot have, underscores beside them included, become
 * one underscore: "Node-A.1" -> "Node_A_1". In place; the text never grows.
 */
void clean_name(char *text);

#endif
