// What a key may, as a list of settings; each is changed in a window of its own.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api } from '../api.js';
import { number, relative, time, toField } from '../format.js';
import { t } from '../i18n.js';
import { parseAmount, wholeAmount } from '../quota.js';
import { toast } from '../state.js';
import { Button, Card, Dialog, Facts, Field, IconButton, Input } from '../ui/index.js';
import { FormError, useForm } from './act.js';
import { AclFields, ExpiryFields, ModelsFields, QuotaFields, RatesFields, RouteFields, TagsFields, expiryOf, ratesOf, tagsOf } from './key_fields.js';

const asTyped = (budget) => ({ unlimited: false, unit: budget.unit, period: budget.period, limit: String(budget.limit) });
const isGood = (one) => one.unlimited || parseAmount(one.limit, one.unit) > 0;

// All budgets of a key or group; each is at the side of the others.
function BudgetsEditor({ value, onChange }) {
    const set = (i, next) => onChange(next.unlimited ? value.filter((one, at) => at !== i) : value.map((one, at) => (at === i ? next : one)));
    if (value.length === 0)
        return html`<${QuotaFields} value=${{ unlimited: true, unit: 'tokens', period: 'total', limit: '' }} onChange=${(one) => onChange([one])} />`;
    return html`${value.map((one, i) => html`<div class="column" key=${i}><${QuotaFields} value=${one} onChange=${(next) => set(i, next)} error=${one.limit && !isGood(one) ? t('create.limit_bad') : ''} /></div><hr />`)}
        ${value.length < 8 && html`<div><${Button} small icon="plus" onClick=${() => onChange([...value, { unlimited: false, unit: 'tokens', period: 'daily', limit: '' }])}>${t('fields.add_budget')}<//></div>`}`;
}
const budgetsOf = (typed) => typed.map((one) => ({ unit: one.unit, period: one.period, limit: parseAmount(one.limit, one.unit) }));

/*
 * Each: what it begins with, its fields, and the members of the body that say it;
 * null: it cannot be sent yet.
 */
const EDITORS = {
    name: {
        from: (key) => key.name, to: (name) => (name.trim() ? { name: name.trim() } : null),
        view: ({ value, onChange }) => html`<${Field} label=${t('key.name')}>${(props) => html`<${Input} ...${props} value=${value} onInput=${onChange} maxlength="63" />`}<//>`,
    },
    quota: {
        from: (key) => key.budgets.map(asTyped), view: BudgetsEditor,
        to: (typed) => (typed.every(isGood) ? { budgets: budgetsOf(typed) } : null),
    },
    expiry: {
        from: (key) => ({ kind: key.expires_at ? 'custom' : 'never', date: key.expires_at ? toField(Date.parse(key.expires_at)) : '' }),
        view: ExpiryFields, to: (value) => (expiryOf(value) === undefined ? null : { expires_at: expiryOf(value) }),
    },
    models: { from: (key) => key.models, view: ModelsFields, to: (models) => ({ models: models?.length ? models : null }) },
    ip: { from: (key) => key.ip_acl, view: AclFields, to: (ip_acl) => ({ ip_acl }) },
    route: {
        from: (key) => key.settings || {}, view: RouteFields,
        to: ({ route = 'default', sort, providers = [], private_keys = [] }) => ({ settings: { route, sort: route === 'default' ? sort ?? null : null,
            providers: route === 'provider' && providers.length ? providers : null, private_keys: route === 'byok' && private_keys.length ? private_keys : null } }),
    },
    rates: { from: (key) => ({ rpm: key.rpm ?? '', tpm: key.tpm ?? '', concurrency: key.concurrency ?? '' }), view: RatesFields, to: ratesOf },
    tags: { from: (key) => Object.entries(key.tags || {}), view: TagsFields, to: (pairs) => ({ tags: tagsOf(pairs) }) },
};

function SettingDialog({ path, object, name, etag, currency, onClose, onDone }) {
    const { from, to, view: View } = EDITORS[name];
    const valuesOf = (key) => ({ value: from(key) });
    const form = useForm(valuesOf(object), { path, etag, valuesOf });
    const { value } = form.values;
    const body = to(value);
    const submit = () => body && form.save(async () => {
        await api.patch(path, body, { ifMatch: form.ifMatch });
        toast(t('key.saved'));
        onDone();
    });
    return html`<${Dialog} title=${t(`key.${name}`)} wide onClose=${onClose} onSubmit=${submit} footer=${html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
            <${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!body}>${t('part.save')}<//>`}>
        <${FormError} form=${form} fields=${[]} />
        <${View} value=${value} onChange=${form.set('value')} />
        ${'value' in form.theirs && html`<${Facts} rows=${[[t('part.by_now'), saysOf(name, form.now, currency)]]} />`}
    <//>`;
}

const muted = (text) => html`<span class="muted">${text}</span>`;
const names = (list) => html`<div class="chip-list">${list.map((one) => html`<span class="badge" key=${one}><bdi>${one}</bdi></span>`)}</div>`;

const budgetsText = (budgets, currency) => (budgets.length === 0 ? muted(t('quota.unlimited'))
    : budgets.map((one) => html`<div key=${one.unit + one.period}>${wholeAmount(one.unit, one.limit, currency)} ${t(`quota.per_${one.period}`)}</div>`));
const ratesText = (one) => {
    const said = ['rpm', 'tpm', 'concurrency'].filter((name) => one[name] !== null).map((name) => `${t(`key.${name}`)}: ${number(one[name])}`);
    return said.length ? said.join(' · ') : muted(t('fields.no_limit'));
};
const routeText = (settings) => {
    const route = settings?.route || 'default';
    const list = route === 'provider' ? settings.providers : route === 'byok' ? settings.private_keys : null;
    return html`<div>${t(`fields.route_${route}`)}${route === 'default' && settings?.sort ? ` · ${t(`fields.sort_${settings.sort}`)}` : ''}</div>${list?.length > 0 && names(list)}`;
};

function saysOf(name, key, currency) {
    const { ip_acl: acl, tags } = key;
    if (name === 'name') return html`<bdi>${key.name}</bdi>`;
    if (name === 'quota') return budgetsText(key.budgets, currency);
    if (name === 'expiry') return key.expires_at ? `${time(key.expires_at, 'minute')} (${relative(key.expires_at)})` : muted(t('key.no_expiry'));
    if (name === 'models') return key.models ? names(key.models) : muted(t('fields.all_models'));
    if (name === 'ip') return acl.enabled ? html`<div>${t(`fields.${acl.type}`)}</div>${names(acl.addresses)}` : muted(t('fields.any_address'));
    if (name === 'route') return routeText(key.settings);
    if (name === 'rates') return ratesText(key);
    return Object.keys(tags).length ? names(Object.entries(tags).map(([a, b]) => `${a}: ${b}`)) : muted(t('fields.no_tags'));
}

// rows of settings with what changes them; `only`: which ones
export function Settings({ path, object, etag, currency, canEdit, reload, only = Object.keys(EDITORS) }) {
    const [editing, setEditing] = useState(null);
    const done = () => {
        setEditing(null);
        reload();
    };
    return html`<${Card} flush>${only.map((name) => html`<div class="setting" key=${name}><b>${t(`key.${name}`)}</b><div>${saysOf(name, object, currency)}</div>
            ${canEdit && html`<${IconButton} small icon="edit" label=${t('key.edit', { what: t(`key.${name}`) })} onClick=${() => setEditing(name)} />`}</div>`)}
        ${editing && html`<${SettingDialog} key=${editing} path=${path} object=${object} name=${editing} etag=${etag} currency=${currency} onClose=${() => setEditing(null)} onDone=${done} />`}<//>`;
}
