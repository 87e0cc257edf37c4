// A model that management makes, or its prices and limits changed.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { api, newIdempotencyKey, segment, useApi } from '../api.js';
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

function firstValues(part) {
    const values = { name: '', type: part?.type ?? 'chat', providers: part?.providers.join(', ') ?? '', alias: part?.alias.join(', ') ?? '', price_tiers: part?.price_tiers?.join('\n') ?? '' };
    for (const name of NUMBERS) values[name] = textOf(part?.[name]);
    for (const name of CLASSES) values[`price_${name}`] = part?.[`price_${name}`] === 0 ? '0' : textOf(part?.[`price_${name}`]);
    return values;
}

function bodyOf(values, first) {
    const body = {};
    for (const [name, value] of Object.entries(values)) {
        if (value === first[name]) continue;
        const text = value.trim();
        if (name === 'providers' || name === 'alias') body[name] = listOf(text);
        else if (name === 'price_tiers') body[name] = text.split('\n').map((line) => line.trim()).filter(Boolean);
        else if (NUMBERS.includes(name)) body[name] = text === '' ? null : Number(text);
        else body[name] = text === '' ? null : text;
    }
    return body;
}

/*
 * name: of one that is there; part, etag: what it is, where it has a section.
 */
export function ModelForm({ name, part, etag, onClose, onDone }) {
    const first = firstValues(part);
    const form = useForm(first);
    const providers = useApi('/providers', { limit: 1000 });
    const { values, set, error } = form;
    const submit = () => form.save(async () => {
        const body = bodyOf(values, first);
        if (part) await api.patch(`/models/${segment(name)}`, body, { ifMatch: etag });
        else await api.post('/models', { ...body, name: name ?? values.name.trim() }, { idempotencyKey: newIdempotencyKey() });
        toast(t('models.saved'));
        onDone();
    });
    const field = (key, label, hint) => html`<${Field} key=${key} label=${label} hint=${hint} error=${fieldError(error, key)}>${(props) => html`
        <${Input} ...${props} inputmode="decimal" value=${values[key]} onInput=${set(key)} />`}<//>`;
    const price = (key) => field(`price_${key}`, t(`price.${key}`));
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!name && values.name.trim() === ''}>${t('part.save')}<//>`;
    return html`<${Dialog} wide title=${name ? html`<bdi>${name}</bdi>` : t('models.add')} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <${FormError} error=${error} fields=${Object.keys(values)} />
        <div class="grid-2">
            ${!name && html`<${Field} label=${t('models.name')} hint=${t('models.name_hint')} error=${fieldError(error, 'name')}>${(props) => html`
                <${Input} ...${props} autofocus value=${values.name} onInput=${set('name')} />`}<//>`}
            <${Field} label=${t('models.providers')} hint=${t('models.providers_hint', { names: providers.data?.data.map((one) => one.name).slice(0, 6).join(', ') ?? '' })} error=${fieldError(error, 'providers')}>${(props) => html`
                <${Input} ...${props} value=${values.providers} onInput=${set('providers')} />`}<//>
        </div>
        <h3>${t('models.prices')} <span class="muted small">${t('price.million')}</span></h3>
        <div class="grid-3">${MAIN.map(price)}</div>
        <details><summary>${t('models.more_prices')}</summary><div class="grid-3 details">${CLASSES.filter((one) => !MAIN.includes(one)).map(price)}</div>
            <${Field} label=${t('tier.when')} hint=${t('tier.hint')} error=${fieldError(error, 'price_tiers')}>${(props) => html`
                <${Textarea} ...${props} class="mono" rows=${2} value=${values.price_tiers} onInput=${set('price_tiers')} placeholder="prompt_from=200001 input=2.5 output=15" />`}<//></details>
        <details open=${!name}><summary>${t('models.properties')}</summary><div class="grid-3 details">
            <${Field} label=${t('models.type')}>${(props) => html`<${Select} ...${props} value=${values.type} onChange=${set('type')} options=${TYPES.map((one) => [one, one])} />`}<//>
            ${field('context', t('models.context'))}${field('max_output', t('models.max_output'))}${field('alias', t('models.aliases'), t('part.list_hint'))}
            ${field('key_rpm', t('models.key_rpm'))}${field('key_tpm', t('models.key_tpm'))}${field('key_concurrency', t('models.key_concurrency'))}</div></details>
    <//>`;
}
