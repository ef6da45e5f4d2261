// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of pushing ciphertext to swap, and of the estimate of what is there
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "account.h"
#include "policy.h"
#include "push.h"

#define MIB	UINT64_C(256)

static struct push_host host;
static struct push_guest guests[3], *list[3] = { &guests[0], &guests[1], &guests[2] };
static uint64_t now;

static int setup(void **state)
{
	(void)state;
	memset(guests, 0, sizeof(guests));
	host = (struct push_host){
		.settings = push_default_settings, .can_find = true,
		.swap_total = 8192 * MIB, .swap_free = 8192 * MIB,
	};
	now = 100 * POLICY_NSEC;
	return 0;
}

static void round_of(size_t nr, unsigned int seconds)
{
	now += seconds * POLICY_NSEC;
	push_round(&host, list, nr, now);
}

/* All that was decided goes; the kernel's own view of it follows. */
static void push_all(struct push_guest *g)
{
	struct push_result r = { .looked = g->look, .advised = g->push, .pushed = g->push };

	push_seen(g, 0, push_resident(g) - (g->push < push_resident(g) ? g->push : push_resident(g)));
	push_swept(g);
	push_note(g, &r, now);
}

static void only_what_is_in_memory_goes(void **state)
{
	(void)state;
	guests[0] = (struct push_guest){ .out = 1000 };
	round_of(1, 5);
	assert_int_equal(guests[0].state, PUSH_PUSHING);
	assert_int_equal(guests[0].push, 1000);
	push_all(&guests[0]);
	assert_int_equal(push_resident(&guests[0]), 0);
	round_of(1, 5);
	assert_int_equal(guests[0].state, PUSH_NOTHING);
	assert_int_equal(guests[0].push, 0);
	/* It is looked at still: it may come back to memory. */
	assert_int_equal(guests[0].look, 1000);
}

static void the_quota_holds_and_is_shared(void **state)
{
	uint64_t sum = 0;
	unsigned int i;

	(void)state;
	host.settings.quota_pages = 1000;
	guests[0].out = 30000;
	guests[1].out = 10000;
	round_of(2, 5);
	/* The first round has a second's worth. */
	assert_in_range(guests[0].push, 749, 750);
	assert_in_range(guests[1].push, 249, 250);
	for (i = 0; i < 20; i++) {
		round_of(2, 2);
		sum += guests[0].push + guests[1].push;
	}
	assert_in_range(sum, 39900, 40000);
	/* A long pause does not add up to a burst. */
	guests[0].out = 10000000;
	round_of(2, 100000);
	assert_true(guests[0].push + guests[1].push <= 60000);
}

static void without_room_in_swap_nothing_goes(void **state)
{
	(void)state;
	guests[0].out = 30000;
	host.swap_free = host.settings.reserve;
	round_of(1, 5);
	assert_int_equal(guests[0].push, 0);
	assert_int_equal(guests[0].state, PUSH_NO_ROOM);
	host.swap_free = host.settings.reserve + 100;
	round_of(1, 5);
	assert_int_equal(guests[0].push, 100);
	host.swap_total = host.swap_free = 0;
	round_of(1, 5);
	assert_int_equal(guests[0].push, 0);
	assert_int_equal(guests[0].look, 0);
	assert_int_equal(guests[0].state, PUSH_NO_SWAP);
}

static void it_can_be_switched_off(void **state)
{
	(void)state;
	guests[0] = (struct push_guest){ .out = 30000, .vmm_swapped = 10 };
	host.settings.on = false;
	round_of(1, 5);
	assert_int_equal(guests[0].state, PUSH_OFF);
	assert_int_equal(guests[0].push, 0);
	/* What the host has swapped out by itself is still measured. */
	assert_int_equal(guests[0].look, 30000);
	host.settings.on = true;
	host.can_find = false;
	round_of(1, 5);
	assert_int_equal(guests[0].state, PUSH_NO_FIND);
	assert_int_equal(guests[0].look + guests[0].push, 0);
}

static void a_round_looks_at_no_more_than_it_may(void **state)
{
	(void)state;
	guests[0].out = guests[1].out = 100 * PUSH_LOOK;
	guests[2].out = 0;
	round_of(3, 5);
	assert_true(guests[0].look + guests[1].look <= PUSH_LOOK);
	assert_in_range(guests[0].look, PUSH_LOOK / 2 - 1, PUSH_LOOK / 2);
	assert_int_equal(guests[2].look, 0);
}

/* What uvmemd counted before there was a look: all of the VMM's swap as ciphertext's. */
static void the_vmms_own_memory_in_swap_is_no_ciphertext(void **state)
{
	(void)state;
	guests[0] = (struct push_guest){ .out = 1000, .vmm_swapped = 700 };
	assert_int_equal(push_resident(&guests[0]), 300);
	push_seen(&guests[0], 10, 900);
	push_swept(&guests[0]);
	assert_int_equal(push_swapped(&guests[0]), 100);
	assert_int_equal(account_saved(1000, push_resident(&guests[0]), 0, 0), 100);
	/* Never more than the kernel says. */
	guests[0].vmm_swapped = 40;
	assert_int_equal(push_resident(&guests[0]), 960);
	/* Nor than there is. */
	guests[0] = (struct push_guest){ .out = 50, .vmm_swapped = 700, .resident = 100, .known = true };
	assert_int_equal(push_resident(&guests[0]), 50);
}

static void what_is_pushed_is_saved_in_the_same_round(void **state)
{
	(void)state;
	guests[0].out = 1000;
	round_of(1, 5);
	assert_int_equal(account_saved(1000, push_resident(&guests[0]), 0, 0), 0);
	push_all(&guests[0]);
	assert_int_equal(account_saved(1000, push_resident(&guests[0]), 0, 0), 1000);
}

/* A guest of many regions, of which one is seen in a round. */
static void what_is_seen_by_parts_follows_the_truth(void **state)
{
	enum { PARTS = 64, PART = 1000 };
	uint64_t truth[PARTS] = { 0 }, seen[PARTS] = { 0 }, sum = 0, known = 0;
	unsigned int i, at;

	(void)state;
	srandom(7);
	guests[0] = (struct push_guest){ .out = PARTS * PART };
	for (i = 0; i < 40 * PARTS; i++) {
		/* Some goes to swap by the host's doing, some comes back. */
		at = (unsigned int)random() % PARTS;
		truth[at] = (uint64_t)random() % PART;
		for (sum = known = 0, at = 0; at < PARTS; at++) {
			sum += truth[at];
			known += seen[at];
		}
		guests[0].vmm_swapped = PARTS * PART;
		if (i >= PARTS)
			assert_int_equal(push_resident(&guests[0]), known);
		at = i % PARTS;
		/* In two rounds: half a region counts as what it was. */
		push_seen(&guests[0], at * PUSH_REGION, truth[at] / 2);
		if (i >= PARTS)
			assert_int_equal(push_resident(&guests[0]), known);
		push_seen(&guests[0], at * PUSH_REGION + 5, truth[at] - truth[at] / 2);
		seen[at] = truth[at];
		if (at == PARTS - 1)
			push_swept(&guests[0]);
		else
			push_seen(&guests[0], (at + 1) * PUSH_REGION, 0);
	}
	for (i = 0; i < PARTS; i++)
		push_seen(&guests[0], i * PUSH_REGION, truth[i]);
	push_swept(&guests[0]);
	assert_int_equal(push_resident(&guests[0]), sum);
	/* A region that has no ciphertext any more is not passed over silently. */
	push_seen(&guests[0], 7 * PUSH_REGION, 3);
	push_seen(&guests[0], ~UINT64_C(0), 4);
	push_swept(&guests[0]);
	assert_int_equal(push_resident(&guests[0]), 7);
}

static void what_swap_refuses_is_tried_ever_more_rarely(void **state)
{
	struct push_result r = { .looked = 30000, .advised = 5000, .pushed = 10 };
	uint64_t last = 0, gap = 0, attempts = 0;
	unsigned int i;

	(void)state;
	guests[0].out = 30000;
	for (i = 0; i < 720; i++) {
		round_of(1, 5);
		if (!guests[0].push) {
			assert_int_equal(guests[0].state, PUSH_REFUSED);
			continue;
		}
		push_note(&guests[0], &r, now);
		if (last) {
			assert_true(now - last >= gap);
			gap = now - last;
		}
		last = now;
		attempts++;
	}
	/* In an hour: 60 s, 120 s, ... 600 s. */
	assert_in_range(attempts, 7, 10);
	assert_in_range(gap, 600 * POLICY_NSEC, 605 * POLICY_NSEC);
	/* When it goes well again nothing is held. */
	round_of(1, 600);
	assert_int_equal(guests[0].state, PUSH_PUSHING);
	push_all(&guests[0]);
	assert_int_equal(guests[0].hold_length_ns, 0);
}

static void a_few_busy_pages_hold_nothing_up(void **state)
{
	struct push_result r = { .looked = 30, .advised = 30 };

	(void)state;
	guests[0].out = 30;
	round_of(1, 5);
	push_note(&guests[0], &r, now);
	round_of(1, 5);
	assert_int_equal(guests[0].state, PUSH_PUSHING);
}

static void what_is_not_allowed_is_not_tried_again_at_once(void **state)
{
	struct push_result r = { .failed = true };

	(void)state;
	guests[0].out = 3000;
	round_of(1, 5);
	push_note(&guests[0], &r, now);
	assert_int_equal(guests[0].state, PUSH_FAILED);
	round_of(1, 595);
	assert_int_equal(guests[0].state, PUSH_FAILED);
	assert_int_equal(guests[0].push, 0);
	round_of(1, 10);
	assert_int_equal(guests[0].state, PUSH_PUSHING);
}

static void every_state_has_a_name_and_a_sentence(void **state)
{
	char text[512];
	unsigned int i;

	(void)state;
	guests[0].out = 512;
	for (i = 0; i < PUSH_NR_STATES; i++) {
		guests[0].state = i;
		assert_string_not_equal(push_state_name(i), "?");
		push_explain(text, sizeof(text), &guests[0]);
		assert_non_null(strstr(text, " Ciphertext in memory: 2048 KiB, in swap: 0 KiB; "));
		assert_null(strstr(text, "(null)"));
		assert_int_equal(text[strlen(text) - 1], '.');
	}
	assert_string_equal(push_state_name(PUSH_NR_STATES), "?");
	push_explain(text, 10, &guests[0]);
	assert_int_equal(strlen(text), 9);
	guests[0].out = 0;
	push_explain(text, sizeof(text), &guests[0]);
	assert_string_equal(text, "");
}

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(only_what_is_in_memory_goes),
		TEST(the_quota_holds_and_is_shared),
		TEST(without_room_in_swap_nothing_goes),
		TEST(it_can_be_switched_off),
		TEST(a_round_looks_at_no_more_than_it_may),
		TEST(the_vmms_own_memory_in_swap_is_no_ciphertext),
		TEST(what_is_pushed_is_saved_in_the_same_round),
		TEST(what_is_seen_by_parts_follows_the_truth),
		TEST(what_swap_refuses_is_tried_ever_more_rarely),
		TEST(a_few_busy_pages_hold_nothing_up),
		TEST(what_is_not_allowed_is_not_tried_again_at_once),
		TEST(every_state_has_a_name_and_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
