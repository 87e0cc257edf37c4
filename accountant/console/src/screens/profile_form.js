// A gateway profile: made or changed. Its fields are the server's own options; one
// that is left empty says nothing, so the layer below holds.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { api, segment } from '../api.js';
import { optionText, t } from '../i18n.js';
import { toast } from '../state.js';
import { Button, Dialog, Field, Input, Select, Textarea } from '../ui/index.js';
import { FormError, fieldError, useForm } from './act.js';

export const OPTION_GROUPS = {
    routing: ['route', 'sort', 'providers', 'only', 'ignore', 'allow_fallbacks', 'affinity', 'data_collection', 'zdr', 'private_keys', 'byok_fallback'],
    retry: ['max_attempts', 'retry_delay', 'retry_backoff', 'request_timeout'],
    cache: ['cache_ttl', 'cache_scope', 'skip_cache'],
    limits: ['rate_limit', 'rate_interval', 'rate_technique', 'spend_rules', 'shadow', 'cut_on_revoke'],
    log: ['collect_log', 'log_payload', 'redact'],
    guard: ['guard_prompt', 'guard_answer', 'webhook_url', 'webhook_timeout', 'webhook_fail', 'webhook_prompt', 'authentication'],
};
const NAMES = Object.values(OPTION_GROUPS).flat();
const EXAMPLES = { cache_ttl: '10m', retry_delay: '500ms', request_timeout: '30s', rate_interval: '1m', rate_limit: '100', max_attempts: '3', webhook_timeout: '1s',
    guard_prompt: 'secrets:block:AKIA[0-9A-Z]{16}', guard_answer: 'secrets:flag:AKIA[0-9A-Z]{16}', redact: '[0-9]{16}',
    spend_rules: 'id=day limit=10 window=24h', webhook_url: 'https://' };

const textOf = (value) => (value === null || value === undefined ? '' : Array.isArray(value) ? value.join('\n')
    : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value));

// '' is null: the option says nothing again.
function valueOf(option, text) {
    if (option.type === 'list') return text.split('\n').map((line) => line.trim()).filter(Boolean);
    if (text.trim() === '') return null;
    if (option.type === 'boolean') return text === 'yes';
    return option.type === 'integer' ? Number(text) : text.trim();
}

function OptionField({ option, value, onInput, error }) {
    const name = option.option;
    const none = option.default ? t('settings.default_is', { value: option.default }) : t('settings.not_set');
    const choices = option.type === 'boolean' ? [['yes', t('settings.yes')], ['no', t('settings.no')]] : (option.words ?? []).map((word) => [word, word]);
    const inside = (props) => (choices.length > 0 ? html`<${Select} ...${props} value=${value} onChange=${onInput} options=${[['', none], ...choices]} />`
        : option.type === 'list' ? html`<${Textarea} ...${props} class="mono" rows=${2} value=${value} onInput=${onInput} placeholder=${EXAMPLES[name] ?? t('settings.one_a_line')} />`
            : html`<${Input} ...${props} value=${value} onInput=${onInput} placeholder=${EXAMPLES[name] ?? ''} />`);
    return html`<${Field} class=${option.type === 'list' && (option.unit || EXAMPLES[name]) ? 'is-wide' : ''} label=${html`${t(`setting.${name}`)} <code>${name}</code>`}
        hint=${optionText('gateway', option)} error=${error}>${inside}<//>`;
}

const valuesOf = (profile) => ({ ...Object.fromEntries(NAMES.map((name) => [name, textOf(profile?.[name])])), name: '' });

// profile, etag: of one that is there
export function ProfileForm({ profile, etag, options, onClose, onDone }) {
    const path = `/gateways/${segment(profile?.name ?? '')}`;
    const form = useForm(valuesOf(profile), { path, etag, valuesOf });
    const { values, first, set } = form;
    const byName = new Map(options.map((one) => [one.option, one]));
    const submit = () => form.save(async () => {
        const body = {};
        for (const name of NAMES)
            if (byName.has(name) && values[name] !== first[name]) body[name] = valueOf(byName.get(name), values[name]);
        if (profile) await api.patch(path, body, { ifMatch: form.ifMatch });
        else await api.post('/gateways', { ...body, name: values.name.trim() }, { idempotencyKey: form.idempotencyKey });
        toast(t('settings.saved'));
        onDone(profile?.name ?? values.name.trim());
    });
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!profile && !values.name.trim()}>${t('part.save')}<//>`;
    const isOpen = (names) => names.some((name) => first[name] !== '' && byName.get(name)?.default !== first[name]);
    return html`<${Dialog} wide title=${profile ? html`<bdi>${profile.name}</bdi>` : t('settings.add')} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <${FormError} form=${form} fields=${['name', ...NAMES]} />
        ${!profile && html`<${Field} label=${t('settings.profile')} hint=${t('settings.name_hint')} error=${fieldError(form, 'name')}>${(props) => html`
            <${Input} ...${props} autofocus value=${values.name} onInput=${set('name')} />`}<//>`}
        <div class="options-list">${Object.entries(OPTION_GROUPS).map(([group, names], i) => html`<details key=${group} open=${isOpen(names) || (!profile && i === 0)}>
            <summary>${t(`settings.group.${group}`)}</summary><div class="option-rows details">${names.filter((name) => byName.has(name)).map((name) => html`
                <${OptionField} key=${name} option=${byName.get(name)} value=${values[name]} onInput=${set(name)} error=${fieldError(form, name)} />`)}</div></details>`)}</div>
    <//>`;
}
