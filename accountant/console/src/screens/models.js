// Models with their prices and what they were used; one of them in a drawer, its
// name in the query.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo, useState } from '../dom.js';
import { useApi } from '../api.js';
import { compact, money, number, percent } from '../format.js';
import { t } from '../i18n.js';
import { setQuery, to } from '../router.js';
import { may } from '../state.js';
import { Badge, Button, Empty, Input, Menu, Page, Table } from '../ui/index.js';
import { ModelDrawer } from './model_drawer.js';
import { ModelForm } from './model_form.js';
import { ImportPrices } from './price_import.js';
import { Reprice } from './reprice.js';

export const sumOf = (model, name) => model.providers.reduce((sum, one) => sum + (one.stats?.[name] ?? 0), 0);

function Name({ model }) {
    return html`<a href=${to('/models', { model: model.id })}><bdi>${model.id}</bdi></a>
        ${model.type !== 'chat' && html` <${Badge}>${model.type}<//>`}
        ${model.wildcard && html` <${Badge} title=${t('models.wildcard_text')}>${t('models.wildcard')}<//>`}`;
}

function Share({ model }) {
    const requests = sumOf(model, 'requests');
    const errors = requests - sumOf(model, 'ok') - sumOf(model, 'client_gone') - sumOf(model, 'cut');
    if (requests === 0) return '–';
    return html`<a class=${errors > 0 ? 'is-bad' : ''} href=${to('/logs', { model: model.id, status: 'error' })}>${percent(Math.max(0, errors) / requests)}</a>`;
}

function columnsOf(currency) {
    const price = (name) => ({
        key: name, title: t(`models.${name}`), align: 'right', hint: t('models.per_million'),
        sort: (row) => row.prices?.[name], render: (row) => money(row.prices?.[name], currency),
    });
    return [
        { key: 'id', title: t('models.name'), sort: true, render: (row) => html`<${Name} model=${row} />` },
        { key: 'providers', title: t('models.providers'), render: (row) => html`<span class="truncate"><bdi>${row.providers.map((one) => one.provider).join(', ') || '–'}</bdi></span>` },
        { key: 'context', title: t('models.context'), align: 'right', sort: true, render: (row) => html`<span title=${number(row.context)}>${compact(row.context)}</span>` },
        price('input'), price('output'), price('cached'),
        { key: 'requests', title: t('models.requests'), align: 'right', sort: (row) => sumOf(row, 'requests'), hint: t('models.since_start'),
            render: (row) => html`<a href=${to('/logs', { model: row.id })}>${compact(sumOf(row, 'requests'))}</a>` },
        { key: 'errors', title: t('models.errors'), align: 'right', render: (row) => html`<${Share} model=${row} />` },
        { key: 'cost', title: t('models.cost'), align: 'right', sort: (row) => sumOf(row, 'cost'), hint: t('models.since_start'),
            render: (row) => (row.prices || sumOf(row, 'cost') > 0 ? money(sumOf(row, 'cost'), currency)
                : html`<${Badge} tone="warn" title=${t('models.unpriced_text')}>${t('models.unpriced')}<//>`) },
    ];
}

export function Models({ query }) {
    const { data, error, reload } = useApi('/models');
    const [open, setOpen] = useState('');
    const text = (query.text || '').toLowerCase();
    const rows = useMemo(() => data?.data.filter((row) => `${row.id} ${row.aliases.join(' ')} ${row.providers.map((one) => one.provider).join(' ')}`
        .toLowerCase().includes(text)), [data, text]);
    const mayChange = may('operator', 'config:write');
    const close = () => setOpen('');
    const done = () => {
        close();
        reload();
    };
    const chosen = query.model && data?.data.find((row) => row.id === query.model);
    const actions = html`<${Input} type="search" class="search" aria-label=${t('models.search')} placeholder=${t('models.search')} value=${query.text}
            onInput=${(value) => setQuery({ text: value })} />
        ${mayChange && html`<${Menu} kind="" label=${t('models.prices')} icon="more" items=${[
            { label: t('import.title'), icon: 'download', onClick: () => setOpen('import') },
            may('owner', 'groups:write') && { label: t('reprice.title'), icon: 'rotate', onClick: () => setOpen('reprice') },
        ].filter(Boolean)} />
            <${Button} kind="primary" icon="plus" onClick=${() => setOpen('add')}>${t('models.add')}<//>`}`;
    return html`<${Page} title=${t('nav.models')} lead=${t('models.lead', { currency: data ? ` (${data.currency})` : '' })} actions=${actions}>
        <${Table} label=${t('nav.models')} columns=${columnsOf(data?.currency)} rows=${rows} rowKey=${(row) => row.id} error=${error} retry=${reload}
            selected=${query.model} href=${(row) => to('/models', { ...query, model: row.id })}
            empty=${text ? html`<${Empty} icon="search" title=${t('models.none')} />`
                : html`<${Empty} icon="models" title=${t('models.empty')} text=${t('models.empty_text')}><${Button} href=${to('/providers')}>${t('nav.providers')}<//><//>`} />
        ${chosen && html`<${ModelDrawer} key=${chosen.id} model=${chosen} currency=${data.currency} reload=${reload} onClose=${() => setQuery({ model: '' })} />`}
        ${open === 'add' && html`<${ModelForm} onClose=${close} onDone=${done} />`}
        ${open === 'import' && html`<${ImportPrices} currency=${data?.currency} onClose=${close} onDone=${done} />`}
        ${open === 'reprice' && html`<${Reprice} models=${data?.data} currency=${data?.currency} onClose=${close} />`}
    <//>`;
}
