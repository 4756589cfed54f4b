// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/power_meter.h"

const char *const power_meter_source_names[N_POWER_METER_SOURCES] = {
	[POWER_METER_CRAY] = "cray_pm_counters",
	[POWER_METER_REDFISH] = "redfish",
	[POWER_METER_IPMI] = "ipmi_dcmi",
	[POWER_METER_HWMON] = "hwmon",
};
