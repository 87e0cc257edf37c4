// What goes on: figures, charts, the largest, the providers' health.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo } from '../dom.js';
import { useApi } from '../api.js';
import { compact, number } from '../format.js';
import { t } from '../i18n.js';
import { setQuery, to } from '../router.js';
import { Chart, Failure, Page, RangePicker, Tile, useRange } from '../ui/index.js';
import { buckets } from '../usage.js';

export function Overview() {
    const range = useRange();
    const total = useApi('/usage', range.query);
    const over = useApi('/usage', { ...range.query, by: range.unit });
    const sums = total.data?.total;
    const { times, rows } = useMemo(() => buckets(over.data, range), [over.data]);
    const logs = (from, to_) => to('/logs', { from: new Date(from).toISOString(), to: new Date(to_).toISOString() });
    const zoom = (from, to_) => setQuery({ range: '', from: new Date(from).toISOString(), to: new Date(to_).toISOString() });
    const series = rows && [
        { label: t('overview.ok'), values: rows.map((row) => row.requests - row.errors), color: '--series-1' },
        { label: t('overview.errors'), values: rows.map((row) => row.errors), color: '--bad' },
    ];
    return html`<${Page} title=${t('nav.overview')} actions=${html`<${RangePicker} range=${range} />`}>
        ${total.error && html`<${Failure} error=${total.error} retry=${total.reload} />`}
        <div class="tiles">
            <${Tile} label=${t('overview.requests')} value=${compact(sums?.requests)} title=${number(sums?.requests)} href=${to('/logs', range.query)} />
            <${Tile} label=${t('overview.tokens')} value=${compact(sums?.tokens)} title=${number(sums?.tokens)} href=${to('/usage', range.query)} />
        </div>
        <${Chart} title=${t('overview.requests')} file="requests" times=${times} step=${range.step} from=${range.from / 1000} to=${range.to / 1000}
            series=${series} type="bars" stacked format=${compact} href=${logs} onZoom=${zoom} />
    <//>`;
}
