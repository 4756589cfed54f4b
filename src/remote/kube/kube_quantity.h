// SPDX-License-Identifier: Apache-2.0
/*
 * Amounts of resources: "500m", "1.5Gi", "2e3"
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
 */
#ifndef CEEMS_REMOTE_KUBE_KUBE_QUANTITY_H
#define CEEMS_REMOTE_KUBE_KUBE_QUANTITY_H

#include "basic/str.h"

/*
 * In units of 10^-decimals (0 to 9), fractions rounded away from zero, as Kubernetes does. What is
 * beyond an int64_t becomes its greatest or smallest value. -EBADMSG: it is no quantity.
 */
int kube_quantity_parse(struct slice text, int decimals, int64_t *ret_value);

#endif
