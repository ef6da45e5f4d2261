// SPDX-License-Identifier: GPL-2.0-or-later
// What is on the page of a report, as the browser has it: evaluated by report_test.
(() => {
	const box = e => {
		const b = e.getBoundingClientRect();
		return [b.left + scrollX, b.top + scrollY, b.width, b.height];
	};
	const number = (e, name) => parseFloat(e.getAttribute(name));
	const plot = figure => {
		const svg = figure.querySelector('svg.plot, svg.bars');
		return {
			title: figure.querySelector('figcaption').textContent,
			box: box(svg),
			legend: [...figure.querySelectorAll('.entry')].map(e => e.textContent.trim()),
			// [label, position in the drawing]
			y: [...svg.querySelectorAll('.ty')].map(e => [e.textContent, number(e, 'y') - 4]),
			x: [...svg.querySelectorAll('.tick + .tx')].map(e => [e.textContent, number(e, 'x')]),
			titles: [...svg.querySelectorAll('.tx:not(.tick + .tx)')].map(e => e.textContent),
			lines: [...svg.querySelectorAll('.line')].map(g => ({
				name: g.dataset.line,
				color: getComputedStyle(g.querySelector('polyline') || g).stroke,
				dashes: getComputedStyle(g.querySelector('polyline') || g).strokeDasharray,
				pieces: [...g.querySelectorAll('polyline')].map(p =>
					[...p.points].map(a => [a.x, a.y])),
				peaks: g.querySelectorAll('.peaks').length,
			})),
			nodata: [...svg.querySelectorAll('.nodata')].map(e =>
				[number(e, 'x'), number(e, 'x') + number(e, 'width')]),
			places: [...svg.querySelectorAll('.place title')].map(e => e.textContent),
			bars: [...svg.querySelectorAll('g[data-config]')].map(g =>
				[...g.querySelectorAll('rect')].map(e =>
					[e.getAttribute('class'), number(e, 'x'), number(e, 'width'),
					 e.querySelector('title').textContent])),
			texts: [...svg.querySelectorAll('text')].map(e => [e.textContent, ...box(e)]),
		};
	};
	const style = getComputedStyle(document.body);
	return {
		title: document.title,
		text: document.body.innerText,
		background: style.backgroundColor,
		foreground: style.color,
		dim: getComputedStyle(document.querySelector('.note')).color,
		elements: [...new Set([...document.querySelectorAll('*')].map(e => e.localName))],
		links: [...document.querySelectorAll('[href], [src]')].map(e =>
			e.getAttribute('href') || e.getAttribute('src')),
		width: document.documentElement.scrollWidth,
		summary: [...document.querySelectorAll('#summary tr')].map(tr =>
			[...tr.children].map(td => [td.textContent.trim(), td.dataset.bytes || ''])),
		total: [...document.querySelectorAll('body > figure')].map(plot),
		guests: [...document.querySelectorAll('section')].map(s => ({
			name: s.querySelector('h2').textContent,
			notes: [...s.querySelectorAll(':scope > .note')].map(e => e.textContent),
			plots: [...s.querySelectorAll('figure')].map(plot),
			decisions: [...s.querySelectorAll('details')].map(d =>
				[d.querySelector('summary').textContent,
				 [...d.querySelectorAll('tr')].map(tr =>
					[...tr.children].map(td => td.textContent))]),
		})),
	};
})()
