// Which rows of the log: all of it in the query, by the API's names.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { urlOf, useApi } from '../api.js';
import { t, tWord } from '../i18n.js';
import { setQuery } from '../router.js';
import { Combobox, IconButton, Menu, Search, Select, save } from '../ui/index.js';

const NAMES = ['text', 'status', 'cause', 'model', 'key_id', 'key', 'group', 'provider', 'refused_by', 'shadow', 'metadata', 'request_id'];
const STATUSES = ['', 'ok', 'error', '4xx', '429', '5xx'];
const SHOWN = ['text', 'status', 'model', 'key_id', 'provider'];

export const filterOf = (query) => Object.fromEntries(NAMES.map((name) => [name, query[name]]).filter(([, value]) => value));
export const isFiltered = (filter) => Object.keys(filter).length > 0;

// Names that had calls in this time, and what is chosen already.
function namesOf(answer, name, value) {
    const names = [...new Set((answer?.data || []).map((row) => row[name]).filter(Boolean))];
    return value && !names.includes(value) ? [value, ...names] : names;
}

function keysOf(answer) {
    return (answer?.data || []).map((row) => [String(row.key_id), row.key ?? t('overview.deleted', { id: row.key_id })]);
}

export function LogFilters({ filter, range, actions }) {
    const models = useApi('/usage', { ...range.query, by: 'model,provider' });
    const keys = useApi('/usage', { ...range.query, by: 'key' });
    const pick = (name) => (value) => setQuery({ [name]: value });
    const others = Object.entries(filter).filter(([name]) => !SHOWN.includes(name));
    const choice = (name, label, options) => html`<${Combobox} value=${filter[name] ?? ''} options=${[['', t(`logs.all_${label}`)], ...options]} strict onChange=${pick(name)}
        placeholder=${t(`logs.all_${label}`)} aria-label=${t(`usage.by_${label.slice(0, -1)}`)} />`;
    return html`<div class="log-filters" role="search">
        <div class="log-search"><${Search} label=${t('logs.search')} value=${filter.text} onSearch=${(text) => setQuery({ text })} /></div>
        <${Select} value=${filter.status ?? ''} aria-label=${t('logs.status')} onChange=${pick('status')}
            options=${STATUSES.concat(filter.status && !STATUSES.includes(filter.status) ? [filter.status] : []).map((one) => [one, one === '' ? t('logs.any_status') : tWord('logs.status_is', one)])} />
        ${choice('model', 'models', namesOf(models.data, 'model', filter.model))}
        ${choice('key_id', 'keys', keysOf(keys.data))}
        ${choice('provider', 'providers', namesOf(models.data, 'provider', filter.provider))}
        <div class="row">${actions}</div>
        ${others.length > 0 && html`<ul class="chips">${others.map(([name, value]) => html`<li key=${name}>${tWord('logs.filter', name)}: <bdi>${value}</bdi>
            <${IconButton} small icon="close" label=${t('logs.remove', { name: tWord('logs.filter', name) })} onClick=${() => setQuery({ [name]: '' })} /></li>`)}</ul>`}
    </div>`;
}

// A download of the browser's: the stream is never in the page.
const download = (question, format) => save(urlOf('/logs/export', { ...question, format }), `logs.${format}`);

export function LogExport({ question }) {
    return html`<${Menu} kind="" icon="download" label=${t('logs.export')} items=${[
        { label: 'CSV', onClick: () => download(question, 'csv') }, { label: 'JSON Lines', onClick: () => download(question, 'jsonl') }]}>${t('logs.export')}<//>`;
}
