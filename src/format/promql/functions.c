// SPDX-License-Identifier: Apache-2.0
#include "format/promql/functions.h"

#include "basic/macros.h"

#define OLD PROMQL_2_42
#define V3 PROMQL_3_0
#define NEW PROMQL_NEWEST
#define S PROMQL_SCALAR
#define V PROMQL_VECTOR
#define ANY UINT8_MAX
#define STAYS ((enum promql_level)0)

/* Versions between the levels count as the next higher level. Sorted by name. */
static const struct promql_function functions[] = {
	{ "abs", "V", 1, 0, V, false, OLD, STAYS },
	{ "absent", "V", 1, 0, V, false, OLD, STAYS },
	{ "absent_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "acos", "V", 1, 0, V, false, OLD, STAYS },
	{ "acosh", "V", 1, 0, V, false, OLD, STAYS },
	{ "asin", "V", 1, 0, V, false, OLD, STAYS },
	{ "asinh", "V", 1, 0, V, false, OLD, STAYS },
	{ "atan", "V", 1, 0, V, false, OLD, STAYS },
	{ "atanh", "V", 1, 0, V, false, OLD, STAYS },
	{ "avg_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "ceil", "V", 1, 0, V, false, OLD, STAYS },
	{ "changes", "M", 1, 0, V, false, OLD, STAYS },
	{ "clamp", "VSS", 3, 0, V, false, OLD, STAYS },
	{ "clamp_max", "VS", 2, 0, V, false, OLD, STAYS },
	{ "clamp_min", "VS", 2, 0, V, false, OLD, STAYS },
	{ "cos", "V", 1, 0, V, false, OLD, STAYS },
	{ "cosh", "V", 1, 0, V, false, OLD, STAYS },
	{ "count_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "day_of_month", "V", 0, 0, V, false, OLD, STAYS },
	{ "day_of_week", "V", 0, 0, V, false, OLD, STAYS },
	{ "day_of_year", "V", 0, 0, V, false, OLD, STAYS },
	{ "days_in_month", "V", 0, 0, V, false, OLD, STAYS },
	{ "deg", "V", 1, 0, V, false, OLD, STAYS },
	{ "delta", "M", 1, 0, V, false, OLD, STAYS },
	{ "deriv", "M", 1, 0, V, false, OLD, STAYS },
	{ "double_exponential_smoothing", "MSS", 3, 0, V, true, V3, STAYS },
	{ "end", "", 0, 0, S, true, NEW, STAYS },
	{ "exp", "V", 1, 0, V, false, OLD, STAYS },
	{ "first_over_time", "M", 1, 0, V, false, NEW, STAYS },
	{ "floor", "V", 1, 0, V, false, OLD, STAYS },
	{ "histogram_avg", "V", 1, 0, V, false, V3, STAYS },
	{ "histogram_count", "V", 1, 0, V, false, OLD, STAYS },
	{ "histogram_fraction", "SSV", 3, 0, V, false, OLD, STAYS },
	{ "histogram_quantile", "SV", 2, 0, V, false, OLD, STAYS },
	{ "histogram_quantiles", "VTS", 3, 9, V, true, NEW, STAYS },
	{ "histogram_stddev", "V", 1, 0, V, false, V3, STAYS },
	{ "histogram_stdvar", "V", 1, 0, V, false, V3, STAYS },
	{ "histogram_sum", "V", 1, 0, V, false, OLD, STAYS },
	{ "holt_winters", "MSS", 3, 0, V, false, OLD, OLD },
	{ "hour", "V", 0, 0, V, false, OLD, STAYS },
	{ "idelta", "M", 1, 0, V, false, OLD, STAYS },
	{ "increase", "M", 1, 0, V, false, OLD, STAYS },
	{ "info", "VI", 1, 0, V, true, V3, STAYS },
	{ "integral", "MS", 1, 0, V, true, NEW, STAYS },
	{ "irate", "M", 1, 0, V, false, OLD, STAYS },
	{ "label_join", "VTTT", 3, ANY, V, false, OLD, STAYS },
	{ "label_replace", "VTTTT", 5, 0, V, false, OLD, STAYS },
	{ "last_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "ln", "V", 1, 0, V, false, OLD, STAYS },
	{ "log10", "V", 1, 0, V, false, OLD, STAYS },
	{ "log2", "V", 1, 0, V, false, OLD, STAYS },
	{ "mad_over_time", "M", 1, 0, V, true, V3, STAYS },
	{ "max_of", "SS", 2, 0, S, true, NEW, STAYS },
	{ "max_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "min_of", "SS", 2, 0, S, true, NEW, STAYS },
	{ "min_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "minute", "V", 0, 0, V, false, OLD, STAYS },
	{ "month", "V", 0, 0, V, false, OLD, STAYS },
	{ "pi", "", 0, 0, S, false, OLD, STAYS },
	{ "predict_linear", "MS", 2, 0, V, false, OLD, STAYS },
	{ "present_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "quantile_over_time", "SM", 2, 0, V, false, OLD, STAYS },
	{ "rad", "V", 1, 0, V, false, OLD, STAYS },
	{ "range", "", 0, 0, S, true, NEW, STAYS },
	{ "rate", "M", 1, 0, V, false, OLD, STAYS },
	{ "resets", "M", 1, 0, V, false, OLD, STAYS },
	{ "round", "VS", 1, 0, V, false, OLD, STAYS },
	{ "scalar", "V", 1, 0, S, false, OLD, STAYS },
	{ "sgn", "V", 1, 0, V, false, OLD, STAYS },
	{ "sin", "V", 1, 0, V, false, OLD, STAYS },
	{ "sinh", "V", 1, 0, V, false, OLD, STAYS },
	{ "sort", "V", 1, 0, V, false, OLD, STAYS },
	{ "sort_by_label", "VT", 1, ANY, V, true, V3, STAYS },
	{ "sort_by_label_desc", "VT", 1, ANY, V, true, V3, STAYS },
	{ "sort_desc", "V", 1, 0, V, false, OLD, STAYS },
	{ "sqrt", "V", 1, 0, V, false, OLD, STAYS },
	{ "start", "", 0, 0, S, true, NEW, STAYS },
	{ "start_timestamp", "V", 1, 0, V, true, NEW, STAYS },
	{ "stddev_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "stdvar_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "step", "", 0, 0, S, true, NEW, STAYS },
	{ "sum_over_time", "M", 1, 0, V, false, OLD, STAYS },
	{ "tan", "V", 1, 0, V, false, OLD, STAYS },
	{ "tanh", "V", 1, 0, V, false, OLD, STAYS },
	{ "time", "", 0, 0, S, false, OLD, STAYS },
	{ "timestamp", "V", 1, 0, V, false, OLD, STAYS },
	{ "ts_of_first_over_time", "M", 1, 0, V, true, NEW, STAYS },
	{ "ts_of_last_over_time", "M", 1, 0, V, true, NEW, STAYS },
	{ "ts_of_max_over_time", "M", 1, 0, V, true, NEW, STAYS },
	{ "ts_of_min_over_time", "M", 1, 0, V, true, NEW, STAYS },
	{ "vector", "S", 1, 0, V, false, OLD, STAYS },
	{ "year", "V", 0, 0, V, false, OLD, STAYS },
};

const struct promql_function *promql_function_find(
	struct slice name, const struct promql_options *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		const struct promql_function *f = &functions[i];

		if (!slice_eq(name, f->name))
			continue;
		if (f->since > options->level || (f->until && f->until < options->level) ||
			(f->experimental && options->no_experimental_functions))
			return NULL;
		return f;
	}
	return NULL;
}

bool promql_aggregation_takes_parameter(const char *op)
{
	static const char *const with[] = { "topk", "bottomk", "quantile", "count_values", "limitk",
		"limit_ratio" };

	for (size_t i = 0; i < ARRAY_SIZE(with); i++)
		if (str_eq(op, with[i]))
			return true;
	return false;
}
