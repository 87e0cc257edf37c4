// The parts of a key that one fills in, at its creation and afterwards. Each is
// given its value and what changes it.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { useApi } from '../api.js';
import { PERIODS } from '../quota.js';
import { fromField, iso, time, zone, zoneOffset } from '../format.js';
import { t } from '../i18n.js';
import { Button, Checkbox, Combobox, Field, IconButton, Input, Segmented, Select } from '../ui/index.js';

// value: {unlimited, unit, period, limit (as typed)}
export function QuotaFields({ value, onChange, error }) {
    const set = (patch) => onChange({ ...value, ...patch });
    return html`<${Checkbox} checked=${value.unlimited} onChange=${(unlimited) => set({ unlimited })}>${t('create.unlimited')}<//>
        ${!value.unlimited && html`<div class="pair">
            <${Field} label=${t('create.limit')} error=${error} hint=${t(value.unit === 'tokens' ? 'create.limit_hint' : 'create.money_hint')}>${(props) => html`
                <${Input} ...${props} value=${value.limit} onInput=${(limit) => set({ limit })} inputmode="decimal" placeholder=${value.unit === 'tokens' ? '2M' : '25'} />`}<//>
        </div><div class="pair">
            <div class="field"><span class="label">${t('create.unit')}</span><${Segmented} label=${t('create.unit')} value=${value.unit} onChange=${(unit) => set({ unit })}
                options=${[['tokens', t('create.unit_tokens')], ['currency', t('create.unit_currency')]]} /></div>
            <div class="field"><span class="label">${t('create.period')}</span><${Segmented} label=${t('create.period')} value=${value.period} onChange=${(period) => set({ period })}
                options=${PERIODS.map((one) => [one, t(`create.period.${one}`)])} /></div>
        </div>`}
        <p class="muted">${t('create.quota_note')}</p>`;
}

const DAYS = ['7', '30', '60', '90'];

// value: {kind: never, 7, 30, 60, 90, custom; date: as <input type="datetime-local"> has it}
export function ExpiryFields({ value, onChange, error }) {
    const options = [['never', t('create.never')], ...DAYS.map((one) => [one, t('create.days', { n: one })]), ['custom', t('create.custom')]];
    const at = DAYS.includes(value.kind) && Date.now() + Number(value.kind) * 86400000;
    return html`<div class="row"><${Segmented} label=${t('key.expires')} value=${value.kind} options=${options} onChange=${(kind) => onChange({ ...value, kind })} /></div>
        ${value.kind === 'custom' && html`<${Field} label=${t('create.date')} hint=${`${zone()} · ${zoneOffset()}`} error=${error}>${(props) => html`
            <${Input} ...${props} type="datetime-local" value=${value.date} onInput=${(date) => onChange({ ...value, date })} />`}<//>`}
        <p class="muted">${at ? t('create.expires_at', { when: time(at, 'minute') }) : t(value.kind === 'never' ? 'create.never_text' : 'create.date_text')}</p>`;
}

// undefined: the date is none; null: never; else RFC 3339.
export function expiryOf({ kind, date }) {
    if (kind === 'never') return null;
    const ms = kind === 'custom' ? fromField(date) : Date.now() + Number(kind) * 86400000;
    return ms > Date.now() ? iso(ms) : undefined;
}

// A list of texts as chips; options propose. value: ['a']
function ListField({ label, hint, value, onChange, options = [], placeholder, strict, error }) {
    const [typed, setTyped] = useState('');
    const add = (text) => {
        const more = text.split(/[\s,，]+/).filter((one) => one && !value.includes(one));
        if (more.length) onChange([...value, ...more]);
        setTyped('');
    };
    const change = (text) => (options.some(([key]) => key === text) ? add(text) : setTyped(text));
    const keys = (event) => {
        if (event.key !== 'Enter' || !typed.trim() || strict) return;
        event.preventDefault();
        add(typed);
    };
    const left = options.filter(([key]) => !value.includes(key));
    return html`<${Field} label=${label} hint=${hint} error=${error}>${(props) => html`
        <div class="pair" onKeyDown=${keys}><div class="grow"><${Combobox} ...${props} value=${typed} onChange=${change} options=${left} strict=${strict} placeholder=${placeholder} /></div>
            ${!strict && html`<${Button} disabled=${!typed.trim()} onClick=${() => add(typed)}>${t('fields.add')}<//>`}</div>
        ${value.length > 0 && html`<div class="chip-list">${value.map((one) => html`<span class="chip" key=${one}><bdi>${one}</bdi>
            <button type="button" aria-label=${t('fields.remove', { name: one })} onClick=${() => onChange(value.filter((other) => other !== one))}>×</button></span>`)}</div>`}`}
    <//>`;
}

// value: null (all) or names
export function ModelsFields({ value, onChange }) {
    const { data } = useApi('/models');
    const options = (data?.data || []).filter((one) => !one.wildcard).map((one) => [one.id, one.id]);
    return html`<div class="row"><${Segmented} label=${t('key.models')} value=${value ? 'some' : 'all'} onChange=${(kind) => onChange(kind === 'all' ? null : [])}
            options=${[['all', t('fields.all_models')], ['some', t('fields.some_models')]]} /></div>
        ${value && html`<${ListField} label=${t('key.models')} value=${value} onChange=${onChange} options=${options} placeholder=${t('fields.models_hint')} />`}`;
}

// value: {enabled, type, addresses}
export function AclFields({ value, onChange, error }) {
    const kind = value.enabled ? value.type : 'off';
    const set = (next) => onChange(next === 'off' ? { ...value, enabled: false } : { ...value, enabled: true, type: next });
    return html`<div class="row"><${Segmented} label=${t('key.ip')} value=${kind} onChange=${set}
            options=${[['off', t('fields.any_address')], ['allow', t('fields.allow')], ['deny', t('fields.deny')]]} /></div>
        ${value.enabled && html`<${ListField} label=${t('fields.addresses')} hint=${t('fields.addresses_hint')} value=${value.addresses} error=${error}
            onChange=${(addresses) => onChange({ ...value, addresses })} placeholder="10.0.0.0/8, 203.0.113.7" />`}`;
}

// value: [[name, text], ...]
export function TagsFields({ value, onChange }) {
    const set = (i, pair) => onChange(value.map((one, at) => (at === i ? pair : one)));
    return html`${value.map(([name, text], i) => html`<div class="pair" key=${i}>
            <${Field} label=${t('fields.tag_name')}>${(props) => html`<${Input} ...${props} value=${name} onInput=${(next) => set(i, [next, text])} />`}<//>
            <${Field} label=${t('fields.tag_text')}>${(props) => html`<${Input} ...${props} value=${text} onInput=${(next) => set(i, [name, next])} />`}<//>
            <${IconButton} icon="close" label=${t('fields.remove', { name })} onClick=${() => onChange(value.filter((one, at) => at !== i))} /></div>`)}
        <div><${Button} small icon="plus" onClick=${() => onChange([...value, ['', '']])}>${t('fields.add_tag')}<//></div>`;
}
export const tagsOf = (pairs) => Object.fromEntries(pairs.map(([name, text]) => [name.trim(), text]).filter(([name]) => name));

// value: {rpm, tpm, concurrency} as typed, '' none
export function RatesFields({ value, onChange }) {
    return html`<div class="pair">${['rpm', 'tpm', 'concurrency'].map((name) => html`
        <${Field} key=${name} label=${t(`key.${name}`)}>${(props) => html`<${Input} ...${props} inputmode="numeric" value=${value[name]} placeholder=${t('fields.no_limit')}
            onInput=${(next) => onChange({ ...value, [name]: next })} />`}<//>`)}</div>`;
}
export const ratesOf = (value) => Object.fromEntries(['rpm', 'tpm', 'concurrency'].map((name) => [name, String(value[name] ?? '').trim() === '' ? null : Number(value[name])]));

// value: settings of the key
export function RouteFields({ value, onChange }) {
    const { data } = useApi('/providers', { limit: 1000 });
    const set = (patch) => onChange({ ...value, ...patch });
    const options = (data?.data || []).map((one) => [one.name, one.name]);
    const route = value.route || 'default';
    return html`<div class="row"><${Segmented} label=${t('key.route')} value=${route} onChange=${(next) => set({ route: next })}
            options=${['default', 'provider', 'byok'].map((one) => [one, t(`fields.route_${one}`)])} /></div>
        <p class="muted">${t(`fields.route_${route}_text`)}</p>
        ${route === 'default' && html`<${Field} label=${t('fields.sort')}>${(props) => html`<${Select} ...${props} value=${value.sort || 'order'} onChange=${(sort) => set({ sort })}
            options=${['order', 'draw', 'price', 'throughput', 'latency'].map((one) => [one, t(`fields.sort_${one}`)])} />`}<//>`}
        ${route === 'provider' && html`<${ListField} label=${t('fields.providers')} value=${value.providers || []} options=${options} onChange=${(providers) => set({ providers })} placeholder=${t('fields.providers_hint')} />`}
        ${route === 'byok' && html`<${ListField} label=${t('fields.private_keys')} hint=${t('fields.private_hint')} value=${value.private_keys || []} onChange=${(private_keys) => set({ private_keys })} />`}`;
}
