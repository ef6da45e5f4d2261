// SPDX-License-Identifier: GPL-2.0-only
/*
 * peek.c - what the VMM has behind a page
 *
 * Looks at its VMAs and page tables, touches nothing: move.h has what may be found.
 */
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/leafops.h>		/* wants the two above */
#include <linux/memremap.h>
#include <linux/pgtable.h>

#include "move.h"

bool uvmem_vma_fits(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) && !is_vm_hugetlb_page(vma) &&
	       !(vma->vm_flags & (VM_SPECIAL | VM_SHARED));
}

static enum uvmem_peek peek_leaf(softleaf_t entry)
{
	if (softleaf_is_device_private(entry))
		return uvmem_is_handle(softleaf_to_page(entry)) ? UVMEM_PEEK_HANDLE :
								  UVMEM_PEEK_FOREIGN;
	if (softleaf_is_swap(entry))
		return UVMEM_PEEK_SWAP;
	return softleaf_is_migration(entry) ? UVMEM_PEEK_BUSY : UVMEM_PEEK_MARKER;
}

/*
 * A look without locks: with interrupts off no table can be freed (as in KVM's
 * host_pfn_mapping_level()). A hint, except where the caller keeps it true.
 */
enum uvmem_peek uvmem_peek(struct mm_struct *mm, unsigned long addr)
{
	enum uvmem_peek peek = UVMEM_PEEK_NO_TABLE;
	unsigned long flags;
	struct page *page;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;
	pte_t pte;

	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(mm, addr));
	if (pgd_none(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(&pgd, addr));
	if (p4d_none(p4d) || !p4d_present(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, addr));
	if (pud_none(pud))
		goto out;
	peek = UVMEM_PEEK_BUSY;
	if (!pud_present(pud) || pud_leaf(pud))
		goto out;
	pmd = READ_ONCE(*pmd_offset(&pud, addr));
	peek = UVMEM_PEEK_NO_TABLE;
	if (pmd_none(pmd))
		goto out;
	if (!pmd_present(pmd)) {
		peek = peek_leaf(softleaf_from_pmd(pmd));
		if (peek == UVMEM_PEEK_HANDLE)
			peek = UVMEM_PEEK_HUGE_HANDLE;
		goto out;
	}
	peek = UVMEM_PEEK_PRESENT;
	if (pmd_leaf(pmd)) {
		peek = UVMEM_PEEK_HUGE;
		page = pmd_page(pmd);
		if (folio_maybe_dma_pinned(page_folio(page)))
			peek = UVMEM_PEEK_PINNED;
		goto out;
	}

	pte = ptep_get_lockless(pte_offset_kernel(&pmd, addr));
	if (pte_none(pte)) {
		peek = UVMEM_PEEK_NONE;
	} else if (!pte_present(pte)) {
		peek = peek_leaf(softleaf_from_pte(pte));
	} else if (is_zero_pfn(pte_pfn(pte))) {
		peek = UVMEM_PEEK_NONE;
	} else if (!pte_special(pte) && pfn_valid(pte_pfn(pte))) {
		page = pte_page(pte);
		if (folio_test_ksm(page_folio(page)))
			peek = UVMEM_PEEK_MERGED;
		else if (folio_maybe_dma_pinned(page_folio(page)))
			peek = UVMEM_PEEK_PINNED;
	}
out:
	local_irq_restore(flags);
	return peek;
}
