// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text.c - text of others, before it is passed on
 */
#include <stdbool.h>
#include <string.h>

#include <libxml/xmlstring.h>

#include "text.h"

/* libxml2 knows the form; D-Bus wants no surrogates, detours or non-characters either. */
static bool is_utf8(const char *text)
{
	static const int least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	while (*text) {
		int n = (int)strnlen(text, 4), c = xmlGetUTF8Char((const unsigned char *)text, &n);

		if (c < 0 || n < 1 || n > 4 || c < least[n] || c > 0x10ffff ||
		    (c >= 0xd800 && c <= 0xdfff) || (c >= 0xfdd0 && c <= 0xfdef) ||
		    (c & 0xfffe) == 0xfffe)
			return false;
		text += n;
	}
	return true;
}

void text_make_utf8(char *text)
{
	size_t n = strlen(text), cut;

	/* A character is of four bytes at most. */
	for (cut = 0; cut < 4 && cut <= n; cut++) {
		char last = text[n - cut];

		text[n - cut] = '\0';
		if (is_utf8(text))
			return;
		text[n - cut] = last;
		if (cut < n && !(text[n - cut - 1] & 0x80))
			break;
	}
	for (; *text; text++)
		if (*text & 0x80)
			*text = '?';
}
