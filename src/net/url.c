// SPDX-License-Identifier: Apache-2.0
#include "net/url.h"

#include <curl/curl.h>
#include <errno.h>
#include <strings.h>

#include "basic/str.h"

DEFINE_CLEANUP(CURLU *, curl_url_cleanup);

static void curl_textp(char **text)
{
	curl_free(*text);
}

int url_join(const char *base, const char *path, struct buffer *ret_url)
{
	size_t len = strcspn(base, "?#");
	const char *rest = base + len;

	if (strncasecmp(base, "http://", 7) != 0 && strncasecmp(base, "https://", 8) != 0)
		return -EINVAL;
	while (len && base[len - 1] == '/')
		len--;
	while (*path == '/')
		path++;
	buffer_append(ret_url, base, len);
	buffer_putc(ret_url, '/');
	buffer_puts(ret_url, path);
	buffer_puts(ret_url, rest);
	return buffer_error(ret_url);
}

static void append_form(struct buffer *buf, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c))
			buffer_putc(buf, (char)c);
		else if (c == ' ')
			buffer_putc(buf, '+');
		else
			buffer_printf(buf, "%%%02X", c);
	}
}

void url_append_param(struct buffer *query, const char *name, const char *value)
{
	if (query->len)
		buffer_putc(query, '&');
	append_form(query, name);
	buffer_putc(query, '=');
	append_form(query, value);
}

int url_redact(const char *url, struct buffer *ret_url)
{
	CLEANUP(curl_url_cleanupp) CURLU *u = curl_url();
	CLEANUP(curl_textp) char *password = NULL;
	CLEANUP(curl_textp) char *text = NULL;
	CURLUcode rc;

	if (!u)
		return -ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
		buffer_puts(ret_url, "(malformed URL)");
		return buffer_error(ret_url);
	}
	rc = curl_url_get(u, CURLUPART_PASSWORD, &password, 0);
	if (rc == CURLUE_NO_PASSWORD) {
		buffer_puts(ret_url, url);
		return buffer_error(ret_url);
	}
	if (rc != CURLUE_OK || curl_url_set(u, CURLUPART_PASSWORD, "xxxxx", 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK)
		return -ENOMEM;
	buffer_puts(ret_url, text);
	return buffer_error(ret_url);
}
