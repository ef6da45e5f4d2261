// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * proactive.c - a closed loop that takes from a guest what it does not use
 *
 * Theory of operation
 *	Two numbers say whether it hurts: pages that come back (refaults, of what is
 *	resident, a minute) and time that vCPUs wait for them. Both have a target.
 *
 *	Above a target: back off at once. Nothing is taken in this round nor during
 *	the hold that follows, which doubles with each back-off. The age from which
 *	a page counts as cold rises by half: what came back was not cold.
 *	Between half a target and the target: nothing is taken.
 *	Below: pages that idle for the cold age go, the first time a sixteenth of
 *	what a round may take, twice as much each round that did no harm.
 *	When that has gone well for four times the last hold, the cold age comes down by a
 *	pass, and later the hold is halved: the load may have changed.
 *	Where ciphertext would stay in memory only what leaves none goes. Pages that are known
 *	to leave some are not asked for; one page is all the same, or the kernel would never
 *	find out that the sealed pool has room for others again.
 *
 *	So it is asymmetric: gentle down, immediately up. Under a load that does not
 *	change the cold age settles above the time after which the load comes back to its
 *	pages, and the holds make further attempts rare. They do not become rarer than
 *	one in ten minutes: of pages as old as can be told apart (31 passes) some come
 *	back and some do not, and only attempts tell which. Each leaves the latter out.
 */
#include "policy.h"

#define HOLD_MIN_NS	(30 * POLICY_NSEC)
#define HOLD_MAX_NS	(600 * POLICY_NSEC)
#define PROBE_PART	16

/* The last bucket is open, so that age can no longer be told apart. */
#define COLD_MAX	(POLICY_IDLE_BUCKETS - 1)

static uint32_t coldest_allowed(const struct policy_host *host, const struct policy_guest *guest)
{
	uint64_t pass_ns = host->settings.age_pass_ns ? host->settings.age_pass_ns : POLICY_NSEC;
	uint64_t passes = (guest->settings.cold_age_ns + pass_ns - 1) / pass_ns;

	if (passes < 1)
		return 1;
	return passes < COLD_MAX ? (uint32_t)passes : COLD_MAX;
}

static void back_off(struct policy_guest *guest, uint64_t now_ns)
{
	guest->back_offs++;
	guest->rate_ppm = 0;
	guest->cold_passes += guest->cold_passes / 2 ? guest->cold_passes / 2 : 1;
	if (guest->cold_passes > COLD_MAX)
		guest->cold_passes = COLD_MAX;
	guest->hold_length_ns *= 2;
	if (guest->hold_length_ns < HOLD_MIN_NS)
		guest->hold_length_ns = HOLD_MIN_NS;
	if (guest->hold_length_ns > HOLD_MAX_NS)
		guest->hold_length_ns = HOLD_MAX_NS;
	guest->hold_until_ns = now_ns + guest->hold_length_ns;
	guest->quiet_since_ns = now_ns;
}

/* It has gone well for long: try a little more. */
static void relax(struct policy_guest *guest, uint32_t cold_min, uint64_t now_ns)
{
	uint64_t patience = 4 * (guest->hold_length_ns ? guest->hold_length_ns : HOLD_MIN_NS);

	if (now_ns - guest->quiet_since_ns < patience)
		return;
	guest->quiet_since_ns = now_ns;
	if (guest->cold_passes > cold_min)
		guest->cold_passes--;
	else
		guest->hold_length_ns /= 2;
}

void proactive_decide(const struct policy_host *host, struct policy_guest *guest,
		      uint64_t now_ns, uint64_t elapsed_ns)
{
	const struct policy_settings *set = &guest->settings;
	uint32_t cold_min = coldest_allowed(host, guest);
	struct policy_decision *d = &guest->decision;
	uint64_t want, most;

	if (guest->cold_passes < cold_min)
		guest->cold_passes = cold_min;
	/* The high limit has said what it wants; the loop only watches then. */
	if (!guest->seen || !elapsed_ns) {
		guest->quiet_since_ns = now_ns;
		if (!d->wanted)
			d->reason = POLICY_WARMING_UP;
		return;
	}
	if (d->refault_ppm > set->refault_ppm || d->stall_ppm > set->stall_ppm) {
		/* One hold per trouble: refaults of what is out already go on for a while. */
		if (now_ns >= guest->hold_until_ns)
			back_off(guest, now_ns);
		if (!d->wanted)
			d->reason = d->refault_ppm > set->refault_ppm ?
				POLICY_BACK_OFF_REFAULT : POLICY_BACK_OFF_STALL;
		d->hold_ns = guest->hold_until_ns - now_ns;
		return;
	}
	if (d->wanted)
		return;
	d->min_idle = guest->cold_passes;
	if (!guest->sample.passes) {
		d->reason = POLICY_NO_AGING;
		return;
	}
	if (now_ns < guest->hold_until_ns) {
		d->reason = POLICY_HOLD;
		d->hold_ns = guest->hold_until_ns - now_ns;
		return;
	}
	if (d->refault_ppm > set->refault_ppm / 2 || d->stall_ppm > set->stall_ppm / 2) {
		d->reason = POLICY_AT_TARGET;
		return;
	}
	relax(guest, cold_min, now_ns);
	d->min_idle = guest->cold_passes;
	if (guest->sample.passes < guest->cold_passes) {
		d->reason = POLICY_WARMING_UP;
		return;
	}
	d->cold = policy_cold(&guest->sample, guest->cold_passes);
	if (!d->cold) {
		d->reason = POLICY_NOTHING_COLD;
		return;
	}

	guest->rate_ppm = guest->rate_ppm ? 2 * guest->rate_ppm : set->probe_ppm / PROBE_PART;
	if (guest->rate_ppm > set->probe_ppm || !guest->rate_ppm)
		guest->rate_ppm = set->probe_ppm;
	most = (uint64_t)((double)d->frames * guest->rate_ppm / 1e6);
	want = d->cold;
	d->no_ciphertext = host->pool.ciphertext_stays;
	if (d->no_ciphertext)
		want = want > guest->sample.no_gain ? want - guest->sample.no_gain : 0;
	if (want > most)
		want = most;
	d->wanted = want ? want : 1;
	d->reason = POLICY_PROBE;
}
