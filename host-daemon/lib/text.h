/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h - text of others, before it is passed on
 */
#ifndef UVMEM_TEXT_H
#define UVMEM_TEXT_H

/*
 * Make it UTF-8, in place: a character that was cut off at the end goes; if that is not all
 * that is wrong with it, each byte above 0x7f becomes '?'. D-Bus and JSON take nothing else.
 */
void text_make_utf8(char *text);

#endif
