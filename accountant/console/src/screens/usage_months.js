// Cost by calendar months of the shown zone.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo } from '../dom.js';
import { useApi } from '../api.js';
import { compact, iso, money, number, time, zone } from '../format.js';
import { t } from '../i18n.js';
import { to } from '../router.js';
import { Card, Table } from '../ui/index.js';
import { utcOffset } from '../usage.js';

const MONTHS = 6;

// [[from, to], ...] in ms, the newest first
function monthsOf(now) {
    const date = new Date(now);
    const isUtc = zone() === 'UTC';
    const begin = (back) => (isUtc ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - back)
        : new Date(date.getFullYear(), date.getMonth() - back).getTime());
    return Array.from({ length: MONTHS }, (_, back) => [begin(back), begin(back - 1)]);
}

export function Months({ filter }) {
    const months = useMemo(() => monthsOf(Date.now()), [zone()]);
    const [from, until] = [months.at(-1)[0], months[0][1]];
    const { data, error, reload } = useApi('/usage', { ...filter, from: iso(from), to: iso(until), by: 'day', utc_offset: utcOffset(from, until) });
    const rows = data && months.map(([begin, end]) => {
        const row = { begin, end, requests: 0, tokens: 0, nano: 0 };
        for (const day of data.data) {
            const at = Date.parse(day.time);
            if (at < begin || at >= end) continue;
            row.requests += day.requests;
            row.tokens += day.tokens;
            row.nano += Math.round(day.cost * 1e9);
        }
        return row;
    });
    const most = rows?.reduce((high, row) => Math.max(high, row.nano), 0);
    const title = (row) => time(row.begin, 'month');
    const query = (row) => ({ ...filter, from: iso(row.begin), to: iso(Math.min(row.end, Math.ceil(Date.now() / 3600000) * 3600000)) });
    const columns = [
        { key: 'begin', title: t('usage.month'), render: (row) => html`<div class="top-name"><a href=${to('/usage', query(row))}>${title(row)}</a>
            <span class="share" style=${{ width: `${most > 0 ? (row.nano / most) * 100 : 0}%` }}></span></div>` },
        { key: 'requests', title: t('usage.requests'), align: 'right', render: (row) => html`<a href=${to('/logs', query(row))} title=${number(row.requests)}>${compact(row.requests)}</a>` },
        { key: 'tokens', title: t('overview.tokens'), align: 'right', render: (row) => html`<span title=${number(row.tokens)}>${compact(row.tokens)}</span>` },
        { key: 'cost', title: t('overview.cost'), align: 'right', render: (row) => money(row.nano / 1e9, data.currency) },
    ];
    return html`<${Card} flush title=${t('usage.months')}><${Table} label=${t('usage.months')} columns=${columns} rows=${rows} rowKey=${(row) => row.begin} error=${error} retry=${reload} /><//>`;
}
