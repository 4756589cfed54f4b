// SPDX-License-Identifier: Apache-2.0
/* Power of hosts as a meter outside of the CPU tells it: IPMI DCMI, Redfish, Cray PM counters. */
#include "basic/macros.h"
#include "basic/str.h"
#include "tool/tsdb/rules_internal.h"

#define HOST_OF_INSTANCE "\"instancehost\", \"$1\", \"instance\", \"([^:]*).*\")"

static const char *meter_name(const struct rules_job *job)
{
	return job->source == POWER_REDFISH ? "ceems_redfish_current_watts"
					    : "ceems_ipmi_dcmi_current_watts";
}

static void put_selector(const struct rules_job *job, struct buffer *out)
{
	buffer_printf(out, "%s{job=", meter_name(job));
	rules_append_quoted(out, job->name);
	if (job->source == POWER_REDFISH && *job->chassis) {
		buffer_puts(out, ",chassis=");
		rules_append_quoted(out, job->chassis);
	}
	buffer_putc(out, '}');
}

void rules_meter_without_gpus(const struct rules_job *job, struct buffer *out)
{
	const struct rules_gpus *gpus = &job->gpus;

	/* The exporters of hosts and of GPUs have ports of their own: hosts are compared. */
	buffer_puts(out, "label_replace(");
	put_selector(job, out);
	buffer_puts(out,
		", " HOST_OF_INSTANCE
		" - on (instancehost) group_left () sum by (instancehost) (label_replace(");
	buffer_printf(out, "%s{job=", gpus->power);
	rules_append_quoted(out, gpus->job);
	buffer_puts(out, "}, " HOST_OF_INSTANCE);
	buffer_puts(out, gpus->microwatts ? " / 1e6)" : ")");
}

void rules_set_meter(struct rules_writer *w)
{
	CLEANUP(buffer_done) struct buffer meter = { 0 };
	CLEANUP(buffer_done) struct buffer host = { 0 };
	const struct rules_job *job = w->job;

	if (job->source != POWER_IPMI && job->source != POWER_REDFISH)
		return;
	if (job->gpus.included) {
		buffer_putc(&meter, '(');
		rules_meter_without_gpus(job, &meter);
		buffer_puts(&meter, ") > 0");
		buffer_printf(&host, "sum by (job, instance) (%s)", buffer_text(&meter));
	} else {
		put_selector(job, &meter);
		buffer_printf(&host, "sum by (job, instance) (%s)", buffer_text(&meter));
	}
	w->meter = rules_keep(w, buffer_error(&meter) ? NULL : buffer_text(&meter));
	w->host = rules_keep(w, buffer_error(&host) ? NULL : buffer_text(&host));
}

void rules_put_unit_power_meter(struct rules_writer *w)
{
	const struct rules_job *job = w->job;

	if (job->gpus.included)
		rules_put_comment(w,
			"      # What the meter reads contains the power of the GPUs, which is taken off.");
	rules_put_rule(w,
		job->source == POWER_REDFISH ? "instance:ceems_redfish_current_watts:pue"
					     : "instance:ceems_ipmi_dcmi_current_watts:pue",
		NULL, job->gpus.included ? "$PUE * ($METER)" : "$PUE * $METER");
	rules_put_comment(w,
		job->has_rapl && job->has_dram
			? "      # Power of each unit: nine tenths of the host's power by its share in CPU time and used\n"
			  "# memory, weighted as RAPL sees packages and DRAM; one tenth (network, disks, ...) in equal\n"
			  "# parts. The split may be changed here."
			: "      # Power of each unit: nine tenths of the host's power by its share in CPU time, one tenth\n"
			  "# (network, disks, ...) in equal parts. The split may be changed here.");
	rules_put_rule(w, "uuid:ceems_host_power_watts:pue", NULL,
		job->has_rapl && job->has_dram ? "$PUE * $HOST\n"
						 "* on (job, instance) group_right () (\n"
						 "    0.9 * (\n"
						 "        $PACKAGE_SHARE\n"
						 "      * on (job, instance) group_right () (\n"
						 "          $CPU_SHARE\n"
						 "        )\n"
						 "    +\n"
						 "        (1 - $PACKAGE_SHARE)\n"
						 "      * on (job, instance) group_right () (\n"
						 "          $MEMORY_SHARE\n"
						 "        )\n"
						 "    )\n"
						 "  + on (job, instance) group_left ()\n"
						 "    0.1 * $EQUAL_PART\n"
						 ")"
					       : "$PUE * $HOST\n"
						 "* on (job, instance) group_right () (\n"
						 "    0.9 * $CPU_SHARE\n"
						 "  + on (job, instance) group_left ()\n"
						 "    0.1 * $EQUAL_PART\n"
						 ")");
}

void rules_put_job_power_meter(struct rules_writer *w)
{
	rules_put_rule(w, "job:ceems_host_power_watts:pue", NULL, "$PUE * sum by (job) ($HOST)");
}

#define CRAY(domain) \
	"sum by (job, instance) (ceems_cray_pm_counters_power_watts{job=$JOB," domain "})"

void rules_put_unit_power_cray(struct rules_writer *w)
{
	rules_put_rule(w, "instance:ceems_cray_pm_counters_power_watts:pue", NULL,
		"$PUE * ceems_cray_pm_counters_power_watts{job=$JOB}");
	rules_put_comment(w,
		"      # Power of each unit: that of the CPUs by its share in CPU time, that of the memory by its\n"
		"# share in used memory, and what the node takes beyond all its parts in equal parts.");
	rules_put_rule(w, "uuid:ceems_host_power_watts:pue", NULL,
		"$PUE * (\n"
		"    " CRAY(
			"domain=\"cpu\"") "\n"
					  "  * on (job, instance) group_right () (\n"
					  "      $CPU_SHARE\n"
					  "    )\n"
					  "+\n"
					  "    " CRAY(
						  "domain=\"memory\"") "\n"
								       "  * on (job, instance) group_right () (\n"
								       "      $MEMORY_SHARE\n"
								       "    )\n"
								       "+ on (job, instance) group_left ()\n"
								       "    (\n"
								       "        " CRAY(
									       "domain=\"node\"") "\n"
												  "      - " CRAY(
													  "domain!=\"node\"") "\n"
															      "    )\n"
															      "  * $EQUAL_PART\n"
															      ")");
}

/* What accelerators take is no power of the host; hosts without any count in full. */
void rules_put_job_power_cray(struct rules_writer *w)
{
	rules_put_rule(w, "job:ceems_host_power_watts:pue", NULL,
		"$PUE * sum by (job) (\n"
		"    " CRAY(
			"domain=\"node\"") "\n"
					   "  - " CRAY(
						   "domain=~\"accel.*\"") "\n"
									  "or\n"
									  "    " CRAY(
										  "domain=\"node\"") "\n"
												     ")");
}
