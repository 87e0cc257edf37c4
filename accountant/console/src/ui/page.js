// The frame of a screen, and boxes in it.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useEffect, useId } from '../dom.js';
import { Icon } from './icon.js';
import { percent } from '../format.js';

/*
 * <${Page} title="Keys" back=${[to('/keys'), 'Keys']} actions=${html`<${Button} .../>`}>...<//>
 * `lead`: a line below the title.
 */
export function Page({ title, lead, back, actions, children }) {
    useEffect(() => {
        document.title = `${title} · aigw`;
    }, [title]);
    return html`<header class=${classes('page-head', back && 'has-back')}>
            <div class="page-title">
                ${back && html`<a class="back" href=${back[0]}><${Icon} name="left" />${back[1]}</a>`}
                <h1>${title}</h1>${lead && html`<p class="muted">${lead}</p>`}
            </div>
            ${actions && html`<div class="page-actions">${actions}</div>`}
        </header>${children}`;
}

export function Card({ title, actions, flush, class: more, children }) {
    return html`<section class=${classes('card', flush && 'card-flush', more)}>
        ${(title || actions) && html`<header>${title && html`<h2>${title}</h2>`}<div class="row">${actions}</div></header>`}
        ${children}</section>`;
}

// A figure: value, the whole of it as title, change against before (0.12 = +12 %).
// `better`: up or down, what is good news. href: the rows behind it.
export function Tile({ label, value, title, change, better, note, href }) {
    const tone = !better || !change || Math.abs(change) < 0.001 ? '' : (change > 0) === (better === 'up') ? 'good' : 'bad';
    const sign = change > 0 ? '+' : '';
    return html`<div class="tile"><span class="tile-label">${label}</span>
        <span class="tile-line">${href ? html`<a class="tile-value" href=${href} title=${title}>${value}</a>`
            : html`<span class="tile-value" title=${title}>${value}</span>`}
            ${Number.isFinite(change) && html`<span class=${classes('tile-change', tone && `is-${tone}`)}>${sign}${percent(change, Math.abs(change) < 0.1 ? 1 : 0)}</span>`}</span>
        <span class="tile-note">${note}</span></div>`;
}

// tabs: [['id', 'Label'], ...]
export function Tabs({ label, value, tabs, onChange, href }) {
    const id = useId();
    return html`<nav class="tabs" aria-label=${label}>${tabs.map(([key, text]) => html`
        <a key=${key} id="${id}-${key}" href=${href(key)} class=${key === value && 'is-on'}
            aria-current=${key === value ? 'page' : undefined}>${text}</a>`)}
    </nav>`;
}

// Name and value beside each other: <${Facts} rows=${[['Created', '...'], ...]} />
export function Facts({ rows }) {
    return html`<dl class="facts">${rows.filter(Boolean).map(([name, value]) => html`
        <div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

// A quota: used of limit, reserved behind it. limit null: unlimited.
export function Bar({ used, limit, reserved = 0, label }) {
    const part = (value) => `${Math.min(100, Math.max(0, (value / limit) * 100))}%`;
    const share = limit > 0 ? used / limit : limit === 0 ? 1 : 0;
    const tone = share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : '';
    return html`<div class=${classes('bar', tone && `bar-${tone}`)} role="meter" aria-label=${label}
        aria-valuemin="0" aria-valuemax=${limit ?? undefined} aria-valuenow=${limit ? Math.min(used, limit) : used}>
        ${limit > 0 && html`<span class="bar-reserved" style=${{ width: part(used + reserved) }}></span>
            <span class="bar-used" style=${{ width: part(used) }}></span>`}</div>`;
}
