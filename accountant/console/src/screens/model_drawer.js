// One model: its prices and their history, its providers with what they did.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, segment, useApi } from '../api.js';
import { compact, duration, money, number, percent, time } from '../format.js';
import { t } from '../i18n.js';
import { to } from '../router.js';
import { may } from '../state.js';
import { Badge, Button, Drawer, Empty, Facts, Skeleton, Table, confirm } from '../ui/index.js';
import { ManagedBy, act } from './act.js';
import { EndpointForm } from './endpoint_form.js';
import { CLASSES, ModelForm } from './model_form.js';

const perUnit = (name) => name === 'image' || name === 'request';

// When a tier's prices hold: prompt 200,001+ · 16:30-00:30 · flex
function conditionOf(tier) {
    const span = (name, from, to) => (from || to) && `${name} ${from ? number(from) : '0'}${to ? `–${number(to)}` : '+'}`;
    return [span(t('tier.prompt'), tier.prompt_from, tier.prompt_to), span(t('tier.output'), tier.output_from, tier.output_to),
        tier.hours && `${tier.hours} UTC`, tier.from && `≥ ${time(tier.from, 'minute')}`, tier.until && `< ${time(tier.until, 'minute')}`,
        tier.service_tiers?.join(', ')].filter(Boolean).join(' · ');
}

function Tiers({ tiers, currency }) {
    const price = (name) => ({ key: name, title: t(`models.${name}`), align: 'right', render: (row) => money(row.prices?.[name], currency) });
    const columns = [{ key: 'when', title: t('tier.when'), render: conditionOf }, price('input'), price('output'), price('cached')];
    return html`<${Table} label=${t('tier.when')} columns=${columns} rows=${tiers} rowKey=${(row) => tiers.indexOf(row)} />`;
}

function Prices({ prices, currency }) {
    const rows = CLASSES.filter((name) => prices?.[name] !== null && prices?.[name] !== undefined)
        .map((name) => [t(`price.${name}`), html`${money(prices[name], currency)} <span class="muted small">${t(perUnit(name) ? 'price.each' : 'price.million')}</span>`]);
    const tiers = prices?.tiers ?? [];
    if (tiers.length > 0) return html`<${Facts} rows=${rows} /><${Tiers} tiers=${tiers} currency=${currency} />`;
    return rows.length > 0 ? html`<${Facts} rows=${rows} />` : html`<p class="muted">${t('models.unpriced_text')}</p>`;
}

// Each provider with what its calls did; own: the newest prices of pairs that have some.
function Providers({ model, currency, own, onPrice }) {
    const columns = [
        { key: 'provider', title: t('models.provider'), render: (row) => html`<a href=${to('/providers', { provider: row.provider })}><bdi>${row.provider}</bdi></a>` },
        { key: 'requests', title: t('models.requests'), align: 'right', render: (row) => html`<a href=${to('/logs', { model: model.id, provider: row.provider })}>${compact(row.stats?.requests)}</a>` },
        { key: 'ok', title: t('models.ok'), align: 'right', render: (row) => (row.stats?.requests ? percent(row.stats.ok / row.stats.requests) : '–') },
        { key: 'tokens', title: t('models.tokens'), align: 'right', render: (row) => html`<span title=${t('models.tokens_hint')}>
            ${compact(row.stats && row.stats.prompt_missed + row.stats.cached + row.stats.cache_creation)} / ${compact(row.stats && row.stats.completion + row.stats.reasoning)}</span>` },
        { key: 'time', title: t('models.mean_time'), align: 'right', render: (row) => duration(row.stats?.requests ? row.stats.duration_ms_sum / row.stats.requests : undefined) },
        { key: 'cost', title: t('models.cost'), align: 'right', render: (row) => money(row.stats?.cost, currency) },
        { key: 'price', title: t('models.pair'), align: 'right', render: (row) => {
            const prices = own.get(row.provider);
            const said = prices ? html`${money(prices.input, currency)} / ${money(prices.output, currency)}` : html`<span class=${onPrice ? '' : 'muted'}>${t('models.pair_same')}</span>`;
            return onPrice ? html`<button type="button" class="link" title=${t('models.pair_set')} onClick=${() => onPrice(row.provider)}>${said}</button>` : said;
        } },
    ];
    return html`<${Table} label=${t('models.providers')} columns=${columns} rows=${model.providers} rowKey=${(row) => row.provider}
        empty=${html`<${Empty} icon="providers" title=${t('models.no_provider')} />`} />`;
}

// provider: of its own prices; else of the model's.
function History({ name, provider }) {
    const { data, error, reload } = useApi('/prices', { model: name, provider, limit: 200 });
    const price = (column) => ({ key: column, title: t(`models.${column}`), align: 'right', render: (row) => money(row.prices?.[column], data.currency) });
    const columns = [
        { key: 'since', title: t('models.since'), render: (row) => time(row.since, 'minute') },
        price('input'), price('output'), price('cached'),
        { key: 'tiers', title: t('tier.tiers'), align: 'right', render: (row) => row.prices?.tiers?.length || html`<span class="muted">–</span>` },
    ];
    return html`<${Table} label=${t('models.history')} columns=${columns} rows=${data && [...data.data].reverse()} rowKey=${(row) => row.version}
        error=${error} retry=${reload} empty=${html`<p class="muted">${t('models.no_history')}</p>`} />`;
}

// A section's prices as the API shows those of models, its tiers with what they state beside
// what it states.
function pricesOf(section) {
    const prices = Object.fromEntries(CLASSES.map((name) => [name, section[`price_${name}`]]));
    const tiers = section.price_tiers.map((text) => {
        const { service_tier: service, ...said } = Object.fromEntries(text.split(/\s+/).map((word) => word.split(/=(.*)/)));
        return { ...said, service_tiers: service?.split('|'), prices: { ...prices, ...said } };
    });
    return tiers.length > 0 || Object.values(prices).some((price) => price !== null) ? { ...prices, tiers } : null;
}

// {provider: prices} of those that have some of their own for this model.
function usePairs(model) {
    const { data, reload } = useApi('/endpoints', { limit: 1000 });
    const pairs = new Map((data?.data ?? []).map((section) => [section.name, section]));
    const own = model.providers.map(({ provider }) => [provider, pairs.get(`${provider}/${model.id}`)])
        .map(([provider, section]) => [provider, section && pricesOf(section)]).filter(([, prices]) => prices);
    return [new Map(own), reload];
}

export function ModelDrawer({ model, currency, reload, onClose }) {
    const detail = useApi(`/models/${segment(model.id)}`);
    const [own, askPairs] = usePairs(model);
    const [edit, setEdit] = useState(false);
    const [pair, setPair] = useState(null); // {name, data, etag}
    const part = detail.data;
    // One that a provider lists has no section of its own until it gets a price.
    const isImplicit = detail.error?.status === 404;
    const mayChange = may('operator', 'config:write') && !model.wildcard && (isImplicit || part?.managed_by === 'api');
    const drop = async () => {
        if (!(await confirm({ title: t('models.delete_title', { name: model.id }), text: t('models.delete_text'), action: t('models.delete'), danger: true }))) return;
        if (await act(() => api.delete(`/models/${segment(model.id)}`), t('models.deleted'))) {
            onClose();
            reload();
        }
    };
    const price = (provider) => act(async () => {
        const name = `${provider}/${model.id}`;
        const found = await api.send('GET', `/endpoints/${segment(name)}`).catch((failure) => {
            if (failure.status !== 404) throw failure;
            return {};
        });
        setPair({ name, ...found });
    });
    const saved = () => {
        setEdit(false);
        setPair(null);
        detail.reload();
        askPairs();
        reload();
    };
    const footer = mayChange && html`${part && html`<${Button} kind="danger" icon="trash" onClick=${drop}>${t('models.delete')}<//><span class="grow"></span>`}
        <${Button} kind="primary" icon="edit" onClick=${() => setEdit(true)}>${t('models.edit')}<//>`;
    return html`<${Drawer} wide title=${html`<bdi>${model.id}</bdi>`} onClose=${onClose} footer=${footer}>
        <div class="row">${part && html`<${ManagedBy} by=${part.managed_by} />`}<${Badge}>${model.type}<//>
            <${Button} small icon="playground" href=${to('/playground', { model: model.id })}>${t('nav.playground')}<//></div>
        ${part?.managed_by === 'file' && html`<p class="hint">${t('part.file_hint')}</p>`}
        ${detail.loading && !part && !detail.error ? html`<${Skeleton} lines=${2} />` : html`<${Facts} rows=${[
            [t('models.context'), number(model.context)], [t('models.max_output'), number(model.max_output)],
            model.aliases.length > 0 && [t('models.aliases'), html`<bdi>${model.aliases.join(', ')}</bdi>`],
            part?.key_rpm > 0 && [t('models.key_rpm'), number(part.key_rpm)], part?.key_tpm > 0 && [t('models.key_tpm'), number(part.key_tpm)],
        ]} />`}
        <h3>${t('models.prices')}</h3><${Prices} prices=${model.prices} currency=${currency} />
        <h3>${t('models.providers')}</h3><${Providers} model=${model} currency=${currency} own=${own} onPrice=${may('operator', 'config:write') && !model.wildcard && price} />
        ${[...own].map(([provider, prices]) => prices.tiers.length > 0 && html`<h4 key=${provider}><bdi>${provider}</bdi></h4><${Tiers} tiers=${prices.tiers} currency=${currency} />`)}
        <h3>${t('models.history')}</h3><${History} key=${model.price_version} name=${model.id} />
        ${[...own.keys()].map((provider) => html`<h4 key=${provider}><bdi>${provider}</bdi></h4><${History} key=${JSON.stringify(own.get(provider))} name=${model.id} provider=${provider} />`)}
        ${pair && html`<${EndpointForm} name=${pair.name} part=${pair.data} etag=${pair.etag} model=${model} modelPart=${part} onClose=${() => setPair(null)} onDone=${saved} />`}
        ${edit && html`<${ModelForm} name=${model.id} part=${part} etag=${detail.etag} onClose=${() => setEdit(false)} onDone=${saved} />`}
    <//>`;
}
