// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of accounts: they never go back, whoever restarts
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "account.h"

static const struct account_key key = { .vm_id = 7, .pid = 100, .start = 5000 };

static struct account_book new_book(const char *boot)
{
	struct account_book book = { 0 };

	snprintf(book.boot, sizeof(book.boot), "%s", boot);
	return book;
}

static void update(struct account_book *book, const struct account_key *k, uint64_t value)
{
	uint64_t kernel[ACCOUNT_NR_COUNTERS];
	unsigned int i;

	for (i = 0; i < ACCOUNT_NR_COUNTERS; i++)
		kernel[i] = value + i;
	account_update(account_find(book, k), kernel);
}

/* What another daemon makes of it. */
static struct account_book restart(struct account_book *book, const char *boot)
{
	struct account_book next = new_book(boot);
	char *text = account_book_write(book);
	unsigned int line;

	assert_non_null(text);
	assert_int_equal(account_book_read(&next, text, &line), 0);
	free(text);
	account_book_free(book);
	return next;
}

static void counters_follow_the_kernel(void **state)
{
	struct account_book book = new_book("boot");

	(void)state;
	update(&book, &key, 10);
	update(&book, &key, 25);
	assert_int_equal(account_find(&book, &key)->value[ACCOUNT_refault], 25 + ACCOUNT_refault);
	/* The daemon's own are not the kernel's. */
	assert_int_equal(account_find(&book, &key)->value[ACCOUNT_daemon_saved], 0);
	account_book_free(&book);
}

static void counters_do_not_go_back_with_the_kernel(void **state)
{
	struct account_book book = new_book("boot");

	(void)state;
	update(&book, &key, 1000);
	update(&book, &key, 3);
	assert_int_equal(account_find(&book, &key)->value[0], 1003);
	update(&book, &key, 5);
	assert_int_equal(account_find(&book, &key)->value[0], 1005);
	account_book_free(&book);
}

static void a_restart_loses_nothing(void **state)
{
	struct account_book book = new_book("boot");
	struct account *a;

	(void)state;
	update(&book, &key, 10);
	a = account_find(&book, &key);
	account_add(a, ACCOUNT_daemon_saved, 77);
	strcpy(a->name, "name with \n = / and \xc3\xa4");
	strcpy(a->uuid, "01234567-89ab-cdef-0123-456789abcdef");

	book = restart(&book, "boot");
	/* What was moved while nobody looked counts. */
	update(&book, &key, 30);
	assert_int_equal(account_end_missing(&book, NULL, 0), 0);
	a = account_find(&book, &key);
	assert_int_equal(a->value[0], 30);
	assert_int_equal(a->value[ACCOUNT_daemon_saved], 77);
	assert_string_equal(a->name, "name with \n = / and \xc3\xa4");
	assert_string_equal(a->uuid, "01234567-89ab-cdef-0123-456789abcdef");
	account_book_free(&book);
}

/* It is told of as if it had known all along. */
static void what_an_older_daemon_did_not_know_counts_from_the_beginning(void **state)
{
	static const char older[] = "uvmem-accounts 1\nboot boot\nended 3\n"
		"guest 7 100 5000 - - pool_stored=90/90\ncomplete\n";
	uint64_t kernel[ACCOUNT_NR_COUNTERS] = {
		[ACCOUNT_pool_stored] = 100, [ACCOUNT_pool_written_out] = 40,
	};
	struct account_book book = new_book("boot");
	unsigned int line;

	(void)state;
	assert_int_equal(account_book_read(&book, older, &line), 0);
	account_update(account_find(&book, &key), kernel);
	assert_int_equal(account_total(&book, ACCOUNT_pool_stored), 100);
	assert_int_equal(account_total(&book, ACCOUNT_pool_written_out), 40);
	book = restart(&book, "boot");
	account_update(account_find(&book, &key), kernel);
	assert_int_equal(account_total(&book, ACCOUNT_pool_written_out), 40);
	account_book_free(&book);
}

/* Is there one, or a family of them if it ends with '_' for "_<cause>"? */
static bool is_accounted(const char *name, size_t length)
{
	unsigned int i;

	for (i = 0; i < ACCOUNT_FIRST_OWN; i++)
		if (!strncmp(account_counters[i].name, name, length) &&
		    (name[length - 1] == '_' || !account_counters[i].name[length]))
			return true;
	return false;
}

/* What the kernel counts and docs/statistics.md tells of is in accounts, and so in metrics. */
static void every_counter_of_the_kernel_has_an_account(void **state)
{
	FILE *file = fopen(DOCS_DIR "/statistics.md", "re");
	unsigned int names = 0;
	char line[1024];

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		char *kind = strstr(line, "| counter |"), *name = line, *end;

		if (strncmp(line, "| `", 3) || !kind)
			continue;
		while ((name = strchr(name, '`')) && name < kind) {
			end = strpbrk(++name, "`<");
			assert_non_null(end);
			if (!is_accounted(name, (size_t)(end - name)))
				fail_msg("%.*s is in no account", (int)(end - name), name);
			name = strchr(name, '`') + 1;
			names++;
		}
	}
	fclose(file);
	assert_true(names > 25);
}

static void an_id_used_again_is_another_guest(void **state)
{
	struct account_key other = key;
	struct account_book book = new_book("boot");

	(void)state;
	update(&book, &key, 1000);
	book = restart(&book, "boot");
	other.start++;
	update(&book, &other, 4);
	assert_int_equal(account_end_missing(&book, NULL, 0), 1);
	assert_int_equal(account_find(&book, &other)->value[0], 4);
	assert_int_equal(account_total(&book, 0), 1004);
	assert_int_equal(book.ended_guests, 1);
	account_book_free(&book);
}

/* It is there, but nothing can be asked of it for now: what it counts is not to count twice. */
static void a_guest_that_cannot_be_looked_at_has_not_ended(void **state)
{
	static const uint64_t unknown[] = { 3, 7 };
	struct account_book book = new_book("boot");
	struct account_key other = { .vm_id = 8 };

	(void)state;
	update(&book, &key, 1000);
	update(&book, &other, 50);
	book = restart(&book, "boot");
	assert_int_equal(account_end_missing(&book, unknown, 2), 1);
	assert_int_equal(book.ended_guests, 1);
	update(&book, &key, 1001);
	assert_int_equal(account_total(&book, 0), 1051);
	account_book_free(&book);
}

static void a_reboot_ends_all(void **state)
{
	struct account_book book = new_book("boot");

	(void)state;
	update(&book, &key, 1000);
	book = restart(&book, "another");
	assert_int_equal(book.nr, 0);
	assert_int_equal(account_total(&book, 0), 1000);
	/* the same key again, by chance */
	update(&book, &key, 10);
	assert_int_equal(account_find(&book, &key)->value[0], 10);
	assert_int_equal(account_total(&book, 0), 1010);
	account_book_free(&book);
}

static void totals_keep_what_guests_had_that_end(void **state)
{
	struct account_key other = { .vm_id = 8 };
	struct account_book book = new_book("boot");

	(void)state;
	update(&book, &key, 10);
	update(&book, &other, 20);
	assert_int_equal(account_total(&book, 0), 30);
	assert_true(account_end(&book, &key));
	assert_false(account_end(&book, &key));
	assert_int_equal(account_total(&book, 0), 30);
	update(&book, &other, 21);
	assert_int_equal(account_total(&book, 0), 31);
	account_book_free(&book);
}

/* Guests come, count and go, daemons and hosts restart: no total ever falls. */
static void totals_never_go_back(void **state)
{
	struct account_book book = new_book("0");
	uint64_t before[ACCOUNT_NR_COUNTERS] = { 0 }, kernel[10][ACCOUNT_NR_COUNTERS] = { 0 };
	struct account_key keys[10] = { 0 };
	uint32_t r = 12345, step;
	char boot[16] = "0";
	unsigned int i, k;

	(void)state;
	for (step = 0; step < 20000; step++) {
		struct account_key *g;

		r = r * 1103515245 + 12345;
		i = (r >> 16) % 10;
		g = &keys[i];
		switch ((r >> 8) % 50) {
		case 0:
			book = restart(&book, boot);
			break;
		case 1:
			snprintf(boot, sizeof(boot), "%u", step);
			memset(kernel, 0, sizeof(kernel));
			book = restart(&book, boot);
			break;
		case 2:
			account_end(&book, g);
			memset(kernel[i], 0, sizeof(kernel[i]));
			g->start++;
			break;
		default:
			for (k = 0; k < ACCOUNT_NR_COUNTERS; k++)
				kernel[i][k] += (r >> 4) % 100;
			account_update(account_find(&book, g), kernel[i]);
			account_add(account_find(&book, g), ACCOUNT_daemon_decided, 3);
		}
		for (k = 0; k < ACCOUNT_NR_COUNTERS; k++) {
			assert_true(account_total(&book, k) >= before[k]);
			before[k] = account_total(&book, k);
		}
	}
	assert_true(before[0] > 0);
	account_book_free(&book);
}

static int read_text(const char *text, unsigned int *ret_line)
{
	struct account_book book = new_book("boot");
	int err = account_book_read(&book, text, ret_line);

	assert_true(!err || (!book.nr && !book.ended_guests));
	account_book_free(&book);
	return err;
}

static void what_is_not_a_state_is_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
	} bad[] = {
		{ "", 0 },
		{ "uvmem-accounts 2\ncomplete\n", 1 },
		{ "uvmem-accounts 1\nboot x\n", 2 },
		{ "uvmem-accounts 1\nended 1\nguest 1 2 3 - -\n", 3 },
		{ "uvmem-accounts 1\nended x\ncomplete\n", 2 },
		{ "uvmem-accounts 1\nended 1 refault\ncomplete\n", 2 },
		{ "uvmem-accounts 1\nended 1 refault=-1\ncomplete\n", 2 },
		{ "uvmem-accounts 1\nended 1 refault=99999999999999999999\ncomplete\n", 2 },
		{ "uvmem-accounts 1\nguest 1 2 3 - zz\ncomplete\n", 2 },
		{ "uvmem-accounts 1\nguest 1 2 3 - 6\ncomplete\n", 2 },
		{ "uvmem-accounts 1\nguest 1 99999999999 3 - -\ncomplete\n", 2 },
		{ "uvmem-accounts 1\nguest 1 2 3 - - refault=1\ncomplete\n", 2 },
		{ "uvmem-accounts 1\nguest 1 2 3 - - refault=1/x\ncomplete\n", 2 },
		{ "uvmem-accounts 1\ncomplete\ncomplete\n", 3 },
		{ "uvmem-accounts 1\n\ncomplete\n", 2 },
	};
	unsigned int i, line;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		line = 0;
		assert_int_equal(read_text(bad[i].text, &line), -EINVAL);
		assert_int_equal(line, bad[i].line);
	}
	/* of a later version */
	assert_int_equal(read_text("uvmem-accounts 1\nended 1 novelty=4\ncomplete\n", &line), 0);
}

/* Every beginning of a state, and every change of a byte: refused or read, no more. */
static void damage_does_no_harm(void **state)
{
	struct account_book book = new_book("boot");
	unsigned int line, i;
	size_t length;
	char *text;

	(void)state;
	update(&book, &key, 10);
	strcpy(account_find(&book, &key)->name, "guest");
	text = account_book_write(&book);
	length = strlen(text);
	for (i = 0; i < length; i++) {
		char c = text[i];

		text[i] = '\0';
		/* only the last newline may be missing */
		assert_int_equal(read_text(text, &line), i == length - 1 ? 0 : -EINVAL);
		text[i] = c ^ 1;
		read_text(text, &line);
		text[i] = (char)(c | 0x80);
		read_text(text, &line);
		text[i] = c;
	}
	free(text);
	account_book_free(&book);
}

static void a_page_out_to_a_resident_page_saves_nothing(void **state)
{
	(void)state;
	assert_int_equal(account_saved(1000, 1000, 0, 40960), -10);
	assert_int_equal(account_saved(1000, 0, 0, 0), 1000);
	assert_int_equal(account_saved(1000, 400, 0, 4096 * 5 + 1), 594);
	/* 600 in the pool at a third each. */
	assert_int_equal(account_saved(1000, 400, 4096 * 200, 0), 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_follow_the_kernel),
		cmocka_unit_test(counters_do_not_go_back_with_the_kernel),
		cmocka_unit_test(a_restart_loses_nothing),
		cmocka_unit_test(what_an_older_daemon_did_not_know_counts_from_the_beginning),
		cmocka_unit_test(every_counter_of_the_kernel_has_an_account),
		cmocka_unit_test(an_id_used_again_is_another_guest),
		cmocka_unit_test(a_guest_that_cannot_be_looked_at_has_not_ended),
		cmocka_unit_test(a_reboot_ends_all),
		cmocka_unit_test(totals_keep_what_guests_had_that_end),
		cmocka_unit_test(totals_never_go_back),
		cmocka_unit_test(what_is_not_a_state_is_refused),
		cmocka_unit_test(damage_does_no_harm),
		cmocka_unit_test(a_page_out_to_a_resident_page_saves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
