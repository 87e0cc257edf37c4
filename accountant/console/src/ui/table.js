// Lists. More than 200 rows are drawn as far as they are seen.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useEffect, useMemo, useRef, useState } from '../dom.js';
import { t } from '../i18n.js';
import { number } from '../format.js';
import { navigate } from '../router.js';
import { Button, IconButton } from './button.js';
import { Failure } from './feedback.js';
import { Icon } from './icon.js';

const VIRTUAL_FROM = 200;
const ROW_PX = 41;
const AROUND = 20; // rows drawn above and below what is seen

function compare(a, b) {
    if (a === b) return 0;
    if (a === null || a === undefined) return -1;
    if (b === null || b === undefined) return 1;
    return typeof a === 'string' ? a.localeCompare(b) : a < b ? -1 : 1;
}

// The rows that are seen, and the heights of those above and below.
function useWindow(count, ref) {
    const [first, setFirst] = useState(0);
    const isVirtual = count > VIRTUAL_FROM;
    useEffect(() => {
        if (!isVirtual) return undefined;
        const look = () => {
            const above = -ref.current.getBoundingClientRect().top;
            setFirst(Math.max(0, Math.floor(above / ROW_PX / AROUND) * AROUND - AROUND));
        };
        look();
        addEventListener('scroll', look, { passive: true });
        return () => removeEventListener('scroll', look);
    }, [isVirtual]);
    if (!isVirtual) return { from: 0, to: count };
    const from = Math.min(first, Math.max(0, count - 1));
    return { from, to: Math.min(count, from + Math.ceil(innerHeight / ROW_PX) + 3 * AROUND) };
}

/*
 * columns: [{key, title, render: (row) => ..., align: 'right', sort: true | (row) => value,
 *            width: '12ch', wrap: true, hint}]
 * rows: undefined while they are on their way. rowKey: (row) => id
 * href(row) or onRow(row): the row as a whole leads there; its first cell should
 * have the link itself. empty: shown when there are none. error, retry: Failure.
 * It sorts what it has. fixed: columns are as wide as they say, whatever is in them;
 * the one that says nothing gets what is left.
 */
export function Table({ label, columns, rows, rowKey, href, onRow, empty, error, retry, footer, selected, fixed }) {
    const [order, setOrder] = useState(null); // {key, down}
    const body = useRef();
    const sorted = useMemo(() => {
        const column = order && columns.find(({ key }) => key === order.key);
        if (!column || !rows) return rows;
        const value = typeof column.sort === 'function' ? column.sort : (row) => row[column.key];
        return [...rows].sort((a, b) => compare(value(a), value(b)) * (order.down ? -1 : 1));
    }, [rows, order]);
    const { from, to } = useWindow(sorted?.length || 0, body);
    if (error && !rows) return html`<${Failure} error=${error} retry=${retry} />`;
    if (rows && rows.length === 0 && empty) return empty;
    const turn = (key) => {
        setOrder(order?.key === key ? (order.down ? { key, down: false } : null) : { key, down: true });
    };
    const head = (column) => {
        const is = order?.key === column.key;
        return html`<th key=${column.key} scope="col" class=${column.align === 'right' && 'right'}
            style=${column.width ? { width: column.width } : undefined} title=${column.hint}
            aria-sort=${is ? (order.down ? 'descending' : 'ascending') : undefined}>
            ${column.sort ? html`<button type="button" class="sort" onClick=${() => turn(column.key)}>
                ${column.title}<${Icon} name=${is && !order.down ? 'up' : 'down'} /></button>` : column.title}</th>`;
    };
    const go = (row) => (event) => {
        if (event.target.closest('a, button, input, label, select') || getSelection().toString()) return;
        href ? navigate(href(row)) : onRow(row);
    };
    const line = (row) => html`<tr key=${rowKey(row)} class=${classes((href || onRow) && 'is-link', selected === rowKey(row) && 'is-on')}
        onClick=${href || onRow ? go(row) : undefined}>${columns.map((column) => html`
        <td key=${column.key} class=${classes(column.align === 'right' && 'right', column.wrap && 'wrap')}>
            ${column.render ? column.render(row) : row[column.key]}</td>`)}</tr>`;
    const gap = (count) => count > 0 && html`<tr aria-hidden="true" class="gap"><td colspan=${columns.length}
        style=${{ height: `${count * ROW_PX}px` }}></td></tr>`;
    const waiting = () => Array.from({ length: 6 }, (_, i) => html`<tr key=${i} aria-hidden="true">${columns.map((column) => html`
        <td key=${column.key}><div class="skeleton"></div></td>`)}</tr>`);
    return html`<div class="table-frame" role="region" aria-label=${label} tabindex="0" aria-busy=${rows ? undefined : 'true'}>
        <table class=${fixed && 'is-fixed'}><thead><tr>${columns.map(head)}</tr></thead>
            <tbody ref=${body}>${sorted ? html`${gap(from)}${sorted.slice(from, to).map(line)}${gap(sorted.length - to)}` : waiting()}</tbody>
            ${footer && html`<tfoot>${footer}</tfoot>`}
        </table></div>`;
}

// Of a list with page, limit, total: <${Pager} page limit total onPage=${(n) => ...} />
export function Pager({ page, limit, total, onPage }) {
    if (!total || total <= limit) return null;
    const last = Math.ceil(total / limit);
    const from = (page - 1) * limit + 1;
    const places = { from: number(from), to: number(Math.min(total, page * limit)), total: number(total) };
    return html`<nav class="pager" aria-label=${t('common.pages')}><span class="muted">${t('common.page_of', places)}</span>
        <${IconButton} kind="" small icon="left" label=${t('common.previous')} disabled=${page <= 1} onClick=${() => onPage(page - 1)} />
        <${IconButton} kind="" small icon="right" label=${t('common.next')} disabled=${page >= last} onClick=${() => onPage(page + 1)} /></nav>`;
}

// Of a list with a cursor: <${MoreRows} more=${data.more} onMore=${f} />
export function MoreRows({ more, onMore }) {
    return more && html`<div class="pager"><${Button} onClick=${onMore}>${t('common.more_rows')}<//></div>`;
}
