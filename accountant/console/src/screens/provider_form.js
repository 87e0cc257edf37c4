// A provider that management makes, from a preset of those that are known.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, segment } from '../api.js';
import { t } from '../i18n.js';
import { toast } from '../state.js';
import { Button, Checkbox, Dialog, Field, Input, Select, Textarea } from '../ui/index.js';
import { FormError, fieldError, listOf, useForm } from './act.js';

// name: [kind, base_url, models]
const PRESETS = {
    OpenAI: ['openai', 'https://api.openai.com/v1'],
    Anthropic: ['anthropic', 'https://api.anthropic.com'],
    'Google Gemini': ['gemini', 'https://generativelanguage.googleapis.com/v1beta'],
    'Azure OpenAI': ['azure', 'https://RESOURCE.openai.azure.com/openai/v1'],
    'AWS Bedrock': ['bedrock', 'https://bedrock-runtime.REGION.amazonaws.com'],
    'Cloudflare Workers AI': ['workers-ai', 'https://api.cloudflare.com/client/v4/accounts/ACCOUNT'],
    OpenRouter: ['openai', 'https://openrouter.ai/api/v1'],
    DeepSeek: ['openai', 'https://api.deepseek.com'],
    'Qwen · 通义千问': ['openai', 'https://dashscope.aliyuncs.com/compatible-mode/v1'],
    'Kimi · Moonshot': ['openai', 'https://api.moonshot.cn/v1'],
    'GLM · 智谱': ['openai', 'https://open.bigmodel.cn/api/paas/v4'],
    'SiliconFlow · 硅基流动': ['openai', 'https://api.siliconflow.cn/v1'],
    Mistral: ['openai', 'https://api.mistral.ai/v1'],
    Groq: ['openai', 'https://api.groq.com/openai/v1'],
    xAI: ['openai', 'https://api.x.ai/v1'],
};
const KINDS = ['openai', 'anthropic', 'gemini', 'azure', 'bedrock', 'workers-ai', 'builtin'];
const TIMES = ['connect_timeout', 'first_byte_timeout', 'idle_timeout', 'total_timeout', 'cooldown'];
const NUMBERS = ['max_concurrency', 'fails'];

function valuesOf(part) {
    const values = { name: '', kind: part?.kind ?? 'openai', base_url: part?.base_url ?? '', api_key: '', models: part?.models.join('\n') ?? '',
        region: part?.region ?? '', api_version: part?.api_version ?? '', guarded: part?.guarded ?? true, data_policy: part?.data_policy ?? 'unknown' };
    for (const name of [...TIMES, ...NUMBERS]) values[name] = String(part?.[name] ?? '');
    return values;
}

function bodyOf(values, first) {
    const body = {};
    for (const [name, value] of Object.entries(values)) {
        if (value === first[name] || name === 'name') continue;
        if (name === 'models') body.models = listOf(value);
        else if (NUMBERS.includes(name)) body[name] = value.trim() === '' ? null : Number(value);
        else body[name] = typeof value === 'string' ? value.trim() || null : value;
    }
    return body;
}

// part, etag: of one that is there
export function ProviderForm({ part, etag, onClose, onDone }) {
    const path = `/providers/${segment(part?.name ?? '')}`;
    const form = useForm(valuesOf(part), { path, etag, valuesOf });
    const [preset, setPreset] = useState('');
    const { values, set, setValues } = form;
    const choose = (name) => {
        setPreset(name);
        const [kind, base_url] = PRESETS[name] ?? ['openai', ''];
        setValues((now) => ({ ...now, kind, base_url, name: now.name || (name ? name.toLowerCase().split(/[ ·]/).filter(Boolean).pop().replace(/[^a-z0-9-]/g, '') || kind : '') }));
    };
    const submit = () => form.save(async () => {
        const body = bodyOf(values, form.first);
        if (part) await api.patch(path, body, { ifMatch: form.ifMatch });
        else await api.post('/providers', { ...body, kind: values.kind, guarded: values.guarded, name: values.name.trim() }, { idempotencyKey: form.idempotencyKey });
        toast(t('providers.saved'));
        onDone(part?.name ?? values.name.trim());
    });
    const field = (name, props = {}) => html`<${Field} key=${name} label=${t(`providers.${name}`)} hint=${props.hint} error=${fieldError(form, name)}>${(own) => html`
        <${Input} ...${own} ...${props} value=${values[name]} onInput=${set(name)} />`}<//>`;
    const isReady = part || (values.name.trim() && (values.kind === 'builtin' || values.base_url.trim()));
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!isReady}>${t('part.save')}<//>`;
    return html`<${Dialog} wide title=${part ? html`<bdi>${part.name}</bdi>` : t('providers.add')} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <${FormError} form=${form} />
        ${!part && html`<div class="grid-2"><${Field} label=${t('providers.preset')}>${(props) => html`<${Select} ...${props} autofocus value=${preset} onChange=${choose}
                options=${[['', t('providers.custom')], ...Object.keys(PRESETS).map((one) => [one, one])]} />`}<//>${field('name', { hint: t('providers.name_hint') })}</div>`}
        <div class="grid-2"><${Field} label=${t('providers.kind')}>${(props) => html`<${Select} ...${props} value=${values.kind} onChange=${set('kind')} options=${KINDS.map((one) => [one, one])} />`}<//>
            ${field('base_url', { placeholder: 'https://', inputmode: 'url' })}</div>
        ${field('api_key', { type: 'password', placeholder: part?.api_key ?? '', hint: t(part ? 'providers.api_key_keep' : 'part.secret_hint') })}
        <${Field} label=${t('providers.models')} hint=${t('providers.models_hint')} error=${fieldError(form, 'models')}>${(props) => html`
            <${Textarea} ...${props} class="mono" rows=${4} value=${values.models} onInput=${set('models')} />`}<//>
        <details><summary>${t('providers.advanced')}</summary><div class="grid-3 details">
            ${TIMES.map((name) => field(name, { placeholder: '30s' }))}${NUMBERS.map((name) => field(name, { inputmode: 'numeric' }))}
            ${(values.kind === 'bedrock') && field('region')}${(values.kind === 'azure' || values.kind === 'anthropic') && field('api_version')}
            <${Field} label=${t('providers.data_policy')}>${(props) => html`<${Select} ...${props} value=${values.data_policy} onChange=${set('data_policy')}
                options=${['unknown', 'collects', 'retains', 'zero'].map((one) => [one, t(one === 'zero' ? 'policy.nothing' : `policy.${one}`)])} />`}<//></div>
            <${Checkbox} checked=${values.guarded} onChange=${set('guarded')}>${t('providers.guarded')}<//></details>
    <//>`;
}
