// One provider: how its models and credentials are, a test, what may be done.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, segment, useApi } from '../api.js';
import { duration, number, percent, relative, time } from '../format.js';
import { t } from '../i18n.js';
import { to } from '../router.js';
import { may, toast } from '../state.js';
import { Badge, Button, Dialog, Drawer, Empty, Facts, Field, IconButton, Input, Table, confirm } from '../ui/index.js';
import { FormError, ManagedBy, act, fieldError, useEditing, useForm } from './act.js';
import { LastError, StateBadge } from './health.js';
import { ProviderForm } from './provider_form.js';
import { ProviderTest } from './provider_test.js';

function State({ row }) {
    return html`<${StateBadge} state=${row.state} />${row.cooling_until && row.state !== 'up'
        && html`<span class="muted small" title=${time(row.cooling_until)}> ${relative(row.cooling_until)}</span>`}`;
}

function Endpoints({ rows, provider }) {
    const columns = [
        { key: 'model', title: t('providers.model'), sort: true, render: (row) => html`<a href=${to('/models', { model: row.model })}><bdi>${row.model}</bdi></a>` },
        { key: 'state', title: t('providers.state'), render: (row) => html`<${State} row=${row} />` },
        { key: 'in_flight', title: t('providers.in_flight'), align: 'right', render: (row) => number(row.in_flight) + (row.max_concurrency ? ` / ${number(row.max_concurrency)}` : '') },
        { key: 'requests', title: t('providers.requests'), align: 'right', hint: t('providers.five_minutes'), render: (row) => html`<a href=${to('/logs', { provider, model: row.model })}>${number(row.requests)}</a>` },
        { key: 'rate', title: t('providers.error_rate'), align: 'right', render: (row) => percent(row.error_rate) },
        { key: 'first', title: t('providers.first_token'), align: 'right', render: (row) => duration(row.first_token_ms ?? undefined) },
        { key: 'duration', title: t('providers.duration'), align: 'right', hint: t('providers.median'), render: (row) => duration(row.duration_ms ?? undefined) },
        { key: 'speed', title: t('providers.speed'), align: 'right', render: (row) => number(row.tokens_per_second ?? undefined) },
        { key: 'error', title: t('providers.last_error'), wrap: true, render: (row) => html`<${LastError} error=${row.last_error} />` },
    ];
    return html`<${Table} label=${t('providers.models')} columns=${columns} rows=${rows} rowKey=${(row) => row.model}
        empty=${html`<${Empty} icon="models" title=${t('providers.no_models')} text=${t('providers.no_models_text')} />`} />`;
}

function CredentialForm({ provider, onClose, onDone }) {
    const form = useForm({ name: '', api_key: '', weight: '1', group: '' });
    const { values, set } = form;
    const submit = () => form.save(async () => {
        const body = { name: `${provider}/${values.name.trim()}`, api_key: values.api_key.trim(), weight: Number(values.weight) };
        if (values.group.trim()) body.group = values.group.trim();
        await api.post('/credentials', body, { idempotencyKey: form.idempotencyKey });
        toast(t('providers.credential_added'));
        onDone();
    });
    const field = (name, props) => html`<${Field} label=${t(`credential.${name}`)} hint=${props.hint} error=${fieldError(form, name)}>${(own) => html`
        <${Input} ...${own} ...${props} value=${values[name]} onInput=${set(name)} />`}<//>`;
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!values.name.trim() || !values.api_key.trim()}>${t('part.save')}<//>`;
    return html`<${Dialog} title=${t('providers.add_credential')} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <${FormError} form=${form} />
        ${field('name', { autofocus: true })}${field('api_key', { type: 'password', hint: t('part.secret_hint') })}
        <div class="grid-2">${field('weight', { inputmode: 'numeric', hint: t('credential.weight_hint') })}${field('group', { hint: t('credential.group_hint') })}</div>
    <//>`;
}

function Credentials({ provider, mayChange }) {
    const list = useApi('/credentials', { limit: 1000 });
    const [adding, setAdding] = useState(false);
    const parts = new Map(list.data?.data.map((one) => [one.name, one]));
    const partOf = (row) => parts.get(`${provider.name}/${row.name}`);
    const drop = async (row) => {
        const text = t('credential.delete_text', { name: row.name });
        if (await confirm({ title: t('credential.delete_title'), text, action: t('part.delete'), danger: true })
            && await act(() => api.delete(`/credentials/${segment(`${provider.name}/${row.name}`)}`), t('credential.deleted')))
            list.reload();
    };
    const columns = [
        { key: 'name', title: t('credential.name'), render: (row) => html`<bdi>${row.name}</bdi> <span class="mono muted">${partOf(row)?.api_key ?? (row.name === 'default' ? provider.api_key : '')}</span>` },
        { key: 'state', title: t('providers.state'), render: (row) => html`<${State} row=${row} />` },
        { key: 'limited', title: t('credential.limited'), render: (row) => (row.limited.length === 0 ? html`<span class="muted">–</span>`
            : html`<span title=${row.limited.map((one) => `${one.model}: ${time(one.until, 'time')}`).join('\n')}>${t('credential.models', { n: number(row.limited.length) })} ${relative(row.limited[0].until)}</span>`) },
        { key: 'group', title: t('credential.group'), render: (row) => html`<bdi>${partOf(row)?.group ?? '–'}</bdi>` },
        { key: 'do', title: html`<span class="sr-only">${t('common.actions')}</span>`, align: 'right', render: (row) => mayChange && partOf(row)?.managed_by === 'api'
            && html`<${IconButton} small icon="trash" label=${t('part.delete')} onClick=${() => drop(row)} />` },
    ];
    return html`<div class="row"><h3 class="grow">${t('providers.credentials')}</h3>
            ${mayChange && html`<${Button} small icon="plus" onClick=${() => setAdding(true)}>${t('providers.add_credential')}<//>`}</div>
        <${Table} label=${t('providers.credentials')} columns=${columns} rows=${provider.health?.credentials} rowKey=${(row) => row.name} />
        ${adding && html`<${CredentialForm} provider=${provider.name} onClose=${() => setAdding(false)} onDone=${() => { setAdding(false); list.reload(); }} />`}`;
}

export function ProviderDrawer({ provider, reload, onClose }) {
    const path = `/providers/${segment(provider.name)}`;
    const [editing, edit, end] = useEditing();
    const mayChange = may('operator', 'config:write');
    const isOwn = mayChange && provider.managed_by === 'api';
    const turn = async () => {
        if (await act(() => api.patch(path, { enabled: !provider.enabled }), t(provider.enabled ? 'providers.disabled' : 'providers.enabled')))
            reload();
    };
    const drop = async () => {
        const ok = await confirm({ title: t('providers.delete_title', { name: provider.name }), text: t('providers.delete_text'), action: t('part.delete'), danger: true, word: provider.name });
        if (!ok || !(await act(() => api.delete(path), t('providers.deleted')))) return;
        onClose();
        reload();
    };
    const footer = isOwn && html`<${Button} kind="danger" icon="trash" onClick=${drop}>${t('part.delete')}<//><span class="grow"></span>
        <${Button} onClick=${turn}>${t(provider.enabled ? 'part.disable' : 'part.enable')}<//>
        <${Button} kind="primary" icon="edit" onClick=${() => edit(path)}>${t('part.edit')}<//>`;
    const models = provider.health?.endpoints.map((one) => one.model) ?? [];
    return html`<${Drawer} wide title=${html`<bdi>${provider.name}</bdi>`} onClose=${onClose} footer=${footer}>
        <div class="row">${provider.health && html`<${StateBadge} state=${provider.health.state} />`}<${Badge}>${provider.kind}<//><${ManagedBy} by=${provider.managed_by} /></div>
        ${provider.fault && html`<p class="error" role="alert">${provider.fault}</p>`}
        ${provider.managed_by === 'file' && html`<p class="hint">${t('part.file_hint')}</p>`}
        <${Facts} rows=${[
            [t('providers.base_url'), html`<bdi class="mono">${provider.base_url ?? '–'}</bdi>`],
            [t('providers.in_flight'), number(provider.health?.in_flight) + (provider.max_concurrency ? ` / ${number(provider.max_concurrency)}` : '')],
            [t('providers.api_key'), html`<span class="mono">${provider.api_key ?? '–'}</span>`],
            [t('providers.data_policy'), provider.data_policy], [t('providers.cooldown'), `${provider.fails} × → ${provider.cooldown}`],
            provider.health?.health_checks > 0 && [t('providers.checks'), `${number(provider.health.health_checks)} (${t('providers.checks_failed', { n: number(provider.health.health_checks_failed) })})`],
        ]} />
        ${provider.enabled && html`<h3>${t('providers.test')}</h3><${ProviderTest} provider=${provider.name} models=${models} />`}
        <h3>${t('providers.models')}</h3><${Endpoints} rows=${provider.health?.endpoints} provider=${provider.name} />
        ${provider.enabled && html`<${Credentials} provider=${provider} mayChange=${mayChange} />`}
        ${editing && html`<${ProviderForm} part=${editing.data} etag=${editing.etag} onClose=${end} onDone=${() => { end(); reload(); }} />`}
    <//>`;
}
