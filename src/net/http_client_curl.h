// SPDX-License-Identifier: Apache-2.0
/* For those who drive libcurl themselves, with the configuration of a client. */
#ifndef CEEMS_NET_HTTP_CLIENT_CURL_H
#define CEEMS_NET_HTTP_CLIENT_CURL_H

#include <curl/curl.h>

#include "net/http_client.h"

/* What the handle borrows until its transfer is over. */
struct http_client_lists {
	struct curl_slist *proxy_headers, *connect_to;
};

/*
 * TLS, proxy and version of HTTP; sets CURLOPT_URL, too, where another name is to be verified than
 * the URL's. -ENOMEM, -EINVAL.
 */
int http_client_set_connection(struct http_client *client, CURL *easy, const char *url,
	struct http_client_lists *ret_lists);
void http_client_lists_done(struct http_client_lists *lists);

#endif
