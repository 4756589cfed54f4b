// SPDX-License-Identifier: Apache-2.0
#include "lb/access/pyro_schema.h"

#include <string.h>

#include "basic/macros.h"

#define MESSAGE(table)                          \
	{                                       \
		table, ARRAY_SIZE(table), false \
	}
#define INDEX_MESSAGE(table)                   \
	{                                      \
		table, ARRAY_SIZE(table), true \
	}

static const char *const formats[] = { "PROFILE_FORMAT_UNSPECIFIED", "PROFILE_FORMAT_FLAMEGRAPH",
	"PROFILE_FORMAT_TREE", "PROFILE_FORMAT_DOT", "PROFILE_FORMAT_PPROF", NULL };
static const char *const aggregations[] = { "TIME_SERIES_AGGREGATION_TYPE_SUM",
	"TIME_SERIES_AGGREGATION_TYPE_AVERAGE", NULL };
static const char *const exemplars[] = { "EXEMPLAR_TYPE_UNSPECIFIED", "EXEMPLAR_TYPE_NONE",
	"EXEMPLAR_TYPE_INDIVIDUAL", "EXEMPLAR_TYPE_SPAN", NULL };
static const char *const no_words[] = { NULL };

static const struct pyro_field call_site_fields[] = { { 1, "name", PYRO_STRING } };
static const struct pyro_message call_site = MESSAGE(call_site_fields);

static const struct pyro_field go_pgo_fields[] = {
	{ 1, "keep_locations", PYRO_UINT },
	{ 2, "aggregate_callees", PYRO_BOOL },
};
static const struct pyro_message go_pgo = MESSAGE(go_pgo_fields);

static const struct pyro_field stack_trace_fields[] = {
	{ 1, "call_site", PYRO_MESSAGE, .repeated = true, .message = &call_site },
	{ 2, "go_pgo", PYRO_MESSAGE, .message = &go_pgo },
};
static const struct pyro_message stack_trace = MESSAGE(stack_trace_fields);

static const struct pyro_field label_names_fields[] = {
	{ 1, "matchers", PYRO_SELECTOR, .repeated = true, .required = true },
	{ 2, "start", PYRO_START },
	{ 3, "end", PYRO_END },
};
static const struct pyro_message label_names = INDEX_MESSAGE(label_names_fields);

static const struct pyro_field label_values_fields[] = {
	{ 1, "name", PYRO_STRING },
	{ 2, "matchers", PYRO_SELECTOR, .repeated = true, .required = true },
	{ 3, "start", PYRO_START },
	{ 4, "end", PYRO_END },
};
static const struct pyro_message label_values = INDEX_MESSAGE(label_values_fields);

static const struct pyro_field series_fields[] = {
	{ 1, "matchers", PYRO_SELECTOR, .repeated = true, .required = true },
	{ 2, "label_names", PYRO_STRING, .repeated = true },
	{ 3, "start", PYRO_START },
	{ 4, "end", PYRO_END },
};
static const struct pyro_message series = INDEX_MESSAGE(series_fields);

static const struct pyro_field stacktraces_fields[] = {
	{ 1, "profile_typeID", PYRO_STRING },
	{ 2, "label_selector", PYRO_SELECTOR, .required = true },
	{ 3, "start", PYRO_START },
	{ 4, "end", PYRO_END },
	{ 5, "max_nodes", PYRO_INT },
	{ 6, "format", PYRO_ENUM, .words = formats },
	{ 7, "stack_trace_selector", PYRO_MESSAGE, .message = &stack_trace },
	{ 8, "profile_id_selector", PYRO_STRING, .repeated = true },
	/* Would fetch what somebody else asked for. */
	{ 9, "async", PYRO_FORBIDDEN },
	{ 10, "trace_id_selector", PYRO_STRING, .repeated = true },
	{ 11, "span_selector", PYRO_STRING, .repeated = true },
};
static const struct pyro_message stacktraces = MESSAGE(stacktraces_fields);

static const struct pyro_field span_profile_fields[] = {
	{ 1, "profile_typeID", PYRO_STRING },
	{ 2, "label_selector", PYRO_SELECTOR, .required = true },
	{ 3, "span_selector", PYRO_STRING, .repeated = true },
	{ 4, "start", PYRO_START },
	{ 5, "end", PYRO_END },
	{ 6, "max_nodes", PYRO_INT },
	{ 7, "format", PYRO_ENUM, .words = formats },
};
static const struct pyro_message span_profile = MESSAGE(span_profile_fields);

static const struct pyro_field merge_profile_fields[] = {
	{ 1, "profile_typeID", PYRO_STRING },
	{ 2, "label_selector", PYRO_SELECTOR, .required = true },
	{ 3, "start", PYRO_START },
	{ 4, "end", PYRO_END },
	{ 5, "max_nodes", PYRO_INT },
	{ 6, "stack_trace_selector", PYRO_MESSAGE, .message = &stack_trace },
	{ 7, "profile_id_selector", PYRO_STRING, .repeated = true },
	{ 8, "trace_id_selector", PYRO_STRING, .repeated = true },
};
static const struct pyro_message merge_profile = MESSAGE(merge_profile_fields);

static const struct pyro_field select_series_fields[] = {
	{ 1, "profile_typeID", PYRO_STRING },
	{ 2, "label_selector", PYRO_SELECTOR, .required = true },
	{ 3, "start", PYRO_START },
	{ 4, "end", PYRO_END },
	{ 5, "group_by", PYRO_STRING, .repeated = true },
	{ 6, "step", PYRO_STEP },
	{ 7, "aggregation", PYRO_ENUM, .words = aggregations },
	{ 8, "stack_trace_selector", PYRO_MESSAGE, .message = &stack_trace },
	{ 9, "limit", PYRO_INT },
	{ 10, "exemplar_type", PYRO_ENUM, .words = exemplars },
};
static const struct pyro_message select_series = MESSAGE(select_series_fields);

static const struct pyro_field heatmap_fields[] = {
	{ 1, "profile_typeID", PYRO_STRING },
	{ 2, "label_selector", PYRO_SELECTOR, .required = true },
	{ 3, "start", PYRO_START },
	{ 4, "end", PYRO_END },
	{ 5, "step", PYRO_STEP },
	{ 6, "group_by", PYRO_STRING, .repeated = true },
	{ 7, "query_type", PYRO_ENUM, .words = no_words },
	{ 8, "exemplar_type", PYRO_ENUM, .words = exemplars },
	{ 9, "limit", PYRO_INT },
};
static const struct pyro_message heatmap = MESSAGE(heatmap_fields);

static const struct pyro_field diff_fields[] = {
	{ 1, "left", PYRO_MESSAGE, .required = true, .message = &stacktraces },
	{ 2, "right", PYRO_MESSAGE, .required = true, .message = &stacktraces },
};
static const struct pyro_message diff = MESSAGE(diff_fields);

/*
 * ProfileTypes and GetProfileStats have no selector and tell of everybody's profiles; AnalyzeQuery
 * tells how much there is of a query in any time: for administrators.
 */
static const struct pyro_method methods[] = {
	{ "Diff", &diff },
	{ "LabelNames", &label_names },
	{ "LabelValues", &label_values },
	{ "SelectHeatmap", &heatmap },
	{ "SelectMergeProfile", &merge_profile },
	{ "SelectMergeSpanProfile", &span_profile },
	{ "SelectMergeStacktraces", &stacktraces },
	{ "SelectSeries", &select_series },
	{ "Series", &series },
};

const struct pyro_method *pyro_methods(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(methods);
	return methods;
}

const struct pyro_method *pyro_method_find(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strlen(methods[i].name) == n && memcmp(methods[i].name, name, n) == 0)
			return &methods[i];
	return NULL;
}

void pyro_json_name(const struct pyro_field *field, char ret_name[static PYRO_NAME_MAX])
{
	size_t n = 0;

	for (const char *c = field->name; *c && n < PYRO_NAME_MAX - 1; c++) {
		if (*c == '_' && c[1] >= 'a' && c[1] <= 'z')
			ret_name[n++] = (char)(*++c - 'a' + 'A');
		else
			ret_name[n++] = *c;
	}
	ret_name[n] = '\0';
}
