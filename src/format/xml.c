// SPDX-License-Identifier: Apache-2.0
#include "format/xml.h"

#include <errno.h>
#include <expat.h>

#include "basic/buffer.h"

struct walk {
	XML_Parser parser;
	const struct xml_visitor *visitor;
	struct buffer path; /* with a NUL behind */
	struct buffer text;
	unsigned depth;
	int result; /* 0 as long as the walk goes on */
	bool declares_entity;
};

const char *xml_attribute(const struct xml_attributes *attributes, const char *name)
{
	for (const char *const *v = attributes->v; v[0]; v += 2) {
		if (str_eq(v[0], name))
			return v[1];
	}
	return NULL;
}

static void end_walk(struct walk *w, int r)
{
	if (w->result == 0)
		w->result = r;
	XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL on_start(void *ctx, const char *name, const char **attributes)
{
	const struct xml_attributes a = { attributes };
	struct walk *w = ctx;
	int r;

	if (w->result)
		return;
	if (++w->depth > XML_DEPTH_MAX) {
		end_walk(w, -E2BIG);
		return;
	}
	if (w->path.len)
		buffer_putc(&w->path, '/');
	buffer_puts(&w->path, name);
	buffer_clear(&w->text);
	r = buffer_error(&w->path);
	if (r >= 0 && w->visitor->start)
		r = w->visitor->start(w->visitor->ctx, buffer_text(&w->path), &a);
	if (r < 0)
		end_walk(w, r);
}

static void XMLCALL on_end(void *ctx, const char *name)
{
	struct walk *w = ctx;
	size_t name_len = strlen(name);
	int r;

	if (w->result)
		return;
	r = buffer_error(&w->text);
	if (r >= 0 && w->visitor->end)
		r = w->visitor->end(w->visitor->ctx, buffer_text(&w->path),
			slice_trim((struct slice){ buffer_text(&w->text), w->text.len }));
	w->depth--;
	w->path.len -= name_len + (w->depth > 0);
	w->path.data[w->path.len] = '\0';
	buffer_clear(&w->text);
	if (r < 0)
		end_walk(w, r);
}

static void XMLCALL on_text(void *ctx, const char *text, int len)
{
	struct walk *w = ctx;

	buffer_append(&w->text, text, (size_t)len);
}

static void XMLCALL on_entity(void *ctx, const XML_Char *name, int is_parameter,
	const XML_Char *value, int value_length, const XML_Char *base, const XML_Char *system_id,
	const XML_Char *public_id, const XML_Char *notation)
{
	struct walk *w = ctx;

	w->declares_entity |= w->result == 0;
	end_walk(w, -EBADMSG);
}

static unsigned long current_line(const struct walk *w)
{
#ifdef HAVE_XML_LINE_NUMBER64
	return XML_GetCurrentLineNumber64(w->parser);
#else
	return XML_GetCurrentLineNumber(w->parser);
#endif
}

static int failure(const struct walk *w, struct err *err)
{
	enum XML_Error code = XML_GetErrorCode(w->parser);
	unsigned long line = current_line(w);

	if (code == XML_ERROR_NO_MEMORY)
		return err_errno(err, -ENOMEM, "XML");
	if (w->declares_entity)
		return err_set(err, -EBADMSG, "line %lu: it declares an entity", line);
	if (w->result == -E2BIG)
		return err_set(err, -E2BIG, "line %lu: over a limit of size or depth", line);
	if (w->result)
		return err_errno(err, w->result, "line %lu", line);
	return err_set(err, -EBADMSG, "line %lu: %s", line, XML_ErrorString(code));
}

int xml_walk(struct slice document, const struct xml_visitor *visitor, struct err *err)
{
	struct walk w = { .visitor = visitor };
	int r = 0;

	if (document.n > XML_DOCUMENT_MAX_BYTES)
		return err_set(err, -E2BIG, "more than %d bytes", XML_DOCUMENT_MAX_BYTES);
	w.parser = XML_ParserCreate(NULL);
	if (!w.parser)
		return err_errno(err, -ENOMEM, "XML");
	buffer_init(&w.path, XML_PATH_MAX_BYTES);
	buffer_init(&w.text, XML_TEXT_MAX_BYTES);
	XML_SetUserData(w.parser, &w);
	XML_SetElementHandler(w.parser, on_start, on_end);
	XML_SetCharacterDataHandler(w.parser, on_text);
	XML_SetEntityDeclHandler(w.parser, on_entity);
	if (XML_Parse(w.parser, document.p, (int)document.n, XML_TRUE) != XML_STATUS_OK &&
		w.result != -ECANCELED)
		r = failure(&w, err);
	XML_ParserFree(w.parser);
	buffer_done(&w.path);
	buffer_done(&w.text);
	return r;
}
