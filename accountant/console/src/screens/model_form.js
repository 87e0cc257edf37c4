// A model that management makes, or its prices and limits changed.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { api, segment, useApi } from '../api.js';
import { t } from '../i18n.js';
import { toast } from '../state.js';
import { Button, Dialog, Field, Input, Select, Textarea } from '../ui/index.js';
import { FormError, fieldError, listOf, useForm } from './act.js';

export const CLASSES = ['input', 'output', 'cached', 'cache_creation', 'cache_creation_1h', 'reasoning',
    'audio_in', 'audio_out', 'image', 'request'];
const MAIN = ['input', 'output', 'cached'];
const TYPES = ['chat', 'completion', 'embedding', 'image', 'audio', 'moderation', 'rerank'];
const NUMBERS = ['context', 'max_output', 'key_rpm', 'key_tpm', 'key_concurrency'];

const textOf = (value) => (value === null || value === undefined || value === 0 ? '' : String(value));
const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

// The prices of a model or of one of its providers, as fields; null: none.
export function priceValues(part) {
    const values = { price_tiers: part?.price_tiers?.join('\n') ?? '' };
    for (const name of CLASSES) values[`price_${name}`] = part?.[`price_${name}`] === 0 ? '0' : textOf(part?.[`price_${name}`]);
    return values;
}

function valuesOf(part) {
    const values = { name: '', type: part?.type ?? 'chat', providers: part?.providers.join(', ') ?? '', alias: part?.alias.join(', ') ?? '', ...priceValues(part) };
    for (const name of NUMBERS) values[name] = textOf(part?.[name]);
    return values;
}

// What was changed, as members of a body; '' is null: it says nothing again.
export function bodyOf(values, first) {
    const body = {};
    for (const [name, value] of Object.entries(values)) {
        if (value === first[name]) continue;
        const text = value.trim();
        if (name === 'providers' || name === 'alias') body[name] = listOf(text);
        else if (name === 'price_tiers') body[name] = lines(text);
        else if (NUMBERS.includes(name)) body[name] = text === '' ? null : Number(text);
        else body[name] = text === '' ? null : text;
    }
    return body;
}

const numberField = (form, key, label, hint) => html`<${Field} key=${key} label=${label} hint=${hint} error=${fieldError(form, key)}>${(props) => html`
    <${Input} ...${props} inputmode="decimal" value=${form.values[key]} onInput=${form.set(key)} />`}<//>`;

export function PriceFields({ form }) {
    const price = (key) => numberField(form, `price_${key}`, t(`price.${key}`));
    return html`<h3>${t('models.prices')} <span class="muted small">${t('price.million')}</span></h3>
        <div class="grid-3">${MAIN.map(price)}</div>
        <details><summary>${t('models.more_prices')}</summary><div class="grid-3 details">${CLASSES.filter((one) => !MAIN.includes(one)).map(price)}</div></details>
        <${Field} label=${t('tier.when')} optional=${t('part.optional')} hint=${t('tier.hint')} error=${fieldError(form, 'price_tiers')}>${(props) => html`
            <${Textarea} ...${props} class="mono" rows=${2} value=${form.values.price_tiers} onInput=${form.set('price_tiers')} placeholder="prompt_from=200001 input=2.5 output=15" />`}<//>`;
}

/*
 * name: of one that is there; part, etag: what it is, where it has a section.
 */
export function ModelForm({ name, part, etag, onClose, onDone }) {
    const path = `/models/${segment(name ?? '')}`;
    const form = useForm(valuesOf(part), { path, etag, valuesOf });
    const providers = useApi('/providers', { limit: 1000 });
    const { values, set } = form;
    const submit = () => form.save(async () => {
        const body = bodyOf(values, form.first);
        if (part) await api.patch(path, body, { ifMatch: form.ifMatch });
        else await api.post('/models', { ...body, name: name ?? values.name.trim() }, { idempotencyKey: form.idempotencyKey });
        toast(t('models.saved'));
        onDone();
    });
    const field = (key, label, hint) => numberField(form, key, label, hint);
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!name && values.name.trim() === ''}>${t('part.save')}<//>`;
    return html`<${Dialog} wide title=${name ? html`<bdi>${name}</bdi>` : t('models.add')} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <${FormError} form=${form} />
        <div class="grid-2">
            ${!name && html`<${Field} label=${t('models.name')} hint=${t('models.name_hint')} error=${fieldError(form, 'name')}>${(props) => html`
                <${Input} ...${props} autofocus value=${values.name} onInput=${set('name')} />`}<//>`}
            <${Field} label=${t('models.providers')} hint=${t('models.providers_hint', { names: providers.data?.data.map((one) => one.name).slice(0, 6).join(', ') ?? '' })} error=${fieldError(form, 'providers')}>${(props) => html`
                <${Input} ...${props} value=${values.providers} onInput=${set('providers')} />`}<//>
        </div>
        <${PriceFields} form=${form} />
        <details open=${!name}><summary>${t('models.properties')}</summary><div class="grid-3 details">
            <${Field} label=${t('models.type')}>${(props) => html`<${Select} ...${props} value=${values.type} onChange=${set('type')} options=${TYPES.map((one) => [one, one])} />`}<//>
            ${field('context', t('models.context'))}${field('max_output', t('models.max_output'))}${field('alias', t('models.aliases'), t('part.list_hint'))}
            ${field('key_rpm', t('models.key_rpm'))}${field('key_tpm', t('models.key_tpm'))}${field('key_concurrency', t('models.key_concurrency'))}</div></details>
    <//>`;
}
