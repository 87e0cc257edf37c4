// The server itself: workers, rings, memory, ledger, configuration, what is wrong.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { api, useApi } from '../api.js';
import { bytes, compact, duration, number, percent, relative, time } from '../format.js';
import { t, tWord } from '../i18n.js';
import { may, toast, toastError } from '../state.js';
import { Badge, Bar, Button, Card, Facts, Failure, Icon, Page, Skeleton, Table, Tile, confirm } from '../ui/index.js';
import { act } from './act.js';

const REFRESH_MS = 5000;
const RELOAD_LOOK_MS = 300;
const RELOAD_WAIT_MS = 60000;
const SEVERE = ['ledger_failed', 'certificate_expired', 'reload_refused'];
const TONES = { live: 'good', starting: 'warn', draining: 'warn', dying: 'bad' };

function Warnings({ rows }) {
    return rows.length > 0 && html`<ul class="warnings" aria-label=${t('system.warnings')}>${rows.map((one, i) => html`
        <li key=${i} class=${`warning${SEVERE.includes(one.code) ? ' is-severe' : ''}`}><${Icon} name="warning" /><div>
            <strong>${tWord('warning', one.code)}</strong>${one.object && html` <bdi class="mono">${one.object}</bdi>`}
            <div class="muted">${one.message}</div></div></li>`)}</ul>`;
}

function Workers({ status }) {
    const memory = new Map(status.processes.map((one) => [one.pid, one]));
    const columns = [
        { key: 'pid', title: t('system.worker'), render: (row) => html`<span class="mono">${row.pid}</span> <span class="muted small">#${row.column}</span>` },
        { key: 'state', title: t('system.state'), render: (row) => html`<${Badge} tone=${TONES[row.state]}>${t(`system.is.${row.state}`)}<//>` },
        { key: 'uptime', title: t('system.uptime'), align: 'right', render: (row) => duration(row.uptime_ms) },
        { key: 'connections', title: t('system.connections'), align: 'right', render: (row) => number(row.connections) },
        { key: 'requests', title: t('system.requests'), align: 'right', render: (row) => html`<span title=${number(row.requests)}>${compact(row.requests)}</span>` },
        { key: 'ring', title: t('system.ring'), render: (row) => html`<span class="ring" title=${`${bytes(row.ring_bytes)} / ${bytes(status.ring_capacity_bytes)}`}>
            <${Bar} used=${row.ring_bytes} limit=${status.ring_capacity_bytes} label=${t('system.ring')} />${percent(row.ring_bytes / status.ring_capacity_bytes)}</span>` },
        { key: 'memory', title: t('system.memory'), align: 'right', hint: t('system.memory_hint'), render: (row) => bytes(memory.get(row.pid)?.memory_bytes) },
        { key: 'descriptors', title: t('system.descriptors'), align: 'right', render: (row) => number(memory.get(row.pid)?.descriptors ?? undefined) },
        { key: 'heartbeat', title: t('system.heartbeat'), align: 'right', render: (row) => duration(row.heartbeat_age_ms) },
        { key: 'generation', title: t('system.generation'), align: 'right', render: (row) => number(row.config_generation) },
    ];
    return html`<${Card} flush title=${t('system.workers')}><${Table} label=${t('system.workers')} columns=${columns} rows=${status.workers} rowKey=${(row) => row.column} /><//>`;
}

// A reload has ended when there are more than before it was asked for.
async function reloadNow() {
    const { reloads } = await api.post('/reload');
    const end = Date.now() + RELOAD_WAIT_MS;
    while (Date.now() < end) {
        const { config } = await api.get('/status').catch(() => ({ config: { reloads: -1 } })); // a worker may go meanwhile
        if (config.reloads > reloads) return config;
        await new Promise((resolve) => { setTimeout(resolve, RELOAD_LOOK_MS); });
    }
    throw new Error(t('system.reload_silent'));
}

function Configuration({ status, reload }) {
    const { config, certificate } = status;
    const run = async () => {
        if (!(await confirm({ title: t('system.reload_title'), text: t('system.reload_text'), action: t('system.reload') }))) return;
        try {
            const after = await reloadNow();
            if (after.last_reload === 'ok') toast(t('system.reload_done', { n: number(after.generation) }));
            else toast(t('system.reload_refused', { reason: after.reason ?? '' }), { kind: 'error', ms: 20000 });
        } catch (error) {
            toastError(error);
        }
        reload();
    };
    const actions = may('owner', 'system:write') && html`<${Button} small icon="refresh" onClick=${run}>${t('system.reload')}<//>`;
    return html`<${Card} title=${t('system.config')} actions=${actions}><${Facts} rows=${[
        [t('system.file'), html`<bdi class="mono small">${config.path ?? '–'}</bdi>`],
        [t('system.last_reload'), html`<${Badge} tone=${config.last_reload === 'ok' ? 'good' : 'bad'}>${t(`system.reload.${config.last_reload}`)}<//> <span class="muted">${t('system.generation_n', { n: number(config.generation) })}</span>`],
        config.reason && [t('system.reason'), config.reason],
        [t('system.listen'), html`<span class="mono">${[...config.listen, ...config.tls_listen.map((one) => `${one} (TLS)`)].join(', ')}</span>`],
        [t('system.catalogue'), t('system.catalogue_text', { models: number(status.catalogue.models), providers: number(status.catalogue.providers), n: number(status.catalogue.generation) })],
        certificate && [t('system.certificate'), html`<span title=${time(certificate.expires_at)}>${t('system.ends', { when: relative(certificate.expires_at) })}</span>`],
        status.upgrade.last && [t('system.upgrade'), status.upgrade.last],
    ]} /><//>`;
}

function Ledger({ status }) {
    const disk = useApi('/ledger/disk', {}, { every: 60000 });
    const { accountant } = status;
    return html`<${Card} title=${t('system.ledger')}><${Facts} rows=${[
        [t('system.state'), html`<${Badge} tone=${accountant.ledger === 'ok' ? 'good' : 'bad'}>${t(`system.ledger.${accountant.ledger}`)}<//>`],
        accountant.ledger_error && [t('system.reason'), accountant.ledger_error],
        [t('system.size'), disk.error ? disk.error.message : html`<span title=${disk.data?.data_dir}>${bytes(disk.data?.bytes)}</span> <span class="muted">${t('system.free', { size: bytes(disk.data?.free_bytes) })}</span>`],
        [t('system.last_flush'), html`<span title=${time(accountant.last_flush_at)}>${relative(accountant.last_flush_at)}</span>`],
        [t('system.waiting'), bytes(accountant.ring_bytes_waiting)],
        [t('system.last_export'), relative(accountant.last_export_at)],
        [t('system.restarts'), t('system.restarts_text', { accountant: number(accountant.restarts), workers: number(status.worker_restarts) })],
    ]} /><//>`;
}

function Cache() {
    const { data, error, reload } = useApi('/cache', {}, { every: REFRESH_MS });
    const purge = async () => {
        if (await confirm({ title: t('system.purge_title'), text: t('system.purge_text'), action: t('system.purge'), danger: true })
            && await act(() => api.post('/cache/purge'), t('system.purged'))) reload();
    };
    const actions = data?.enabled && may('operator', 'config:write') && html`<${Button} small icon="trash" onClick=${purge}>${t('system.purge')}<//>`;
    return html`<${Card} title=${t('system.cache')} actions=${actions}>${error ? html`<p class="error">${error.message}</p>`
        : !data ? html`<${Skeleton} lines=${4} />` : html`<${Facts} rows=${[
            [t('system.hits'), `${number(data.hits)} (${percent(data.hit_percent / 100)})`], [t('system.entries'), number(data.entries)],
            [t('system.size'), `${bytes(data.bytes)} / ${bytes(data.size_bytes)}`], [t('system.saved'), t('system.saved_text', { tokens: compact(data.saved_tokens) })],
        ]} />`}<//>`;
}

function Processes({ status }) {
    const rows = status.processes.filter((one) => one.role !== 'worker');
    const sum = status.processes.reduce((all, one) => all + (one.memory_bytes ?? 0), 0);
    return html`<${Card} title=${t('system.processes')}><${Facts} rows=${[
        [t('system.memory_all'), bytes(sum)], [t('system.segment'), html`<span title=${status.segment}>${bytes(status.segment_bytes)}</span>`],
        ...rows.map((one) => [t(`system.role.${one.role}`), html`<span class="mono">${one.pid}</span> <span class="muted">${bytes(one.memory_bytes)}</span>`]),
    ]} /><//>`;
}

export function System() {
    const { data: status, error, reload } = useApi('/status', {}, { every: REFRESH_MS });
    const lead = status && `aigw ${status.version} · ${status.instance}`;
    if (!status) return html`<${Page} title=${t('nav.system')}>${error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Skeleton} height=${420} />`}<//>`;
    const connections = status.workers.reduce((sum, one) => sum + one.connections, 0);
    return html`<${Page} title=${t('nav.system')} lead=${lead}>
        <${Warnings} rows=${status.warnings} />
        <div class="tiles">
            <${Tile} label=${t('system.state')} value=${tWord('system.is', status.state)} note=${t('system.since', { time: duration(status.uptime_ms) })} />
            <${Tile} label=${t('system.in_flight')} value=${number(status.in_flight)} /><${Tile} label=${t('system.connections')} value=${compact(connections)} title=${number(connections)} />
            <${Tile} label=${t('system.keys')} value=${compact(status.keys)} title=${number(status.keys)} note=${t('system.groups_n', { n: number(status.groups) })} />
        </div>
        <${Workers} status=${status} />
        <div class="grid-2"><${Configuration} status=${status} reload=${reload} /><${Ledger} status=${status} /><${Processes} status=${status} /><${Cache} /></div>
    <//>`;
}
