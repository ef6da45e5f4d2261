// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * account.c - counters that never go back
 */
#include <stdlib.h>
#include <string.h>

#include "account.h"

const struct account_counter_info account_counters[ACCOUNT_NR_COUNTERS] = {
#define X(_name, _unit, _metric, _label)	\
	[ACCOUNT_##_name] = { #_name, ACCOUNT_##_unit, _metric, _label },
	ACCOUNT_COUNTERS(X)
#undef X
};

int account_counter_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ACCOUNT_NR_COUNTERS; i++)
		if (!strcmp(account_counters[i].name, name))
			return (int)i;
	return -1;
}

void account_book_free(struct account_book *book)
{
	size_t i;

	for (i = 0; i < book->nr; i++)
		free(book->accounts[i]);
	free(book->accounts);
	book->accounts = NULL;
	book->nr = book->room = 0;
}

static bool same_key(const struct account_key *a, const struct account_key *b)
{
	return a->vm_id == b->vm_id && a->pid == b->pid && a->start == b->start;
}

struct account *account_find(struct account_book *book, const struct account_key *key)
{
	struct account *account;
	size_t i;

	for (i = 0; i < book->nr; i++)
		if (same_key(&book->accounts[i]->key, key))
			return book->accounts[i];
	if (book->nr == book->room) {
		size_t room = book->room ? 2 * book->room : 16;
		struct account **more = realloc(book->accounts, room * sizeof(struct account *));

		if (!more)
			return NULL;
		book->accounts = more;
		book->room = room;
	}
	account = calloc(1, sizeof(*account));
	if (!account)
		return NULL;
	account->key = *key;
	book->accounts[book->nr++] = account;
	return account;
}

void account_update(struct account *account, const uint64_t kernel[ACCOUNT_NR_COUNTERS])
{
	unsigned int i;

	account->live = true;
	for (i = 0; i < ACCOUNT_FIRST_OWN; i++) {
		if (kernel[i] >= account->kernel[i])
			account->value[i] += kernel[i] - account->kernel[i];
		else
			account->value[i] += kernel[i];
		account->kernel[i] = kernel[i];
	}
}

void account_add(struct account *account, enum account_counter counter, uint64_t value)
{
	account->value[counter] += value;
}

static void end_at(struct account_book *book, size_t at)
{
	unsigned int i;

	for (i = 0; i < ACCOUNT_NR_COUNTERS; i++)
		book->ended[i] += book->accounts[at]->value[i];
	book->ended_guests++;
	free(book->accounts[at]);
	book->accounts[at] = book->accounts[--book->nr];
}

bool account_end(struct account_book *book, const struct account_key *key)
{
	size_t i;

	for (i = 0; i < book->nr; i++) {
		if (same_key(&book->accounts[i]->key, key)) {
			end_at(book, i);
			return true;
		}
	}
	return false;
}

static bool is_one_of(uint64_t id, const uint64_t *ids, size_t nr)
{
	while (nr--)
		if (ids[nr] == id)
			return true;
	return false;
}

size_t account_end_missing(struct account_book *book, const uint64_t *unknown, size_t nr)
{
	size_t i = 0, ended = 0;

	while (i < book->nr) {
		if (book->accounts[i]->live ||
		    is_one_of(book->accounts[i]->key.vm_id, unknown, nr)) {
			i++;
			continue;
		}
		end_at(book, i);
		ended++;
	}
	return ended;
}

uint64_t account_total(const struct account_book *book, enum account_counter counter)
{
	uint64_t sum = book->ended[counter];
	size_t i;

	for (i = 0; i < book->nr; i++)
		sum += book->accounts[i]->value[counter];
	return sum;
}

int64_t account_saved(uint64_t frames_freed, uint64_t resident_ciphertext,
		      uint64_t pool_bytes, uint64_t metadata_bytes)
{
	return (int64_t)frames_freed - (int64_t)resident_ciphertext -
		(int64_t)((pool_bytes + metadata_bytes + 4095) / 4096);
}
